r"""Odds that a source varies, from arrival times (Gregory & Loredo 1992, ApJ 398, 146).

A light curve of m equal bins with free rates is held against a constant one, for m from 2 to
m_max. With a prior that is flat on the shares of the counts the odds of m bins with n_j of N
events are

.. math:: O_m = \frac{\prod_j n_j!\,(m-1)!}{(N+m-1)!}\, m^N

(their section 5 with the phase fixed: the period is the whole observation, as in Evans et al. 2010,
ApJS 189, 37, section 3.12). All m are equally probable beforehand, so that the odds against
constancy are the mean of O_m.

Bins are equal in the *expected counts of the constant model*, not in time: events come as phases,
the expected share of the counts up to them (`xsurvey.timing.arrival_phases`). Gaps, vignetting,
survey visits and a varying background are then in the phases, and nothing needs a correction: of
a constant source phases are uniform. Where the exposure is even both are the same; elsewhere the
paper (its appendix on gaps) keeps bins of equal time and divides by their exposures, which leaves
bins without any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

M_MAX = 300
"""Most bins; the shortest variations that can be told last this part of the exposure."""

FRAMES_A_BIN = 15.0
"""Bins are no shorter than this many frames (Rots 2006, CXC Newsletter 13: 50 s of 3.2 s)."""

_GRID = 256  # points of light curves
_NO_WEIGHT = 1e-5  # in the light curve


@dataclass(frozen=True)
class GregoryLoredo:
    """Odds of n sources; arrays of shape (n,), NaN (index -1) without events.

    Attributes
    ----------
    log_odds : ndarray
        log10 of the odds of a variable against a constant source.
    probability : ndarray
        That the source varies, odds / (1 + odds): equal chances beforehand.
    within_3_sigma, within_5_sigma : ndarray
        Parts of the light curve within 3 and 5 of its mean errors about its mean.
    index : ndarray of int
        0 to 10, see `variability_index`.
    bins : ndarray of int
        The number of bins with the highest odds.
    light_curve, light_curve_error : ndarray, shape (n, 256)
        Mean and standard deviation of the rate over that of the constant model, at equal steps
        of phase, over all m weighted by their odds.
    """

    log_odds: np.ndarray
    probability: np.ndarray
    within_3_sigma: np.ndarray
    within_5_sigma: np.ndarray
    index: np.ndarray
    bins: np.ndarray
    light_curve: np.ndarray
    light_curve_error: np.ndarray


def gregory_loredo(
    phase: np.ndarray, first: np.ndarray, m_max: np.ndarray | int = M_MAX,
    weight: np.ndarray | float = 1.0,
) -> GregoryLoredo:  # fmt: skip
    """Return the odds that sources vary, all at once.

    Parameters
    ----------
    phase : ndarray, shape (events,)
        Expected shares of the counts up to the events, 0 to 1; source after source.
    first : ndarray of int, shape (n + 1,)
        Events of source i are ``phase[first[i] : first[i + 1]]``, in any order.
    m_max : int or ndarray of int, shape (n,)
        Most bins; at least 2.
    weight : float or ndarray, shape (n,)
        What an event counts for, at most 1: less where the expectation is itself of few counts
        (`xsurvey.timing.arrival_phases.ArrivalPhases.weight`).

    Returns
    -------
    GregoryLoredo

    Raises
    ------
    ValueError
        Phases beyond 0 to 1 or that are not finite, or fewer than two bins.

    Notes
    -----
    As Rots (2006, CXC Newsletter 13) has it, m goes up to the last one at which the mean
    of the odds so far is within a factor sqrt(e) of its largest value, since odds of very many
    bins tend to 1 and tell nothing.
    """
    phase, first = np.asarray(phase, float), np.asarray(first, np.int64)
    number = len(first) - 1
    most = np.broadcast_to(np.asarray(m_max, np.int64), (number,))
    if not np.all((phase >= 0) & (phase <= 1)) or np.any(most < 2):
        raise ValueError("phases are from 0 to 1, and there are two bins or more")
    events = _Events(phase, first, np.broadcast_to(np.asarray(weight, float), (number,)))
    log_odds = events.log_odds(most)
    mean, last = _mean_odds(log_odds, most)
    empty = np.diff(first) == 0
    weights = _weights(log_odds, last)
    curve, error = events.light_curve(weights)
    curve[empty], error[empty] = np.nan, np.nan
    away = np.abs(curve - curve.mean(axis=1, keepdims=True))
    sigma = error.mean(axis=1, keepdims=True)
    near, nearer = (np.mean(away <= k * sigma, axis=1) for k in (5, 3))
    mean = np.where(empty, np.nan, mean / np.log(10))
    probability = special.expit(mean * np.log(10))
    nearer, near = np.where(empty, np.nan, nearer), np.where(empty, np.nan, near)
    index = variability_index(mean, nearer, near)
    best = np.argmax(log_odds, axis=1) + 2 if number else np.zeros(0, int)
    return GregoryLoredo(mean, probability, nearer, near, index, best, curve, error)


def variability_index(
    log_odds: np.ndarray, within_3_sigma: np.ndarray, within_5_sigma: np.ndarray
) -> np.ndarray:
    """Return the variability index of Evans et al. (2010), shape (n,), int.

    Their section 3.12, with P the probability, O = log10 of the odds and f3, f5
    the parts of the light curve within 3 and 5 sigma:

    ======  ===========================================  ==========================
    0       P <= 1/2                                     definitely not variable
    1       1/2 < P < 2/3, f3 > 0.997, f5 = 1            not considered variable
    2       2/3 <= P < 0.9, f3 > 0.997, f5 = 1           probably not variable
    3       1/2 < P < 0.6                                may be variable
    4       0.6 <= P < 2/3                               likely to be variable
    5       2/3 <= P < 0.9                               considered variable
    6       0.9 <= P, O < 2                              definitely variable
    7 - 10  2 <= O < 4, 4 <= O < 10, 10 <= O < 30, more  definitely variable
    ======  ===========================================  ==========================

    Parameters
    ----------
    log_odds, within_3_sigma, within_5_sigma : ndarray, shape (n,)

    Returns
    -------
    ndarray of int
        -1 where the odds are NaN.
    """
    probability = special.expit(np.asarray(log_odds, float) * np.log(10))
    steady = (np.asarray(within_3_sigma) > 0.997) & (np.asarray(within_5_sigma) >= 1)
    return np.select(
        [
            np.isnan(probability), probability <= 0.5,
            steady & (probability < 2 / 3), steady & (probability < 0.9),
            probability < 0.6, probability < 2 / 3, probability < 0.9,
            log_odds < 2, log_odds < 4, log_odds < 10, log_odds < 30,
        ],
        [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        10,
    )  # fmt: skip


@dataclass(frozen=True)
class _Events:
    phase: np.ndarray
    first: np.ndarray
    weight: np.ndarray

    def counts(self, m: int, chosen: np.ndarray) -> np.ndarray:
        """Return the weighted counts in m bins of some sources, shape (chosen, m)."""
        number = len(self.first) - 1
        row = np.full(number, -1)
        row[chosen] = np.arange(len(chosen))
        rows = np.repeat(row, np.diff(self.first))
        used = rows >= 0
        at = np.minimum((self.phase[used] * m).astype(np.int64), m - 1)
        found = np.bincount(rows[used] * m + at, minlength=len(chosen) * m)
        return found.reshape(len(chosen), m) * self.weight[chosen, None]

    def log_odds(self, most: np.ndarray) -> np.ndarray:
        """Return ln O_m, shape (n, largest m - 1); -inf beyond each source's most bins."""
        total = np.diff(self.first) * self.weight
        result = np.full((len(total), int(most.max(initial=2)) - 1), -np.inf)
        for m in range(2, result.shape[1] + 2):
            chosen = np.flatnonzero(most >= m)
            counts = self.counts(m, chosen)
            result[chosen, m - 2] = (
                special.gammaln(counts + 1).sum(axis=1) + special.gammaln(m)
                - special.gammaln(total[chosen] + m) + total[chosen] * np.log(m)
            )  # fmt: skip
        return result

    def light_curve(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of relative rates at equal steps of phase."""
        number = len(weights)
        total = np.diff(self.first) * self.weight
        grid = (np.arange(_GRID) + 0.5) / _GRID
        mean, square = np.zeros((number, _GRID)), np.zeros((number, _GRID))
        for m in range(2, weights.shape[1] + 2):
            chosen = np.flatnonzero(weights[:, m - 2] > _NO_WEIGHT)
            if not len(chosen):
                continue
            # shares are distributed as Dirichlet(n_j + 1)
            shares = (self.counts(m, chosen) + 1) / (total[chosen] + m)[:, None]
            variance = shares * (1 - shares) / (total[chosen] + m + 1)[:, None]
            at = (grid * m).astype(int)
            share_of_m = weights[chosen, m - 2][:, None]
            mean[chosen] += share_of_m * (shares * m)[:, at]
            square[chosen] += share_of_m * ((variance + shares**2) * m**2)[:, at]
        return mean, np.sqrt(np.maximum(square - mean**2, 0))


def _mean_odds(log_odds: np.ndarray, most: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithm of the mean odds and the last m - 2 in the mean, shape (n,) each."""
    columns = np.arange(log_odds.shape[1])
    so_far = np.logaddexp.accumulate(log_odds, axis=1) - np.log(columns + 1)
    so_far = np.where(columns < most[:, None] - 1, so_far, -np.inf)
    enough = so_far >= so_far.max(axis=1, keepdims=True, initial=-np.inf) - 0.5
    last = log_odds.shape[1] - 1 - np.argmax(enough[:, ::-1], axis=1)
    return so_far[np.arange(len(so_far)), last], last


def _weights(log_odds: np.ndarray, last: np.ndarray) -> np.ndarray:
    used = np.arange(log_odds.shape[1]) <= last[:, None]
    weights = np.where(used, log_odds, -np.inf)
    weights = np.exp(weights - weights.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
