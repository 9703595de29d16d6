"""How long the pixels of an image were seen, and with what relative area, for many regions at once.

As `xsurvey.imaging.seen_sky`, which is for places of single sources. By attitude every energy costs
a Fourier transform; vignetting at all energies is made up of that at a few, which are enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel
from scipy import linalg, ndimage

from xsurvey.events import EventList
from xsurvey.imaging.attitude_exposure import exposure_from_attitude
from xsurvey.imaging.exposure import APPROXIMATE
from xsurvey.imaging.seen_sky import ENERGIES, SeenSky, seen_sky
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, grid_over, same_grid
from xsurvey.missions import Mission, get_mission
from xsurvey.profiles.places_on_grid import pixels_on

_LARGEST_SIDE = 512  # pixels of the maps that attitudes give, as in seen_sky
_MARGIN = 4  # pixels
_NODES = 400  # off-axis angles
_TOLERANCE = 1e-5  # of a vignetting

Areas = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From 0-based image coordinates, shape (m,), to relative areas at `ENERGIES`, shape (m, k)."""


@dataclass(frozen=True)
class GivenMaps:
    """Exposure maps of a user, in seconds.

    Attributes
    ----------
    vignetted : SkyImage
    unvignetted : SkyImage or None
        Livetime alone. Without it the analytic vignetting is divided out of the other one, which
        is possible for pointings only.
    """

    vignetted: SkyImage
    unvignetted: SkyImage | None = None


@dataclass(frozen=True)
class SeenPixels:
    """What the pixels of a grid got of an observation.

    Attributes
    ----------
    livetime : ndarray, shape (ny, nx)
        s; not vignetted.
    areas : callable
        Relative areas of places on the grid; 0 where nothing was seen.
    how, origin : str
        As of `SeenSky`.
    """

    livetime: np.ndarray
    areas: Areas
    how: str
    origin: str


def seen_pixels(events: EventList, grid: ImageGrid, maps: GivenMaps | None = None) -> SeenPixels:
    """Find out how long the pixels of a grid were seen.

    Parameters
    ----------
    events : EventList
        All energies of the observation, unfiltered by place.
    grid : ImageGrid
    maps : GivenMaps, optional

    Raises
    ------
    InputError
        As `seen_sky`; maps that do not lie on each other's pixels.
    """
    mission = get_mission(events.observation.mission)
    if maps is not None and maps.unvignetted is not None:
        return _by_maps(events, grid, maps.vignetted, maps.unvignetted)
    if maps is None and events.attitude and mission.field_radius is not None:
        return _by_attitude(events, grid, mission)
    given = None if maps is None else maps.vignetted
    sky = seen_sky(events, *_on_events(grid, events, *_corners(grid)), given)
    livetime = np.full(grid.shape, events.livetime)
    if sky.grid is not None and sky.livetimes is not None:
        livetime = _interpolated(sky.livetimes, pixels_on(grid, sky.grid))
    return SeenPixels(livetime, _areas_of(sky, grid, events), sky.how, sky.origin)


def _areas_of(sky: SeenSky, grid: ImageGrid, events: EventList) -> Areas:
    return lambda x, y: sky.at(*_on_events(grid, events, x, y)).area


