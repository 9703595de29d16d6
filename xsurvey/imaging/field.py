"""An observation as images: counts and exposure in every band, on one grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.counts import bin_events
from xsurvey.imaging.exposure import APPROXIMATE, approximate_exposure, footprint_of_counts
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import (
    ImageGrid,
    SkyImage,
    grid_from_events,
    read_exposure_map,
    read_sky_image,
    same_grid,
)
from xsurvey.imaging.window import Window
from xsurvey.missions import Mission, get_mission, missions
from xsurvey.units import EnergyBand, SkyPosition

Photons = tuple[np.ndarray, np.ndarray, np.ndarray]

_PIXELS_AT_ONCE = 40_000_000
"""Of the images of all bands that are made together: each takes three doubles meanwhile."""


class BandImages(Mapping[str, SkyImage], ABC):
    """Images by band label that are read or made when they are asked for."""

    @property
    @abstractmethod
    def grid(self) -> ImageGrid:
        """The pixels of all of them, of which none is read for it."""

    @abstractmethod
    def window(self, window: Window) -> Mapping[str, SkyImage]:
        """Return windows of them."""


@dataclass(frozen=True)
class Field:
    """One observation, ready to be searched and measured.

    Attributes
    ----------
    counts, exposure : mapping of str to SkyImage
        By band label, all on one grid.
    bands : mapping of str to EnergyBand
        Empty where an image says nothing of its energies.
    events : EventList or None
        None where all that there is is an image.
    mission : Mission or None
    frame_time : float
        Seconds, of all coaligned modules together: a source's counts spread over them.
    timed : bool
        False where exposure is relative, so that no rates follow.
    scanning : bool
        Whether the telescope swept over the field, so that there is no optical axis.
    """

    counts: Mapping[str, SkyImage]
    exposure: Mapping[str, SkyImage]
    bands: Mapping[str, EnergyBand]
    events: EventList | None
    mission: Mission | None
    pointing: SkyPosition | None
    frame_time: float
    obs_id: str
    target: str
    instrument: str
    timed: bool = True
    scanning: bool = False

    @property
    def grid(self) -> ImageGrid:
        """The pixels of all images."""
        if isinstance(self.counts, BandImages):
            return self.counts.grid
        return next(iter(self.counts.values())).grid

    @property
    def binned(self) -> bool:
        """Tell whether photons are known by their pixels only."""
        return self.events is None

    @property
    def exposure_approximate(self) -> bool:
        """Tell whether any exposure map is an approximation."""
        # of one observation the maps of all bands are made alike
        return next(iter(self.exposure.values())).stamps.get("EXPMAP") == APPROXIMATE

    def photons(self, label: str) -> Iterator[Photons]:
        """Yield image coordinates (0-based) and numbers of the photons of a band, in chunks."""
        image = self.counts[label]
        if self.events is None:
            rows, columns = np.nonzero(image.data > 0)
            yield columns.astype(float), rows.astype(float), image.data[rows, columns]
            return
        grid = image.grid
        for chunk in self.events.in_energy(self.bands[label]).chunks():
            x = (chunk["x"] - grid.x_edge) / grid.sky_pixels - 0.5
            y = (chunk["y"] - grid.y_edge) / grid.sky_pixels - 0.5
            yield x, y, np.ones(len(x))


def band_label(band: EnergyBand, mission: Mission | None) -> str:
    """Return the mission's letter of a band, or its limits in eV: ``500_2000``, ``500p5_2000``."""
    for label, known in (mission.bands if mission else {}).items():
        if np.allclose(known, band, atol=1e-6):
            return label
    limits = (f"{round(value * 1e3, 6):.12g}".replace(".", "p") for value in band)
    return "_".join(limits)


