"""Good time intervals: when an instrument could see photons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MOST_SAMPLES = 10_000_000


@dataclass(frozen=True)
class GoodTimeIntervals:
    """Sorted, non-overlapping time intervals in mission seconds.

    Parameters
    ----------
    start, stop : ndarray, shape (n,)
        Ends of the intervals; touching and overlapping ones are merged, empty ones dropped.
    """

    start: np.ndarray
    stop: np.ndarray

    @classmethod
    def from_edges(cls, start: np.ndarray, stop: np.ndarray) -> GoodTimeIntervals:
        """Sort and merge intervals given in any order."""
        start = np.asarray(start, dtype=float)
        stop = np.asarray(stop, dtype=float)
        good = np.isfinite(start) & np.isfinite(stop) & (stop > start)
        order = np.argsort(start[good], kind="stable")
        start, stop = start[good][order], stop[good][order]
        if len(start) == 0:
            return cls(start, stop)
        latest = np.maximum.accumulate(stop)
        first = np.concatenate(([True], start[1:] > latest[:-1]))
        last = np.concatenate((first[1:], [True]))
        return cls(start[first], latest[last])

    @property
    def total(self) -> float:
        """Sum of the lengths, in seconds."""
        return float(np.sum(self.stop - self.start))

    def contains(self, time: np.ndarray) -> np.ndarray:
        """Tell for each time whether it lies in an interval (ends included)."""
        if len(self.start) == 0:
            return np.zeros(np.shape(time), dtype=bool)
        if len(self.start) == 1:
            return (time >= self.start[0]) & (time <= self.stop[0])
        at = np.searchsorted(self.start, time, side="right") - 1
        return (at >= 0) & (time <= self.stop[np.maximum(at, 0)])

    def samples(self, step: float) -> tuple[np.ndarray, np.ndarray]:
        """Cut the intervals into pieces of at most ``step`` seconds, or into millions of them.

        Good times of many years make wider pieces, so that memory stays bounded.

        Returns
        -------
        middle, length : ndarray, shape (m,)
            Of the pieces; the lengths add up to `total`.
        """
        step = max(step, self.total / _MOST_SAMPLES)
        pieces = np.maximum(np.ceil((self.stop - self.start) / step).astype(int), 1)
        length = np.repeat((self.stop - self.start) / pieces, pieces)
        first = np.repeat(np.cumsum(pieces) - pieces, pieces)
        number = np.arange(len(length)) - first
        return np.repeat(self.start, pieces) + (number + 0.5) * length, length

    def intersection(self, other: GoodTimeIntervals) -> GoodTimeIntervals:
        """Return the times good in both."""
        pieces = self.cut(np.concatenate((other.start, other.stop)))
        both = other.contains((pieces.start + pieces.stop) / 2)
        return GoodTimeIntervals.from_edges(pieces.start[both], pieces.stop[both])

    def cut(self, edges: np.ndarray) -> GoodTimeIntervals:
        """Return the same times in intervals that end at every edge, touching ones apart.

        Parameters
        ----------
        edges : ndarray, shape (m,)
            Mission seconds, in any order.
        """
        ends = np.unique(np.concatenate((self.start, self.stop, edges)))
        good = self.contains((ends[:-1] + ends[1:]) / 2)
        return GoodTimeIntervals(ends[:-1][good], ends[1:][good])

    def union(self, other: GoodTimeIntervals) -> GoodTimeIntervals:
        """Return the times good in either."""
        return GoodTimeIntervals.from_edges(
            np.concatenate((self.start, other.start)), np.concatenate((self.stop, other.stop))
        )
