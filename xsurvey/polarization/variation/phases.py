r"""Polarization by pulse phase.

The phase is :math:`\nu t + \dot\nu t^2 / 2 + \ddot\nu t^3 / 6 + \dots` with t from the epoch
at which the frequency and its derivatives are given. Times are taken as they are: correct them to
the barycentre, and for an orbit, before.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial

import numpy as np

from xsurvey.polarization.variation.binned_sums import BinnedSums, binned_sums


def pulse_phase(
    time: np.ndarray, frequency: float, epoch: float, derivatives: Sequence[float] = ()
) -> np.ndarray:
    """Return pulse phases in [0, 1).

    Parameters
    ----------
    time : ndarray
        Seconds.
    frequency : float
        Hz at the epoch.
    epoch : float
        In the same seconds as the times; the phase is zero there.
    derivatives : sequence of float
        First, second, ... time derivative of the frequency: Hz/s, Hz/s2, ...

    Raises
    ------
    ValueError
        A frequency that is not positive, or anything that is not finite.
    """
    coefficients = np.array([frequency, *derivatives], float)
    if not (np.isfinite(coefficients).all() and np.isfinite(epoch) and frequency > 0):
        raise ValueError("frequency (above zero), derivatives and epoch are finite numbers")
    since = np.asarray(time, float) - epoch
    cycles = np.zeros_like(since)
    for order in range(len(coefficients), 0, -1):
        cycles = (cycles + coefficients[order - 1] / factorial(order)) * since
    phase = cycles % 1.0
    return np.where(phase >= 1.0, 0.0, phase)  # of -1e-20 the remainder is 1


def phase_sums(
    phase: np.ndarray, q: np.ndarray, u: np.ndarray, bins: int | np.ndarray = 10,
    weight: np.ndarray | float = 1.0, modulation: np.ndarray | float = 1.0,
) -> BinnedSums:  # fmt: skip
    """Return sums of the Stokes parameters of events by phase.

    Parameters
    ----------
    phase : ndarray, shape (e,)
        In [0, 1): `pulse_phase`.
    bins : int or ndarray
        Number of equal bins, or edges from 0 to 1, or of a part of the cycle.

    Other parameters and errors are those of `binned_sums.binned_sums`;
    `constancy.constancy` of ``normalised()`` tells whether the polarization
    changes with phase.
    """
    edges = np.linspace(0, 1, bins + 1) if np.ndim(bins) == 0 else np.asarray(bins, float)
    if edges.size and (edges[0] < 0 or edges[-1] > 1):
        raise ValueError("phases are from 0 to 1")
    return binned_sums(phase, q, u, edges, weight, modulation)
