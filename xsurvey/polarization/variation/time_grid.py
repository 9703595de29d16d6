"""Fine time bins over the good times of an observation, with none across a gap."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals


@dataclass(frozen=True)
class TimeGrid:
    """Bins of time that touch; the gaps between good times are bins too, which stay empty.

    Attributes
    ----------
    edges : ndarray, shape (b + 1,)
        Mission seconds.
    good : ndarray of bool, shape (b,)
        Bins in good time; each is in one interval of the detectors' good times together.
    livetime : ndarray, shape (b,)
        s; the mean over the detectors.
    """

    edges: np.ndarray
    good: np.ndarray
    livetime: np.ndarray

    def place(self, time: np.ndarray) -> np.ndarray:
        """Return the bin of events in good times; -1 beyond the first and last time.

        An event at the very end of an interval is in its last bin, not in the gap.
        """
        index = np.searchsorted(self.edges, time, side="right") - 1
        at_end = index >= 0
        at_end &= np.append(~self.good, True)[index]
        index = np.where(at_end & (time == self.edges[np.maximum(index, 0)]), index - 1, index)
        return np.where((index >= 0) & (index < len(self.good)), index, -1)


def time_grid(events: EventList, width: float) -> TimeGrid:
    """Cut the good times of an observation into bins.

    Parameters
    ----------
    events : EventList
    width : float
        Longest bin, s.

    Raises
    ------
    InputError
        There is no good time.
    ValueError
        A width that is not above zero.
    """
    if not width > 0:
        raise ValueError(f"time bins of {width:g} s")
    every = good_times_of_all(events)
    pieces = np.maximum(np.ceil((every.stop - every.start) / width - 1e-9).astype(int), 1)
    parts = [
        np.linspace(a, b, n + 1)
        for a, b, n in zip(every.start, every.stop, pieces, strict=True)
    ]  # fmt: skip
    edges = np.concatenate(parts)
    good = np.concatenate([np.append(np.ones(n, bool), False) for n in pieces])[:-1]
    return TimeGrid(edges, good, _livetimes(events, events.gti, edges))


def good_times_of_all(events: EventList) -> GoodTimeIntervals:
    """Return the times in which any detector was good.

    Raises
    ------
    InputError
        There are none.
    """
    found = [own for own in events.gti.values() if len(own.start)]
    if not found:
        raise InputError(
            events.observation.path, "has no good time",
            "give a complete event file, or other intervals",
        )  # fmt: skip
    return functools.reduce(GoodTimeIntervals.union, found)


def _livetimes(
    events: EventList, gti: Mapping[int, GoodTimeIntervals], edges: np.ndarray
) -> np.ndarray:
    each = []
    for number, own in gti.items():
        until = np.zeros(len(edges))
        if len(own.start):
            ends = np.stack([own.start, own.stop], axis=1).ravel()
            passed = np.repeat(np.cumsum(own.stop - own.start), 2)
            passed[::2] -= own.stop - own.start
            until = np.interp(edges, ends, passed)
        each.append(np.diff(until) * events.live_fraction.get(number, 1.0))
    return np.asarray(np.mean(each, axis=0) if events.coaligned else np.max(each, axis=0))
