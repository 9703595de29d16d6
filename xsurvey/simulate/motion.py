"""How a simulated telescope moves over the sky: dither about a pointing, or survey scans.

Offsets are arcsec in the plane of the sky pixels, x towards growing X (west), y towards north,
from the centre of the observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from astropy.time import Time

from xsurvey.errors import ParameterError
from xsurvey.events import GoodTimeIntervals
from xsurvey.missions import Mission
from xsurvey.missions.base import Detector, SimulatedFacts
from xsurvey.simulate.parameters import SimulationParameters, parse_good_time, start_as_number
from xsurvey.simulate.visits import Passed, Pointed, Visits
from xsurvey.units import dates_of_any_time

START_TIME = 700_000_000.0
DITHER_PERIODS = (1000.0, 707.0)
"""Seconds; incommensurate, so that the pattern fills."""
_GAP_FRACTION = 0.1
_GRID = 2001  # places across scans
_OF_POINTINGS = ("exposure", "intervals", "good_time", "dither")


class Motion(Protocol):
    """When a telescope looks, and where."""

    @property
    def gti(self) -> GoodTimeIntervals:
        """Good times, of all detectors."""

    @property
    def roll(self) -> float:
        """Of the detectors, in degrees."""

    def axis(self, time: np.ndarray) -> np.ndarray:
        """Return the offset of the optical axis, shape (n, 2)."""

    def visits(self, place: np.ndarray, reach: np.ndarray) -> Visits:
        """Return when places (s, 2) are within distances (s,) of the axis, all in arcsec."""

    def longest(self, reach: float) -> float:
        """Return a bound of the seconds for which a place is within a distance, arcsec."""


@dataclass(frozen=True)
class Dither:
    """A pointing that wobbles on a Lissajous figure."""

    gti: GoodTimeIntervals
    roll: float
    amplitude: float

    def axis(self, time: np.ndarray) -> np.ndarray:
        """Return the displacement at some times, shape (n, 2)."""
        begin = self.gti.start[0]
        phases = [2 * np.pi * (time - begin) / period for period in DITHER_PERIODS]
        return self.amplitude * np.column_stack([np.sin(p) for p in phases])

    def visits(self, place: np.ndarray, reach: np.ndarray) -> Visits:
        """Return all good times, or none of places that no dither brings near enough."""
        near = np.hypot(*place.T) <= reach + np.sqrt(2) * self.amplitude
        return Pointed(self.gti, near)

    def longest(self, reach: float) -> float:
        """Return the good time."""
        return self.gti.total


@dataclass(frozen=True)
class Scans:
    """Parallel scans over a field, one good time interval each.

    Attributes
    ----------
    lines : ndarray, shape (m,)
        Offset of each scan across their direction, arcsec, ascending.
    length : float
        Of each scan, arcsec.
    speed : float
        Arcsec / s.
    """

    gti: GoodTimeIntervals
    roll: float
    lines: np.ndarray
    length: float
    speed: float

    def axis(self, time: np.ndarray) -> np.ndarray:
        """Return where the axis is at some times, shape (n, 2)."""
        number = np.clip(
            np.searchsorted(self.gti.start, time, side="right") - 1, 0, len(self.lines) - 1
        )
        along = (time - self.gti.start[number]) * self.speed - self.length / 2
        return rotated(np.column_stack([self.lines[number], along]), self.roll)

    def visits(self, place: np.ndarray, reach: np.ndarray) -> Visits:
        """Return the part of each scan that passes places near enough."""
        across, along = rotated(place, -self.roll).T
        # most lines are too far away: only those between the first and the last near one count
        first, last = (np.searchsorted(self.lines, across + side * reach) for side in (-1, 1))
        scan = first[:, None] + np.arange(int((last - first).max(initial=0)))
        inside = scan < last[:, None]
        source, scan = np.nonzero(inside)[0], scan[inside]
        away = self.lines[scan] - across[source]
        half = np.sqrt(np.maximum(reach[source] ** 2 - away**2, 0)) / self.speed
        begin, end = self.gti.start[scan], self.gti.stop[scan]
        middle = begin + (along[source] + self.length / 2) / self.speed
        start = np.minimum(np.maximum(middle - half, begin), end)
        length = np.minimum(np.maximum(middle + half, begin), end) - start
        passed = (half > 0) & (length > 0)
        return Passed(len(place), source[passed], start[passed], length[passed])

    def longest(self, reach: float) -> float:
        """Return what a place between two points of a grid across the scans has at most."""
        across = np.linspace(self.lines.min() - reach, self.lines.max() + reach, _GRID)
        wider = reach + (across[1] - across[0]) / 2
        away = self.lines[None, :] - across[:, None]
        chords = 2 * np.sqrt(np.clip(wider**2 - away**2, 0, None))
        return float(chords.sum(axis=1).max()) / self.speed


def rotated(offset: np.ndarray, roll: float) -> np.ndarray:
    """Turn offsets, shape (n, 2), by an angle in degrees."""
    angle = np.radians(roll)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return offset @ matrix.T


def motion_of(
    parameters: SimulationParameters, mission: Mission, detectors: Sequence[Detector]
) -> Motion:
    """Return the motion that was asked for.

    Raises
    ------
    ParameterError
        Scans of a mission that does not survey, or with a parameter of pointings.
    """
    if parameters.scans:
        for name in _OF_POINTINGS:
            if name in parameters.model_fields_set:
                raise ParameterError(
                    name, "is of pointings; scans have the mission's own", "leave it out"
                )
        return _scans(parameters, mission, detectors)
    begin = start_of(parameters, mission)
    if parameters.good_time:
        edges = np.array([parse_good_time(text) for text in parameters.good_time])
        gti = GoodTimeIntervals.from_edges(*(begin + edges.T))
    else:
        length = parameters.exposure / parameters.intervals
        start = begin + np.arange(parameters.intervals) * length * (1 + _GAP_FRACTION)
        gti = GoodTimeIntervals.from_edges(start, start + length)
    return Dither(gti, parameters.roll, parameters.dither)


def start_of(parameters: SimulationParameters, mission: Mission) -> float:
    """Return when the observation starts, in the mission's seconds."""
    if parameters.start is None:
        return START_TIME
    number = start_as_number(parameters.start)
    if number is not None:
        return number
    facts = SimulatedFacts(parameters.pointing, parameters.roll, 0.0, 0.0, 0.0, False)
    reference = float(mission.header(facts)["MJDREF"])
    with dates_of_any_time():
        date = Time(parameters.start, scale="utc").tt
    return float(((date.jd1 - 2_400_000.5 - reference) + date.jd2) * 86400)


def _scans(
    parameters: SimulationParameters, mission: Mission, detectors: Sequence[Detector]
) -> Scans:
    pattern = mission.scan
    if pattern is None:
        raise ParameterError(
            "scans", f"{mission.name} does not survey the sky", "leave it out, or give --mission"
        )
    # each scan begins before the field is seen and ends after
    reach = max(d.radius or np.hypot(d.width, d.height) * d.pixel / 2 for d in detectors)
    length = parameters.field_size + 2 * reach
    number = np.arange(parameters.scans)
    step = pattern.step * 60 if parameters.scan_distance is None else parameters.scan_distance
    lines = (number - (parameters.scans - 1) / 2) * step
    start = start_of(parameters, mission) + number * pattern.period
    gti = GoodTimeIntervals.from_edges(start, start + length / pattern.speed)
    return Scans(gti, parameters.roll, lines, length, pattern.speed)
