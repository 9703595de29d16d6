"""Counts images: events binned on the sky, all bands in one reading of the file."""

from collections.abc import Sequence
from typing import Any

import boost_histogram as bh
import numpy as np

from xsurvey.events import EventList
from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.missions import get_mission
from xsurvey.units import EnergyBand


def bin_events(
    events: EventList, grid: ImageGrid, bands: Sequence[EnergyBand], empty: bool = False
) -> list[SkyImage]:
    """Bin events into one counts image a band.

    Parameters
    ----------
    events : EventList
        Read once, in chunks.
    grid : ImageGrid
    bands : sequence of EnergyBand
        ``minimum`` inclusive, ``maximum`` exclusive.
    empty : bool
        Whether all of these may be without events.

    Returns
    -------
    list of SkyImage
        Counts, shape of the grid, stamped with the observation and the band.

    Raises
    ------
    InputError
        No event falls on the grid in any band.
    """
    ny, nx = grid.shape
    side = grid.sky_pixels
    axes = (
        bh.axis.Regular(ny, grid.y_edge, grid.y_edge + ny * side, underflow=False, overflow=False),
        bh.axis.Regular(nx, grid.x_edge, grid.x_edge + nx * side, underflow=False, overflow=False),
    )
    images = [bh.Histogram(*axes, storage=bh.storage.Int64()) for _ in bands]
    for chunk in events.chunks():
        energy = chunk["energy"]
        for band, image in zip(bands, images, strict=True):
            inside = (energy >= band.minimum) & (energy < band.maximum)
            if inside.any():
                image.fill(chunk["y"][inside], chunk["x"][inside])
    # one after the other is let go of when it has become numbers
    counts = [np.asarray(images.pop(0).values(), dtype=float) for _ in bands]
    if not empty and not any(c.any() for c in counts):
        events.require_events(0, bands)
    return [
        SkyImage(data, grid, "count", observation_stamps(events, band))
        for data, band in zip(counts, bands, strict=True)
    ]


def observation_stamps(events: EventList, band: EnergyBand) -> dict[str, Any]:
    """Return the header keywords that say where an image comes from."""
    observation = events.observation
    stamps: dict[str, Any] = {
        "TELESCOP": observation.telescope, "INSTRUME": observation.instrument,
        "OBS_ID": observation.obs_id, "OBJECT": observation.target,
        "MISSION": observation.mission, "EXPOSURE": round(events.livetime, 3),
        "BAND_LO": band.minimum, "BAND_HI": band.maximum,
    }  # fmt: skip
    if observation.scanning:
        # no place of a scan is seen for as long as the file lasts
        del stamps["EXPOSURE"]
        stamps["OBS_MODE"] = "SURVEY"
        stamps["RA_CEN"], stamps["DEC_CEN"] = observation.pointing
    else:
        stamps["RA_PNT"], stamps["DEC_PNT"] = observation.pointing
    if np.isfinite(observation.frame_time):
        modules = get_mission(observation.mission).modules_of(events)
        stamps["TIMEDEL"] = observation.frame_time / modules
    if np.isfinite(observation.roll):
        stamps["ROLL_PNT"] = observation.roll
    return stamps
