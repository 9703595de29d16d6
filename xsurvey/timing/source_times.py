"""Arrival times of many sources and of the background around them, in one pass over the events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from xsurvey.events import EventList
from xsurvey.units import EnergyBand

_POINTS = 160  # in a circle and in an annulus, for their exposed areas
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
        Of the source's counts in the circle.
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
        x, y = events.wcs.all_world2pix(self.ra, self.dec, 1)
        size = events.pixel_size
        return np.column_stack([x, y]), (self.radius / size, self.inner / size, self.outer / size)


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
        Annuli are without the inner circles of all sources. An event in two circles is in both:
        how sources that overlap share their events is not known.
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
        for near in tree.query_ball_point(centres, inner):
            free[near] = False
        for number, near in enumerate(tree.query_ball_point(centres, outer)):
            found = np.array(near, int)
            distance = np.hypot(*(place[found] - centres[number]).T)
            inside.add(number, chunk, found[distance <= radius[number]])
            around.add(number, chunk, found[free[found]])
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

    def add(self, number: int, chunk: object, rows: np.ndarray) -> None:
        self.numbers.append(np.full(len(rows), number))
        self.times.append(chunk["time"][rows])  # type: ignore[index]
        self.detectors.append(chunk["detector"][rows])  # type: ignore[index]

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
        Mean over the circle, in the unit of the map.
    scale : ndarray
        Exposed area of the circle over that of the annulus; 0 where the annulus has less than the
        circle and is of no use.
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
    free = np.ones(len(ring), bool)
    if len(ring):
        for near in cKDTree(ring).query_ball_point(centres, inner * (1 - 1e-9)):
            free[near] = False
    shape = (len(apertures), _POINTS)
    of_circle = exposed(*circle.T).reshape(shape).mean(axis=1)
    of_ring = (exposed(*ring.T) * free).reshape(shape).mean(axis=1)
    area = of_circle * radius**2
    ring_area = of_ring * (outer**2 - inner**2)
    usable = (ring_area > area) & (area > 0)
    return ApertureExposure(
        of_circle, np.divide(area, ring_area, out=np.zeros(len(area)), where=usable)
    )
