"""Swings of the angle: stretches in which it turns one way.

A swing ends where the angle has come back from its extreme by more than some errors of the
difference; smaller steps back belong to it. It is what monitoring programmes call a rotation
where it is of at least 90 degrees in at least four measurements (Blinov et al. 2015, MNRAS 453,
1669, from memory; their rule for where one ends is another).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TOLERANCE = 2.0
FEWEST = 4


class Swings(NamedTuple):
    """The largest swing of m series; arrays of shape (m,).

    ``amplitude`` (degrees, positive north through east) is zero, and ``first`` and ``last`` are -1,
    where none has enough measurements.
    """

    amplitude: np.ndarray
    first: np.ndarray
    last: np.ndarray


def largest_swings(
    angle_deg: np.ndarray, error: np.ndarray, tolerance: float = TOLERANCE, fewest: int = FEWEST
) -> Swings:
    """Return the largest swing of each of m series.

    Parameters
    ----------
    angle_deg : ndarray, shape (m, n)
        Resolved angles in order of time.
    error : ndarray, shape (m, n) or (n,)
        Degrees.
    tolerance : float
        Errors by which an angle that comes back ends a swing.
    fewest : int
        Measurements of a swing, ends included.
    """
    pivot, extreme = _follow(angle_deg, error, tolerance)
    size = np.take_along_axis(angle_deg, extreme, 1) - np.take_along_axis(angle_deg, pivot, 1)
    size = np.where(extreme - pivot + 1 >= fewest, size, 0.0)
    best = np.abs(size).argmax(axis=1)[:, None]
    amplitude = np.take_along_axis(size, best, 1)[:, 0]
    ends = [np.take_along_axis(v, best, 1)[:, 0] for v in (pivot, extreme)]
    return Swings(amplitude, *(np.where(amplitude == 0, -1, v) for v in ends))


def all_swings(
    angle_deg: np.ndarray, error: np.ndarray, tolerance: float = TOLERANCE, fewest: int = FEWEST
) -> list[tuple[int, int]]:
    """Return first and last measurement of each swing of one series (n,), in order of time."""
    pivot, extreme = (v[0] for v in _follow(angle_deg[None], error, tolerance))
    last = {int(p): int(e) for p, e in zip(pivot, extreme, strict=True) if e > p}
    return [(p, e) for p, e in sorted(last.items()) if e - p + 1 >= fewest]


def _follow(
    angle: np.ndarray, error: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the swing that each measurement is in began and is at its extreme, (m, n)."""
    error = np.broadcast_to(error, angle.shape)
    m, n = angle.shape
    row = np.arange(m)
    pivots, extremes = np.zeros((m, n), int), np.zeros((m, n), int)
    # before the first significant change both ways are open
    highest, lowest = np.zeros(m, int), np.zeros(m, int)
    way = np.zeros(m)
    pivot, extreme = np.zeros(m, int), np.zeros(m, int)

    def beyond(place: np.ndarray, i: int, sign: np.ndarray | float) -> np.ndarray:
        """Tell where measurement i is significantly away from an earlier one, in a direction."""
        change = sign * (angle[:, i] - angle[row, place])
        return np.asarray(change > tolerance * np.hypot(error[:, i], error[row, place]))

    for i in range(1, n):
        new = angle[:, i]
        undecided = way == 0
        up = undecided & beyond(lowest, i, 1.0)
        down = undecided & ~up & beyond(highest, i, -1.0)
        pivot = np.where(up, lowest, np.where(down, highest, pivot))
        highest = np.where(undecided & (new > angle[row, highest]), i, highest)
        lowest = np.where(undecided & (new < angle[row, lowest]), i, lowest)
        back = (way != 0) & beyond(extreme, i, -way)
        further = (way != 0) & (way * (new - angle[row, extreme]) > 0)
        pivot = np.where(back, extreme, pivot)
        extreme = np.where(up | down | back | further, i, extreme)
        way = np.where(up, 1.0, np.where(down, -1.0, np.where(back, -way, way)))
        pivots[:, i], extremes[:, i] = pivot, extreme
    return pivots, extremes