def _by_maps(
    events: EventList, grid: ImageGrid, vignetted: SkyImage, unvignetted: SkyImage
) -> SeenPixels:
    """Take livetimes from one map, and the vignetting of one energy from the ratio of two."""
    same_grid(unvignetted, vignetted, vignetted.source or "exposure")
    corners = _on_events(grid, events, *_corners(grid))
    # which knows units and stamps
    sky = seen_sky(replace(events, attitude={}), *corners, unvignetted)
    ratio = np.divide(
        vignetted.data, unvignetted.data, out=np.zeros(vignetted.data.shape),
        where=unvignetted.data > 0,
    )  # fmt: skip

    def areas(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = _interpolated(ratio, _through(grid, unvignetted.grid, x, y))
        return np.repeat(found[:, None], len(ENERGIES), axis=1)

    livetime = _interpolated(unvignetted.data, pixels_on(grid, unvignetted.grid))
    how = "exposure maps with and without vignetting, of one energy"
    return SeenPixels(livetime, areas, how, sky.origin)


def _by_attitude(events: EventList, grid: ImageGrid, mission: Mission) -> SeenPixels:
    x, y = _on_events(grid, events, *_corners(grid))
    low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    pixel = max(mission.image_pixel, float((high - low).max()) * events.pixel_size / _LARGEST_SIDE)
    margin = _MARGIN * pixel / events.pixel_size
    coarse = grid_over(events, low - margin, high + margin, pixel)
    energies, weights = vignetting_basis(mission)
    livetime, *vignetted = exposure_from_attitude(events, coarse, [None, *energies], mission)
    relative = np.stack(vignetted)
    np.divide(relative, livetime, out=relative, where=livetime > 0)

    def areas(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        column, row = _through(grid, coarse, x, y)
        j, i = (np.nan_to_num(np.round(v), nan=-1.0).astype(int) for v in (column, row))
        on = (i >= 0) & (i < coarse.shape[0]) & (j >= 0) & (j < coarse.shape[1])
        found = np.zeros((len(x), len(ENERGIES)))
        found[on] = relative[:, i[on], j[on]].T @ weights
        return np.maximum(found, 0.0)

    return SeenPixels(
        _interpolated(livetime, pixels_on(grid, coarse)), areas,
        "good times and attitude, no bad pixels", APPROXIMATE,
    )  # fmt: skip


def vignetting_basis(mission: Mission) -> tuple[list[float], np.ndarray]:
    """Return a few energies of whose vignettings those at all energies are combinations.

    Parameters
    ----------
    mission : Mission
        With a circular field of view.

    Returns
    -------
    energies : list of float, length n
        keV, of `ENERGIES`.
    weights : ndarray, shape (n, k)
        Vignetting at `ENERGIES` over that at the energies chosen, true to 1e-5.
    """
    assert mission.field_radius is not None
    angle = np.linspace(0, mission.field_radius, _NODES)
    every = np.stack([mission.vignetting(angle, float(e)) for e in ENERGIES], axis=1)
    order = linalg.qr(every, mode="r", pivoting=True)[1]
    for number in range(1, len(ENERGIES) + 1):
        chosen = np.sort(order[:number])
        weights = np.linalg.lstsq(every[:, chosen], every, rcond=None)[0]
        if np.abs(every[:, chosen] @ weights - every).max() < _TOLERANCE:
            break
    return [float(e) for e in ENERGIES[chosen]], weights


def _corners(grid: ImageGrid) -> tuple[np.ndarray, np.ndarray]:
    """Return 0-based coordinates along a grid's border, and of some places inside."""
    ny, nx = grid.shape
    x, y = np.meshgrid(np.linspace(-0.5, nx - 0.5, 9), np.linspace(-0.5, ny - 0.5, 9))
    return x.ravel(), y.ravel()


def _on_events(
    grid: ImageGrid, events: EventList, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    sky = pixel_to_skycoord(x, y, grid.wcs, origin=0)
    ex, ey = skycoord_to_pixel(sky, events.wcs, origin=1)
    return np.asarray(ex), np.asarray(ey)


def _through(
    grid: ImageGrid, other: ImageGrid, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    column, row = skycoord_to_pixel(
        pixel_to_skycoord(x, y, grid.wcs, origin=0), other.wcs, origin=0
    )
    return np.asarray(column), np.asarray(row)


def _interpolated(data: np.ndarray, places: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    column, row = (np.nan_to_num(v, nan=-1e9) for v in places)
    found = ndimage.map_coordinates(
        np.asarray(data, float), (row, column), order=1, mode="grid-constant", cval=0.0
    )
    return np.asarray(np.maximum(found, 0.0))
