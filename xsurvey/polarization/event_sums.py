"""One pass over events: their sums by detector and channel, in regions of the sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.events import EventChunk, EventList
from xsurvey.missions import get_mission
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.modulation import Modulation
from xsurvey.regions import RegionSet


@dataclass(frozen=True)
class EventSums:
    """Sums of the events in some regions, and what was left out.

    Attributes
    ----------
    regions : tuple of ChannelSums
        One a region, arrays (d, c).
    unusable : int
        Events without time, place, energy, Q or U.
    unweighted : int
        Events in the regions that have no weight, or a negative one: left out.
    shared : int
        Events that are in more than one region.
    events : int
        In good times, inside of a region or not.
    """

    regions: tuple[ChannelSums, ...]
    unusable: int = 0
    unweighted: int = 0
    shared: int = 0
    events: int = 0


def sum_events(
    events: EventList, modulation: Modulation, regions: Sequence[RegionSet | None] = (None,),
    weighted: bool = False,
) -> EventSums:  # fmt: skip
    """Sum the events in regions, in one pass whose memory is that of a chunk.

    Parameters
    ----------
    events : EventList
    modulation : Modulation
        Says which detectors and channels there are; events of others are in no sum.
    regions : sequence of RegionSet or None
        In the list's sky pixels; None for everything.
    weighted : bool
        Whether to weight the events.

    Raises
    ------
    InputError
        The events have no Stokes parameters, no channels, no weights, or no good time.
    """
    column = check_events(events, weighted)
    shape = modulation.factor.shape
    sums = [ChannelSums.zeros(*shape) for _ in regions]
    dropped: list[int] = []
    unweighted = shared = number = 0
    for chunk in events.chunks(unusable=dropped.append):
        number += len(chunk)
        place = place_of_events(chunk, column, modulation)
        weight = chunk["weight"] if weighted else None
        inside = np.zeros(len(chunk), dtype=np.int8)
        for i, region in enumerate(regions):
            mask = place >= 0
            if region is not None:
                mask &= region.contains(chunk["x"], chunk["y"])
            if len(regions) > 1:
                inside += mask
            if weight is not None:
                good = np.isfinite(weight) & (weight >= 0)
                unweighted += int(np.count_nonzero(mask & ~good))
                mask &= good
            sums[i] += _summed(chunk, place, weight, mask, shape)
        shared += int(np.count_nonzero(inside > 1))
    return EventSums(tuple(sums), sum(dropped), unweighted, shared, number)


def check_events(events: EventList, weighted: bool) -> str | None:
    """Raise where the events cannot be summed; return the column of channel numbers, if any."""
    path = events.observation.path
    if not all(events.has_column(name) for name in ("q", "u")):
        raise InputError(
            path, "has no columns Q, U: polarization cannot be measured",
            "give event files with Stokes parameters",
        )  # fmt: skip
    if weighted and not events.has_column("weight"):
        raise InputError(
            path, "has no weights of events", "leave --weighted out, or give other files"
        )
    if events.livetime <= 0:
        raise InputError(path, "has no good time", "give a complete event file, or other intervals")
    column = get_mission(events.observation.mission).channel_column
    return column if column is not None and events.has_column(column) else None


def place_of_events(chunk: EventChunk, column: str | None, modulation: Modulation) -> np.ndarray:
    """Return detector times channels plus channel of each event, negative where it has none."""
    channels = len(modulation.energy)
    if column is None:
        step = float(np.median(np.diff(modulation.energy)))
        number = np.rint((chunk["energy"] - modulation.energy[0]) / step)
    else:
        number = chunk[column] - int(modulation.channels[0])
    place = number.astype(np.int64)
    detector = chunk["detector"]
    inside = (place >= 0) & (place < channels)
    known = np.zeros(len(chunk), dtype=bool)
    for row, one in enumerate(modulation.detectors):
        mine = detector == one
        known |= mine
        if row:
            place += (row * channels) * mine
    place[~(inside & known)] = -1
    return place


def _summed(
    chunk: EventChunk, place: np.ndarray, weight: np.ndarray | None, mask: np.ndarray,
    shape: tuple[int, int],
) -> ChannelSums:  # fmt: skip
    q, u = chunk["q"], chunk["u"]
    if not mask.all():
        place, q, u = place[mask], q[mask], u[mask]
        weight = None if weight is None else weight[mask]
    return ChannelSums.of_events(place, q, u, weight, shape)
