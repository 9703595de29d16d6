"""The times in which simulated sources are seen, and random ones among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from xsurvey.good_times import GoodTimeIntervals
from xsurvey.simulate.variability import LightCurves


class Visits(Protocol):
    """When each of s sources is near the optical axis."""

    @property
    def total(self) -> np.ndarray:
        """Seconds, shape (s,)."""

    def at(self, source: np.ndarray, fraction: np.ndarray) -> np.ndarray:
        """Return the times, shape (n,), at which fractions of a source's total have passed."""

    def integrals(self, curves: LightCurves, begin: float) -> np.ndarray:
        """Return the integrals of the sources' light curves over their visits, shape (s,).

        Parameters
        ----------
        curves : LightCurves
        begin : float
            Time from which they count.
        """


@dataclass(frozen=True)
class Pointed:
    """Of a pointing: all good times, of sources that are near."""

    gti: GoodTimeIntervals
    near: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Seconds, shape (s,)."""
        return np.where(self.near, self.gti.total, 0.0)

    def at(self, source: np.ndarray, fraction: np.ndarray) -> np.ndarray:
        """Return the times at which fractions of the good time have passed."""
        return times_at(self.gti, fraction * self.gti.total)

    def integrals(self, curves: LightCurves, begin: float) -> np.ndarray:
        """Return the integrals of the light curves over the good time."""
        return curves.mean(self.gti) * self.total


@dataclass(frozen=True)
class Passed:
    """Of scans: a window for each time that a source is passed.

    Attributes
    ----------
    sources : int
    source : ndarray of int, shape (w,)
        Of each window, ascending.
    start, length : ndarray, shape (w,)
        Mission seconds, s.
    """

    sources: int
    source: np.ndarray
    start: np.ndarray
    length: np.ndarray

    @cached_property
    def total(self) -> np.ndarray:
        """Seconds, shape (s,)."""
        return np.bincount(self.source, self.length, self.sources)

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.length)

    def at(self, source: np.ndarray, fraction: np.ndarray) -> np.ndarray:
        """Return the times at which fractions of a source's total have passed."""
        ends = np.cumsum(self.total)
        passed = ends[source] - self.total[source] * (1 - fraction)
        window = np.searchsorted(self._ends, passed, side="right")
        # sums end where those of the next source begin, but for rounding
        first = np.searchsorted(self.source, source, side="left")
        last = np.searchsorted(self.source, source, side="right") - 1
        window = np.clip(window, first, last)
        since = self.length[window] - (self._ends[window] - passed)
        return np.asarray(self.start[window] + np.clip(since, 0, self.length[window]))

    def integrals(self, curves: LightCurves, begin: float) -> np.ndarray:
        """Return the integrals of the light curves over the windows of each source."""
        since = self.start - begin
        parts = curves.integral(self.source, since + self.length)
        parts -= curves.integral(self.source, since)
        return np.bincount(self.source, parts, self.sources)


def times_at(gti: GoodTimeIntervals, passed: np.ndarray) -> np.ndarray:
    """Return when so many good seconds have passed, shape (n,)."""
    lengths = gti.stop - gti.start
    edges = np.concatenate(([0.0], np.cumsum(lengths)))
    interval = np.clip(np.searchsorted(edges, passed, side="right") - 1, 0, len(lengths) - 1)
    return np.asarray(gti.start[interval] + passed - edges[interval])


def random_times(gti: GoodTimeIntervals, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw times uniform over good times, shape (count,)."""
    return times_at(gti, generator.uniform(0, np.cumsum(gti.stop - gti.start)[-1], count))
