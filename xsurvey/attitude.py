"""Where a telescope looked, as a function of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.good_times import GoodTimeIntervals

_BEYOND = 1.0  # s; samples are usually a second apart, and good times end between two


@dataclass(frozen=True)
class Attitude:
    """Samples of a pointing direction, in order of time.

    Attributes
    ----------
    time : ndarray, shape (n,)
        Mission seconds, increasing.
    ra, dec : ndarray, shape (n,)
        ICRS degrees.
    """

    time: np.ndarray
    ra: np.ndarray
    dec: np.ndarray

    @classmethod
    def from_samples(cls, time: np.ndarray, ra: np.ndarray, dec: np.ndarray) -> Attitude:
        """Sort samples by time; those that are no numbers, and repeated times, are left out."""
        time, ra, dec = (np.asarray(a, dtype=float) for a in (time, ra, dec))
        good = np.isfinite(time) & np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90)
        time, first = np.unique(time[good], return_index=True)
        return cls(time, ra[good][first], dec[good][first])

    def coverage(self, largest_gap: float) -> GoodTimeIntervals:
        """Return the times that samples no more than ``largest_gap`` seconds apart tell of.

        They reach a second beyond the first and the last sample of each.
        """
        gap = np.diff(self.time) > largest_gap
        start = self.time[np.concatenate(([True], gap))] - _BEYOND
        stop = self.time[np.concatenate((gap, [True]))] + _BEYOND
        return GoodTimeIntervals.from_edges(start, stop)

    def at(self, time: np.ndarray) -> np.ndarray:
        """Return unit vectors of the direction at some times.

        Parameters
        ----------
        time : ndarray, shape (m,)

        Returns
        -------
        ndarray, shape (m, 3)
            Linear between samples, as good as a great circle for steps of a few degrees; beyond
            the ends the first or last direction.
        """
        samples = unit_vectors(self.ra, self.dec)
        place = np.column_stack([np.interp(time, self.time, c) for c in samples.T])
        return place / np.linalg.norm(place, axis=1, keepdims=True)


def unit_vectors(ra: np.ndarray | float, dec: np.ndarray | float) -> np.ndarray:
    """Return unit vectors of positions in degrees; a last axis of 3 is added."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def separations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return angles between unit vectors along their last axis, in arcmin; they broadcast."""
    # the chord is exact for small angles, where the arc cosine is not
    half_chord = np.linalg.norm(first - second, axis=-1) / 2
    return np.degrees(2 * np.arcsin(np.clip(half_chord, 0, 1))) * 60
