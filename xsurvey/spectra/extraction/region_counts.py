"""Counts of a region and its background region, in the channels of a detector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
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
    events: EventList, region: RegionSet, background: RegionSet | None, channels: ChannelGrid,
    mission: Mission,
) -> RegionCounts:  # fmt: skip
    """Count the events of two regions.

    Parameters
    ----------
    events : EventList
    region : RegionSet
    background : RegionSet or None
    channels : ChannelGrid
    mission : Mission
        Its column of channel numbers is used where the events have it, else their energies.
    """
    column = mission.channel_column
    if column is not None and not events.has_column(column):
        column = None
    source = np.zeros(len(channels.numbers), dtype=np.int64)
    around = np.zeros_like(source)
    outside = shared = 0
    kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    detectors: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    for chunk in events.chunks():
        inside = region.contains(chunk["x"], chunk["y"])
        mine = chunk.select(inside)
        place = _places(mine, channels, column)
        good = place >= 0
        source += np.bincount(place[good], minlength=len(source))
        outside += int((~good).sum())
        kept.append(tuple(mine[name][good].astype(float) for name in ("x", "y", "energy")))  # type: ignore[arg-type]
        detectors[0].update(_numbers(mine))
        if background is not None:
            beside = background.contains(chunk["x"], chunk["y"])
            shared += int((inside & beside).sum())
            theirs = chunk.select(beside)
            place = _places(theirs, channels, column)
            around += np.bincount(place[place >= 0], minlength=len(source))
            outside += int((place < 0).sum())
            detectors[1].update(_numbers(theirs))
    x, y, energy = (np.concatenate([k[i] for k in kept] or [np.empty(0)]) for i in range(3))
    return RegionCounts(source, around, outside, shared, x, y, energy, *detectors)


def _places(chunk: EventChunk, channels: ChannelGrid, column: str | None) -> np.ndarray:
    if column is None:
        return channels.place_of_energies(chunk["energy"])
    return channels.place_of_numbers(chunk[column])


def _numbers(chunk: EventChunk) -> dict[int, int]:
    number, count = np.unique(chunk["detector"], return_counts=True)
    return {int(n): int(c) for n, c in zip(number, count, strict=True)}


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