def field_from_events(
    events: EventList, bands: Sequence[EnergyBand], parameters: ImageParameters,
    exposure_file: Path | None = None,
) -> Field:  # fmt: skip
    """Make the images of an event list.

    Parameters
    ----------
    events : EventList
    bands : sequence of EnergyBand
        One counts image and exposure map each.
    parameters : ImageParameters
    exposure_file : path, optional
        A supplied exposure map for all bands; it sets the grid.

    Raises
    ------
    InputError
        No events in any band, or the supplied map does not cover them.
    """
    supplied = None if exposure_file is None else read_exposure_map(exposure_file)
    grid = _grid(events, parameters, supplied, exposure_file)
    return _field(events, bands, grid, supplied, bin_events(events, grid, bands))


def fields_by_bands(
    events: EventList, bands: Sequence[EnergyBand], parameters: ImageParameters,
    exposure_file: Path | None = None,
) -> Iterator[Field]:  # fmt: skip
    """Yield the images of an event list for some bands after the others.

    Parameters
    ----------
    events, bands, parameters, exposure_file
        As of `field_from_events`.

    Yields
    ------
    Field
        Of as many bands as need little memory together, in their order: the file is read again
        for each where the images are large.

    Raises
    ------
    InputError
        As `field_from_events`; that no band has events is known after the last.
    """
    supplied = None if exposure_file is None else read_exposure_map(exposure_file)
    grid = _grid(events, parameters, supplied, exposure_file)
    at_once = max(1, _PIXELS_AT_ONCE // (grid.shape[0] * grid.shape[1]))
    empty = True
    for first in range(0, len(bands), at_once):
        some = bands[first : first + at_once]
        images = bin_events(events, grid, some, empty=True)
        empty = empty and not any(image.data.any() for image in images)
        yield _field(events, some, grid, supplied, images)
        del images
    if empty:
        events.require_events(0, bands)


def _grid(
    events: EventList, parameters: ImageParameters, supplied: SkyImage | None,
    exposure_file: Path | None,
) -> ImageGrid:  # fmt: skip
    if supplied is not None and exposure_file is not None:
        return _event_grid(events, supplied, exposure_file)
    mission = get_mission(events.observation.mission)
    return grid_from_events(events, parameters.pixel_size or mission.image_pixel)


def _field(
    events: EventList, bands: Sequence[EnergyBand], grid: ImageGrid, supplied: SkyImage | None,
    images: Sequence[SkyImage],
) -> Field:  # fmt: skip
    mission = get_mission(events.observation.mission)
    labels = [band_label(band, mission) for band in bands]
    if supplied is not None:
        exposures = [replace(supplied, grid=grid, unit="s") for _ in bands]
    else:
        exposures = approximate_exposure(events, grid, list(bands))
    observation = events.observation
    # a scan has no optical axis; coaligned modules each see their part of the counts
    pointing = None if observation.scanning else observation.pointing
    modules = mission.modules_of(events)
    return Field(
        dict(zip(labels, images, strict=True)), dict(zip(labels, exposures, strict=True)),
        dict(zip(labels, bands, strict=True)), events, mission, pointing,
        observation.frame_time / modules, observation.obs_id, observation.target,
        observation.instrument, timed=all(e.unit == "s" for e in exposures),
        scanning=observation.scanning,
    )  # fmt: skip


def _event_grid(events: EventList, supplied: SkyImage, path: Path) -> ImageGrid:
    """Return a supplied map's grid in the sky pixels of an event list."""
    grid = supplied.grid
    ny, nx = grid.shape
    corner_x, corner_y = np.array([-0.5, nx - 0.5, -0.5]), np.array([-0.5, -0.5, ny - 0.5])
    sky = pixel_to_skycoord(corner_x, corner_y, grid.wcs, origin=0)
    x, y = skycoord_to_pixel(sky, events.wcs, origin=1)
    side_x, side_y = (x[1] - x[0]) / nx, (y[2] - y[0]) / ny
    square = np.isclose(side_x, side_y, rtol=1e-3) and side_x > 0
    aligned = abs(y[1] - y[0]) < 0.1 * side_x and abs(x[2] - x[0]) < 0.1 * side_x
    if not (square and aligned):
        raise InputError(
            path, "is rotated or mirrored against the events' sky pixels",
            "give a map with north up on the events' projection",
        )  # fmt: skip
    # a map of these very pixels must bin the events as if it had been made of them
    edge_x, edge_y, side = (round(float(v), 6) for v in (x[0], y[0], side_x))
    return replace(grid, x_edge=edge_x, y_edge=edge_y, sky_pixels=side)


def field_from_image(
    path: Path, bands: Sequence[EnergyBand], exposure_file: Path | None = None
) -> Field:
    """Take a counts image, and an exposure map if there is one.

    Parameters
    ----------
    path : path
        FITS image of counts with celestial coordinates.
    bands : sequence of EnergyBand
        The band of the image, at most one; the header's BAND_LO, BAND_HI if empty.
    exposure_file : path, optional
        Without it the footprint comes from the counts, times the header's EXPOSURE, stamped
        ``EXPMAP = 'APPROX'``.

    Raises
    ------
    InputError
        Not an image of counts, or maps on other pixels.
    """
    image = read_sky_image(path)
    data = image.data
    if not np.isfinite(data).all():
        data = np.where(np.isfinite(data), data, 0.0)
        image = SkyImage(data, image.grid, image.unit, image.stamps)
    if (data < 0).any() or not np.allclose(data, np.round(data), atol=1e-3):
        raise InputError(
            path, "is not an image of counts (negative or fractional pixels)",
            "give a counts image, not a rate or flux image",
        )  # fmt: skip
    if not data.any():
        raise InputError(path, "holds no counts", "check the band and the filters it was made with")
    stamps = image.stamps
    mission = missions().get(str(stamps.get("MISSION", "")).lower()) or missions().get(
        str(stamps.get("TELESCOP", "")).lower()
    )
    band = _image_band(bands, stamps, path)
    label = band_label(band, mission) if band else "all"
    seconds = stamps.get("EXPOSURE")
    seconds = float(seconds) if isinstance(seconds, int | float) else 0.0
    timed = seconds > 0
    if exposure_file is not None:
        exposure = read_exposure_map(exposure_file)
        same_grid(image, exposure, exposure_file)
        exposure = replace(exposure, grid=image.grid, unit="s")
        timed = True
    else:
        value = seconds if timed else 1.0
        footprint = footprint_of_counts(data) * value
        exposure = SkyImage(footprint, image.grid, "s" if timed else "", {"EXPMAP": APPROXIMATE})
    scanning = str(stamps.get("OBS_MODE", "")).strip().upper() in ("SURVEY", "SCAN")
    pointing = None if scanning else _pointing(stamps, path)
    frame_time = stamps.get("TIMEDEL")
    frame_time = float(frame_time) if isinstance(frame_time, int | float) else np.nan
    return Field(
        {label: image}, {label: exposure}, {label: band} if band else {}, None, mission, pointing,
        frame_time, str(stamps.get("OBS_ID", "")).strip() or path.stem,
        str(stamps.get("OBJECT", "")).strip(), str(stamps.get("INSTRUME", "")).strip(), timed,
        scanning,
    )  # fmt: skip


def _image_band(
    bands: Sequence[EnergyBand], stamps: Mapping[str, object], path: Path
) -> EnergyBand | None:
    if len(bands) > 1:
        raise InputError(path, "is one image, but several bands were asked for", "give one band")
    if bands:
        return bands[0]
    low, high = stamps.get("BAND_LO"), stamps.get("BAND_HI")
    if isinstance(low, int | float) and isinstance(high, int | float) and high > low >= 0:
        return EnergyBand(float(low), float(high))
    return None


def _pointing(stamps: Mapping[str, object], path: Path) -> SkyPosition | None:
    ra, dec = stamps.get("RA_PNT"), stamps.get("DEC_PNT")
    if isinstance(ra, int | float) and isinstance(dec, int | float):
        if not -90 <= dec <= 90:
            raise InputError(path, f"has DEC_PNT = {dec:g}, which is not on the sky", "correct it")
        return SkyPosition(float(ra) % 360, float(dec))
    return None
