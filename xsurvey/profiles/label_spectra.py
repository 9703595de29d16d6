"""Spectra of all regions of a layout, in one reading of the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.events import EventList
from xsurvey.missions import get_mission
from xsurvey.missions.responses import ChannelGrid
from xsurvey.profiles.places_on_grid import PlacesOnGrid
from xsurvey.profiles.region_layout import RegionLayout

DetectorGroups = Mapping[str, Sequence[int]]
"""Detectors of each group, by its name."""


@dataclass(frozen=True)
class LabelCounts:
    """What one reading of the events gives.

    Attributes
    ----------
    counts : ndarray of int, shape (g, r, c)
        By group of detectors, region and channel.
    outside : int
        Events of these detectors in the regions that are in no channel.
    box : ndarray, shape (2, 2)
        Lowest and highest X, Y of all events, whatever their region: where the file's sky ends.
        Infinite without events.
    detectors : tuple of tuple of int
        Of each group, those that have events in the regions.
    """

    counts: np.ndarray
    outside: int
    box: np.ndarray
    detectors: tuple[tuple[int, ...], ...]


def label_spectra(
    events: EventList, layout: RegionLayout, channels: ChannelGrid, groups: DetectorGroups,
    detected: np.ndarray | None = None,
) -> LabelCounts:  # fmt: skip
    """Count the events of all regions and groups.

    Parameters
    ----------
    events : EventList
        Read once; of any projection.
    layout : RegionLayout
    channels : ChannelGrid
    groups : mapping of str to sequence of int
        Detectors of each group; a detector may be in several.
    detected : ndarray of int, shape (ny, nx), optional
        Labels in place of the layout's, where a file is used for a part of the sky only.
    """
    labels = layout.detected if detected is None else detected
    size = (len(groups), len(layout.regions), len(channels.numbers))
    column = get_mission(events.observation.mission).channel_column
    if column is not None and not events.has_column(column):
        column = None
    places = PlacesOnGrid(events.wcs, events.pixel_size, layout.grid)
    counts = np.zeros(size, dtype=np.int64)
    seen: list[set[int]] = [set() for _ in groups]
    outside, low, high = 0, np.full(2, np.inf), np.full(2, -np.inf)
    for chunk in events.chunks():
        if not len(chunk):
            continue
        x, y = np.asarray(chunk["x"], float), np.asarray(chunk["y"], float)
        low = np.minimum(low, [x.min(), y.min()])
        high = np.maximum(high, [x.max(), y.max()])
        label = labels_at(labels, *places(x, y))
        inside = np.flatnonzero(label >= 0)
        if not len(inside):
            continue
        label, detector = label[inside], chunk["detector"][inside]
        channel = (
            channels.place_of_energies(chunk["energy"][inside]) if column is None
            else channels.place_of_numbers(chunk[column][inside])
        )  # fmt: skip
        known = channel >= 0
        cell = label * size[2] + channel
        used = np.zeros(len(label), dtype=bool)
        for number, detectors in enumerate(groups.values()):
            mine = _of_detectors(detector, detectors)
            used |= mine
            seen[number].update(int(d) for d in np.unique(detector[mine]))
            found = np.bincount(cell[mine & known], minlength=size[1] * size[2])
            counts[number] += found.reshape(size[1:])
        outside += int((used & ~known).sum())
    numbers = tuple(tuple(sorted(own)) for own in seen)
    return LabelCounts(counts, outside, np.stack([low, high]), numbers)


def labels_at(labels: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return the labels of the pixels that 0-based coordinates lie in, -1 outside of the image."""
    ny, nx = labels.shape
    inside = (column >= -0.5) & (column < nx - 0.5) & (row >= -0.5) & (row < ny - 0.5)
    i = np.where(inside, row + 0.5, 0).astype(np.int64)
    j = np.where(inside, column + 0.5, 0).astype(np.int64)
    return np.where(inside, labels[i, j], -1).astype(np.int64)


def _of_detectors(detector: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
    """Tell which events are of some detectors; -1 is of files that do not tell them apart."""
    return np.isin(detector, [*wanted, -1])
