"""Counts of regions and their background regions, in the channels of a detector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.apertures.pileup import pileup_fraction
from xsurvey.events import EventChunk, EventList
from xsurvey.missions import Mission
from xsurvey.missions.responses import ChannelGrid
from xsurvey.regions import RegionSet

_NEIGHBOURS = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]


@dataclass(frozen=True)
class RegionCounts:
    """What was counted.

    Attributes
    ----------
    source, background : ndarray of int, shape (m,)
        Counts in each channel; zero without a background region.
    outside : int
        Events in the regions that are in no channel.
    shared : int
        Events that lie in both regions.
    x, y, energy : ndarray, shape (n,)
        Of the events in the source region that are in a channel: sky pixels and keV.
    detectors, background_detectors : mapping of int to int
        How many events each detector has in the regions, as far as it has any.
    """

    source: np.ndarray
    background: np.ndarray
    outside: int
    shared: int
    x: np.ndarray
    y: np.ndarray
    energy: np.ndarray
    detectors: Mapping[int, int]
    background_detectors: Mapping[int, int]


def count_regions(
    events: EventList, regions: Sequence[tuple[RegionSet, RegionSet | None]],
    channels: ChannelGrid, mission: Mission,
) -> list[RegionCounts]:  # fmt: skip
    """Count the events of pairs of regions; they are read once, however many pairs there are.

    Parameters
    ----------
    events : EventList
    regions : sequence of (RegionSet, RegionSet or None)
        Source and background.
    channels : ChannelGrid
    mission : Mission
        Its column of channel numbers is used where the events have it, else their energies.

    Returns
    -------
    list of RegionCounts
        One for each pair.
    """
    column = mission.channel_column
    if column is not None and not events.has_column(column):
        column = None
    tallies = [_Tally(*pair, len(channels.numbers)) for pair in regions]
    for chunk in events.chunks():
        columns = _Columns(chunk, channels, column)
        for tally in tallies:
            tally.add(columns)
    return [tally.result() for tally in tallies]


class _Columns:
    """What is asked of the events of a chunk, with an order in which places are found quickly."""

    def __init__(self, chunk: EventChunk, channels: ChannelGrid, column: str | None) -> None:
        self.x, self.y = chunk["x"], chunk["y"]
        self.energy, self.detector = chunk["energy"], chunk["detector"]
        self.place = (
            channels.place_of_energies(self.energy) if column is None
            else channels.place_of_numbers(chunk[column])
        )  # fmt: skip
        self._order = np.argsort(self.y, kind="stable")
        self._sorted = self.y[self._order]

    def inside(self, region: RegionSet) -> np.ndarray:
        """Return the numbers of the events in a region, ascending."""
        if not region.include:
            return np.flatnonzero(region.contains(self.x, self.y))
        boxes = [shape.bounding_box for shape in region.include]
        # of 0-based pixels, whose outer edges are half a pixel off
        low, high = min(b.iymin for b in boxes) + 0.5, max(b.iymax for b in boxes) + 0.5
        left, right = min(b.ixmin for b in boxes) + 0.5, max(b.ixmax for b in boxes) + 0.5
        first, last = np.searchsorted(self._sorted, [low, high], side="left")
        near = self._order[first:last]
        near = np.sort(near[(self.x[near] >= left) & (self.x[near] <= right)])
        return near[region.contains(self.x[near], self.y[near])]


class _Tally:
    """Counts of a pair of regions, that grow with the chunks."""

    def __init__(self, region: RegionSet, background: RegionSet | None, channels: int) -> None:
        self.region, self.background = region, background
        self.source = np.zeros(channels, dtype=np.int64)
        self.around = np.zeros_like(self.source)
        self.outside = self.shared = 0
        self.kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.detectors: tuple[Counter[int], Counter[int]] = (Counter(), Counter())

    def add(self, columns: _Columns) -> None:
        """Count the events of a chunk."""
        mine = columns.inside(self.region)
        self._count(columns, mine, self.source, self.detectors[0])
        good = mine[columns.place[mine] >= 0]
        x, y, energy = (c[good].astype(float) for c in (columns.x, columns.y, columns.energy))
        self.kept.append((x, y, energy))
        if self.background is not None:
            theirs = columns.inside(self.background)
            self.shared += len(np.intersect1d(mine, theirs, assume_unique=True))
            self._count(columns, theirs, self.around, self.detectors[1])

    def _count(
        self, columns: _Columns, chosen: np.ndarray, counts: np.ndarray, detectors: Counter[int]
    ) -> None:
        place = columns.place[chosen]
        counts += np.bincount(place[place >= 0], minlength=len(counts))
        self.outside += int((place < 0).sum())
        number, count = np.unique(columns.detector[chosen], return_counts=True)
        detectors.update({int(n): int(c) for n, c in zip(number, count, strict=True)})

    def result(self) -> RegionCounts:
        """Return what was counted."""
        x, y, energy = (np.concatenate([k[i] for k in self.kept] or [np.empty(0)])
                        for i in range(3))  # fmt: skip
        return RegionCounts(self.source, self.around, self.outside, self.shared, x, y, energy,
                            *self.detectors)  # fmt: skip


def brightest_pileup(
    counts: RegionCounts, events: EventList, mission: Mission, exposure: float
) -> float:
    """Estimate the pile-up of the brightest place of a region.

    Parameters
    ----------
    counts : RegionCounts
    events : EventList
    mission : Mission
    exposure : float
        Livetime of the place, s.

    Returns
    -------
    float
        `pileup_fraction` of the 3 x 3 detector pixels, fixed on the sky, with most events; NaN for
        detectors without frames.
    """
    frame_time = events.observation.frame_time / mission.modules_of(events)
    if not (np.isfinite(frame_time) and exposure > 0):
        return float("nan")
    if not len(counts.x):
        return 0.0
    side = mission.detector_pixel / events.pixel_size
    column = np.floor((counts.x - counts.x.min()) / side).astype(np.int64) + 1
    row = np.floor((counts.y - counts.y.min()) / side).astype(np.int64) + 1
    width = int(column.max()) + 2
    cells, number = np.unique(row * width + column, return_counts=True)
    islands = np.concatenate([cells + dy * width + dx for dx, dy in _NEIGHBOURS])
    _, place = np.unique(islands, return_inverse=True)
    brightest = float(np.bincount(place, np.tile(number, len(_NEIGHBOURS))).max())
    rate = np.array([brightest / exposure])
    return float(pileup_fraction(rate, np.ones(1), frame_time)[0])
