"""Arrival times of many sources and of the background around them, in one pass over the events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from xsurvey.events import EventChunk, EventList
from xsurvey.units import EnergyBand

_POINTS = 160  # in a circle and in an annulus, for their exposed areas
_FAR = -1e9  # sky pixels
_GOLDEN = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class SourceApertures:
    """Circles of n sources and annuli around them; arrays of shape (n,).

    Attributes
    ----------
    ra, dec : ndarray
        ICRS, degrees.
    radius, inner, outer : ndarray
        Of the circle and of the annulus, arcsec.
    fraction : ndarray
        Of the source's counts in the part of the circle that is nearest to it.
    """

    ra: np.ndarray
    dec: np.ndarray
    radius: np.ndarray
    inner: np.ndarray
    outer: np.ndarray
    fraction: np.ndarray

    def __len__(self) -> int:
        return len(self.ra)

    def pixels(self, events: EventList) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Return centres, shape (n, 2), and radii in the event list's sky pixels."""
        centres = np.column_stack(events.wcs.all_world2pix(self.ra, self.dec, 1))
        # what the projection cannot show, on the other half of the sky, is far from all events
        centres[~np.isfinite(centres).all(axis=1)] = _FAR
        size = events.pixel_size
        return centres, (self.radius / size, self.inner / size, self.outer / size)


