"""What a simulation gives: events, good times and truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from xsurvey.events import GoodTimeIntervals
from xsurvey.missions import Mission
from xsurvey.missions.base import Detector
from xsurvey.simulate.camera import Events
from xsurvey.simulate.choice import chosen_detectors
from xsurvey.simulate.motion import Motion
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.units import SkyPosition

COUNTS_LEVEL = "COUNTS"
RESPONSE_LEVEL = "RESPONSE"
LEVELS = {
    COUNTS_LEVEL: "no responses: counts are drawn as detected",
    RESPONSE_LEVEL: "photons through area, PSF, vignetting, channels",
}


@dataclass(frozen=True)
class SimulatedObservation:
    """Events, good times and truth of a simulation.

    Attributes
    ----------
    events : dict of str to ndarray, shape (n,)
        ``time``, ``x``, ``y``, ``ra``, ``dec`` [deg], ``energy`` [keV], ``detector``,
        ``detector_x``, ``detector_y`` [detector pixels], ``origin`` (number of the source; 0
        background on the detectors, -1 the diffuse sky); in order of time.
    motion : Motion
        When the telescope looked, and where.
    truth : astropy.table.Table
        One row a source: place, expected and recorded counts.
    level : str
        ``COUNTS`` or ``RESPONSE``.
    stamps : mapping of str to (value, comment)
        What the header of the events says of the simulation.
    tables : tuple of astropy.table.Table
        More of the truth; the meta data of each name it (EXTNAME).
    """

    mission: Mission
    parameters: SimulationParameters
    seed: int
    wcs: WCS
    events: dict[str, np.ndarray]
    motion: Motion
    truth: Table
    level: str = COUNTS_LEVEL
    stamps: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()

    @cached_property
    def detectors(self) -> list[Detector]:
        """Those that observe."""
        return chosen_detectors(self.mission, self.parameters.detectors)

    @property
    def gti(self) -> GoodTimeIntervals:
        """Good times of all detectors."""
        return self.motion.gti


def sky_pixels(pointing: SkyPosition, mission: Mission) -> WCS:
    """Return the WCS of a mission's sky pixels about a pointing."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{mission.projection}", f"DEC--{mission.projection}"]
    wcs.wcs.crval = list(pointing)
    wcs.wcs.crpix = [mission.reference_pixel, mission.reference_pixel]
    wcs.wcs.cdelt = [-mission.sky_pixel / 3600, mission.sky_pixel / 3600]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def in_order(parts: list[Events], wcs: WCS, mission: Mission) -> Events:
    """Return all events in order of time, x and y in sky pixels, with ra and dec.

    The parts are emptied on the way: what is large is not there twice.
    """
    names = list(parts[0])
    time = np.concatenate([part["time"] for part in parts])
    order = np.argsort(time, kind="stable")
    events = {name: np.concatenate([part.pop(name) for part in parts])[order] for name in names}
    for name, reference in zip(("x", "y"), wcs.wcs.crpix, strict=True):
        events[name] = reference + events[name] / mission.sky_pixel
    events["ra"], events["dec"] = wcs.all_pix2world(events["x"], events["y"], 1)
    return events
