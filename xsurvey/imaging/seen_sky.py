"""How long places on the sky were seen, and with what relative effective area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel

from xsurvey.attitude import separations, unit_vectors
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.attitude_exposure import exposure_from_attitude
from xsurvey.imaging.exposure import APPROXIMATE, livetime_of_footprints
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, grid_from_events, grid_over
from xsurvey.missions import Mission, get_mission

ENERGIES = np.geomspace(0.1, 15.0, 48)
"""keV, at which relative areas are given: a tenth apart, between which they are smooth."""

_FEWEST_EVENTS = 50
_LARGEST_SIDE = 512  # pixels of the maps that attitudes give
_MARGIN = 4  # pixels
_NODES = 200
"""Off-axis angles at which vignetting is computed for many places: seconds of arc apart, it is
straight between them to a part in a million."""


class SeenPlaces:
    """What m places got of an observation.

    Parameters
    ----------
    livetime : ndarray, shape (m,)
        s; 0 where the place was never seen.
    area : ndarray, shape (m, k), or callable
        Effective area relative to the optical axis at `ENERGIES`, the mean over that time; or what
        gives it when it is asked for.
    """

    def __init__(self, livetime: np.ndarray, area: np.ndarray | Callable[[], np.ndarray]) -> None:
        self.livetime = livetime
        self._area = area

    @cached_property
    def area(self) -> np.ndarray:
        """Effective area relative to the optical axis, shape (m, k)."""
        return self._area() if callable(self._area) else self._area


@dataclass(frozen=True)
class SeenSky:
    """Livetime and relative area as functions of the place.

    Attributes
    ----------
    how : str
        For headers: from what it is known.
    origin : str
        ``APPROX``, or ``SUPPLIED`` with an exposure map.
    in_exposure : bool
        Whether vignetting is in the livetimes, and relative areas are 1.
    """

    events: EventList
    grid: ImageGrid | None
    livetimes: np.ndarray | None
    areas: np.ndarray | None
    how: str
    origin: str = APPROXIMATE
    in_exposure: bool = False

    def at(self, x: np.ndarray, y: np.ndarray) -> SeenPlaces:
        """Return what places got.

        Parameters
        ----------
        x, y : ndarray, shape (m,)
            Sky pixels of the event list, 1-based.
        """
        if self.grid is None or self.livetimes is None:
            livetime = np.full(len(x), self.events.livetime)
            return SeenPlaces(livetime, lambda: self._analytic(x, y))
        row, column, on = self._pixels(x, y)
        livetime = np.zeros(len(x))
        livetime[on] = self.livetimes[row[on], column[on]]
        if self.in_exposure:
            return SeenPlaces(livetime, np.ones((len(x), len(ENERGIES))))
        if self.areas is None:
            return SeenPlaces(livetime, lambda: self._analytic(x, y))
        areas = self.areas

        def measured() -> np.ndarray:
            area = np.zeros((len(x), len(ENERGIES)))
            area[on] = areas[:, row[on], column[on]].T
            return area

        return SeenPlaces(livetime, measured)

    @cached_property
    def _mission(self) -> Mission:
        return get_mission(self.events.observation.mission)

    def _pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        assert self.grid is not None
        sky = pixel_to_skycoord(x, y, self.events.wcs, origin=1)
        found = skycoord_to_pixel(sky, self.grid.wcs, origin=0)
        column, row = (np.nan_to_num(np.round(v), nan=-1.0).astype(int) for v in found)
        ny, nx = self.grid.shape
        return row, column, (row >= 0) & (row < ny) & (column >= 0) & (column < nx)

    def _analytic(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ra, dec = self.events.wcs.all_pix2world(x, y, 1)
        axis = unit_vectors(*self.events.observation.pointing)
        off_axis = separations(axis, unit_vectors(ra, dec))
        if len(off_axis) <= _NODES:
            return self._vignetting(off_axis)
        nodes = np.linspace(off_axis.min(), off_axis.max(), _NODES)
        place = np.interp(off_axis, nodes, np.arange(_NODES))
        low = np.minimum(place.astype(int), _NODES - 2)
        known, weight = self._vignetting(nodes), (place - low)[:, None]
        return np.asarray((1 - weight) * known[low] + weight * known[low + 1])

    def _vignetting(self, off_axis: np.ndarray) -> np.ndarray:
        return np.stack([self._mission.vignetting(off_axis, e) for e in ENERGIES], axis=1)


def seen_sky(
    events: EventList, x: np.ndarray, y: np.ndarray, exposure: SkyImage | None = None
) -> SeenSky:
    """Find out how long places were seen.

    Parameters
    ----------
    events : EventList
        All energies of the observation, unfiltered by place.
    x, y : ndarray
        Sky pixels that matter: all that will be asked for lie between them.
    exposure : SkyImage, optional
        Exposure map in seconds, vignetted as `xsurvey.imaging` makes them. Of a pointing the
        analytic vignetting is divided out again; of a scan it stays in the livetimes.

    Raises
    ------
    InputError
        A scan of which nothing tells how long it saw a place, or a map that is not in seconds.
    """
    mission = get_mission(events.observation.mission)
    scanning = events.observation.scanning
    if exposure is not None:
        return _supplied(events, exposure, mission)
    if events.attitude and mission.field_radius is not None:
        return _by_attitude(events, x, y, mission)
    if scanning:
        raise InputError(
            events.observation.path, "is a scan without attitude: how long it saw a place is "
            "unknown", "give an exposure map",
        )  # fmt: skip
    if events.count() < _FEWEST_EVENTS:
        return SeenSky(events, None, None, None, "too few events for a footprint: all was seen")
    grid = grid_from_events(events, mission.image_pixel)
    livetimes = livetime_of_footprints(events, grid)
    return SeenSky(events, grid, livetimes, None, "footprint from the events, no bad pixels")


def _supplied(events: EventList, exposure: SkyImage, mission: Mission) -> SeenSky:
    if exposure.unit not in ("", "s", "sec", "seconds", "s pix", "s pixel"):
        raise InputError(
            exposure.source or "exposure", f"is in {exposure.unit}, not in seconds",
            "give a map of exposure times",
        )  # fmt: skip
    origin = str(exposure.stamps.get("EXPMAP", "SUPPLIED"))
    if events.observation.scanning:
        return SeenSky(
            events, exposure.grid, exposure.data, None, "exposure map, its vignetting included",
            origin, in_exposure=True,
        )  # fmt: skip
    energy = _map_energy(exposure, mission)
    vignetting = mission.vignetting(exposure.grid.off_axis(events.observation.pointing), energy)
    return SeenSky(
        events, exposure.grid, exposure.data / vignetting, None,
        f"exposure map, without its vignetting at {energy:.3g} keV", origin,
    )  # fmt: skip


def _map_energy(exposure: SkyImage, mission: Mission) -> float:
    stamps = exposure.stamps
    given = stamps.get("VIGNKEV")
    if isinstance(given, int | float) and given > 0:
        return float(given)
    low, high = stamps.get("BAND_LO"), stamps.get("BAND_HI")
    if not (isinstance(low, int | float) and isinstance(high, int | float) and high > low >= 0):
        low, high = mission.bands[mission.detection_bands[0]]
    return float(np.sqrt(max(low, 0.1) * high))


def _by_attitude(events: EventList, x: np.ndarray, y: np.ndarray, mission: Mission) -> SeenSky:
    low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    extent = float((high - low).max()) * events.pixel_size
    pixel = max(mission.image_pixel, extent / _LARGEST_SIDE)
    margin = _MARGIN * pixel / events.pixel_size
    grid = grid_over(events, low - margin, high + margin, pixel)
    livetime, *vignetted = exposure_from_attitude(events, grid, [None, *ENERGIES], mission)
    areas = np.stack(vignetted)
    np.divide(areas, livetime, out=areas, where=livetime > 0)
    return SeenSky(events, grid, livetime, areas, "good times and attitude, no bad pixels")