@dataclass(frozen=True)
class SourceTimes:
    """Events in the circles and annuli of n sources, source after source, in order of time.

    Attributes
    ----------
    time, background_time : ndarray
        Mission seconds.
    first, background_first : ndarray of int, shape (n + 1,)
        Events of source i are ``time[first[i] : first[i + 1]]``.
    detectors : tuple of int
        All that have events.
    by_detector : ndarray, shape (n, detectors)
        Events of each of them in the circles and annuli together.
    """

    time: np.ndarray
    first: np.ndarray
    background_time: np.ndarray
    background_first: np.ndarray
    detectors: tuple[int, ...]
    by_detector: np.ndarray

    def of(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the times in the circle and in the annulus of one source."""
        chosen = slice(self.first[number], self.first[number + 1])
        around = slice(self.background_first[number], self.background_first[number + 1])
        return self.time[chosen], self.background_time[around]


def source_times(events: EventList, apertures: SourceApertures, band: EnergyBand) -> SourceTimes:
    """Collect the arrival times of sources, reading the events once.

    Parameters
    ----------
    events : EventList
    apertures : SourceApertures
        Annuli are without the inner circles of all sources. An event in several circles is that
        of the source to which it is nearest, in units of the circle's radius.
    band : EnergyBand

    Returns
    -------
    SourceTimes
    """
    centres, (radius, inner, outer) = apertures.pixels(events)
    inside, around = _Gathered(), _Gathered()
    for chunk in events.in_energy(band).chunks():
        if not len(chunk) or not len(apertures):
            continue
        place = np.column_stack([chunk["x"], chunk["y"]])
        tree = cKDTree(place, balanced_tree=False, compact_nodes=False)
        free = np.ones(len(place), bool)
        owner, nearest = np.full(len(place), -1), np.full(len(place), np.inf)
        for number, near in enumerate(tree.query_ball_point(centres, inner)):
            found = np.array(near, int)
            free[found] = False
            scaled = np.hypot(*(place[found] - centres[number]).T) / radius[number]
            closer = (scaled <= 1) & (scaled < nearest[found])
            owner[found[closer]], nearest[found[closer]] = number, scaled[closer]
        own = np.flatnonzero(owner >= 0)
        inside.add(owner[own], chunk, own)
        for number, near in enumerate(tree.query_ball_point(centres, outer)):
            found = np.array(near, int)
            found = found[free[found]]
            around.add(np.full(len(found), number), chunk, found)
    number = len(apertures)
    time, first, of_source = inside.sorted(number)
    background_time, background_first, of_background = around.sorted(number)
    detectors = sorted({d for d, _ in (*of_source, *of_background)})
    by_detector = np.zeros((number, len(detectors)))
    for detector, counts in (*of_source, *of_background):
        by_detector[:, detectors.index(detector)] += counts
    return SourceTimes(
        time, first, background_time, background_first, tuple(detectors), by_detector
    )


class _Gathered:
    """Times of some sources from several chunks."""

    def __init__(self) -> None:
        self.numbers: list[np.ndarray] = []
        self.times: list[np.ndarray] = []
        self.detectors: list[np.ndarray] = []

    def add(self, number: np.ndarray, chunk: EventChunk, rows: np.ndarray) -> None:
        self.numbers.append(number)
        self.times.append(chunk["time"][rows])
        self.detectors.append(chunk["detector"][rows])

    def sorted(self, n: int) -> tuple[np.ndarray, np.ndarray, list[tuple[int, np.ndarray]]]:
        """Return times by source, where each source begins, and counts by detector."""
        if not self.numbers:
            return np.empty(0), np.zeros(n + 1, int), []
        number, time, detector = (
            np.concatenate(parts) for parts in (self.numbers, self.times, self.detectors)
        )
        order = np.lexsort((time, number))
        first = np.searchsorted(number[order], np.arange(n + 1))
        counts = [
            (int(d), np.bincount(number[detector == d], minlength=n)) for d in np.unique(detector)
        ]
        return time[order], first, counts


@dataclass(frozen=True)
class ApertureExposure:
    """What circles and annuli got, arrays of shape (n,).

    Attributes
    ----------
    exposure : ndarray
        Mean over the part of the circle that is nearest to the source, in the unit of the map.
    scale : ndarray
        Exposed area of that part over that of the annulus; 0 where the annulus has less and
        is of no use.
    """

    exposure: np.ndarray
    scale: np.ndarray


def aperture_exposure(
    events: EventList, apertures: SourceApertures,
    exposed: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> ApertureExposure:  # fmt: skip
    """Return mean exposures of circles, and how much of the background they hold.

    Parameters
    ----------
    events : EventList
        For its sky pixels.
    apertures : SourceApertures
    exposed : callable
        Exposure at sky pixels (x, y arrays, 1-based), in any unit.

    Notes
    -----
    At 160 points of equal area in each of the two: good to a few per cent of an edge's part.
    """
    centres, (radius, inner, outer) = apertures.pixels(events)
    share = (np.arange(_POINTS) + 0.5) / _POINTS
    angle = np.arange(_POINTS) * _GOLDEN
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    in_circle = (radius[:, None] * np.sqrt(share))[..., None] * direction
    width = outer[:, None] ** 2 - inner[:, None] ** 2
    in_ring = np.sqrt(inner[:, None] ** 2 + width * share)[..., None] * direction
    circle = (centres[:, None] + in_circle).reshape(-1, 2)
    ring = (centres[:, None] + in_ring).reshape(-1, 2)
    free, own = np.ones(len(ring), bool), np.ones(len(circle), bool)
    if len(ring):
        for near in cKDTree(ring).query_ball_point(centres, inner * (1 - 1e-9)):
            free[near] = False
        scaled = np.tile(np.sqrt(share), len(apertures))
        for number, near in enumerate(cKDTree(circle).query_ball_point(centres, radius)):
            found = np.array(near, int)
            theirs = np.hypot(*(circle[found] - centres[number]).T) / radius[number]
            own[found] &= scaled[found] <= theirs * (1 + 1e-9)
    shape = (len(apertures), _POINTS)
    owned = own.reshape(shape).mean(axis=1)
    of_circle = (exposed(*circle.T) * own).reshape(shape).mean(axis=1)
    of_ring = (exposed(*ring.T) * free).reshape(shape).mean(axis=1)
    area = of_circle * radius**2
    ring_area = of_ring * (outer**2 - inner**2)
    usable = (ring_area > area) & (area > 0)
    mean = np.divide(of_circle, owned, out=np.zeros(len(owned)), where=owned > 0)
    return ApertureExposure(mean, np.divide(area, ring_area, out=np.zeros(len(area)), where=usable))
