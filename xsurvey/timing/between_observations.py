"""Whether a source's rate differs between observations, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from xsurvey.inference.poisson_rate import CONFIDENCE, CountsPosterior, counts_posterior
from xsurvey.timing.constancy import constancy_test

_ENOUGH = 20.0
"""Counts of the source region in every observation from which chi-squared holds."""


@dataclass(frozen=True)
class BetweenObservations:
    """Inter-observation variability of n sources; arrays of shape (n,).

    Attributes
    ----------
    probability : ndarray
        Chance that a source of one rate gives rates as different as these; NaN with less than
        two exposed observations.
    statistic : ndarray
        Twice the logarithm of the likelihood ratio of a rate for each observation to one rate.
    rate : ndarray
        The one rate, counts a second.
    amplitude : ndarray
        Highest rate over the lowest one; NaN where the lowest one may be zero.
    amplitude_lo, amplitude_hi : ndarray
        Ends of the central 68.27 % interval of the ratio of these two: the former is a lower
        limit where there is no amplitude. At most 1e6.
    observations : ndarray of int
        With exposure.
    """

    probability: np.ndarray
    statistic: np.ndarray
    rate: np.ndarray
    amplitude: np.ndarray
    amplitude_lo: np.ndarray
    amplitude_hi: np.ndarray
    observations: np.ndarray


def between_observations(
    counts: np.ndarray, background_counts: np.ndarray, background_scale: np.ndarray,
    exposure: np.ndarray, trials: int = 9999, seed: int = 0,
) -> BetweenObservations:  # fmt: skip
    """Test whether sources have the same rate in all their observations.

    Parameters
    ----------
    counts, background_counts : ndarray, shape (n, observations)
        In the source region and in the background region.
    background_scale : ndarray, shape (n, observations)
        Expected background counts in the source region a count in the background region.
    exposure : ndarray, shape (n, observations)
        Effective exposure, s: livetime, vignetting and the PSF's part in the source region; 0
        where the source was not observed.
    trials : int
        Largest number of simulated sources of one rate; probabilities are not below 1 / (trials
        + 1) unless all observations have 20 counts, from which on the statistic is distributed as
        chi-squared.
    seed : int

    Returns
    -------
    BetweenObservations

    Raises
    ------
    ValueError
        As `constancy_test`.

    Notes
    -----
    The extremes of many observations differ by chance: the amplitude tells a size, the probability
    whether it is real. Intervals are of the two extremes as if they had been chosen beforehand.
    """
    data = [np.asarray(v, float) for v in (counts, background_counts, background_scale, exposure)]
    data = [np.array(v) for v in np.broadcast_arrays(*data)]
    counts, background_counts, background_scale, exposure = data
    test = constancy_test(
        counts, background_counts, background_scale, exposure, trials=trials, seed=seed
    )
    exposed = exposure > 0
    many = np.all(~exposed | (counts >= _ENOUGH), axis=1) & (test.bins > 1)
    asymptotic = stats.chi2.sf(test.statistic, np.maximum(test.bins - 1, 1))
    probability = np.where(many, asymptotic, test.p_value)
    return BetweenObservations(
        probability, test.statistic, test.rate,
        *_amplitude(counts, background_counts, background_scale, exposure), test.bins,
    )  # fmt: skip


def _amplitude(
    counts: np.ndarray, background: np.ndarray, scale: np.ndarray, exposure: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    exposed = exposure > 0
    result = np.full((3, len(counts)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = (counts - scale * background) / exposure
    rows = np.flatnonzero(exposed.sum(axis=1) > 1)
    if not len(rows):
        return result[0], result[1], result[2]
    columns = np.arange(rate.shape[1])
    high = np.argmax(np.where(exposed, rate, -np.inf)[rows], axis=1)
    others = np.where(exposed[rows] & (columns != high[:, None]), rate[rows], np.inf)
    # among equally low rates, as without counts, the one that is known best
    equal = others <= others.min(axis=1, keepdims=True)
    low = np.argmax(np.where(equal, exposure[rows], -1), axis=1)
    upper = _posterior(counts, background, scale, rows, high)
    lower = _posterior(counts, background, scale, rows, low)
    factor = exposure[rows, low] / exposure[rows, high]
    best, least = upper.mode(), lower.mode()
    ratio = np.divide(best, least, out=np.full(len(rows), np.nan), where=least > 0)
    result[0, rows] = ratio * factor
    ends = _ratio_interval(upper, lower)
    result[1:, rows] = ends * factor
    return result[0], result[1], result[2]


def _posterior(
    counts: np.ndarray, background: np.ndarray, scale: np.ndarray, rows: np.ndarray,
    columns: np.ndarray,
) -> CountsPosterior:  # fmt: skip
    ones = np.ones(len(rows))
    return counts_posterior(
        counts[rows, columns], background[rows, columns], scale[rows, columns], ones, ones, 0 * ones
    )


def _ratio_interval(upper: CountsPosterior, lower: CountsPosterior) -> np.ndarray:
    """Return the ends of the central interval of the ratio of two posteriors, shape (2, n).

    P(upper <= x lower) is integrated over the posterior of the lower one.
    """
    tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    result = np.empty((2, len(upper.counts)))
    for i in range(len(upper.counts)):
        middle = (lower.counts[i, 1:] + lower.counts[i, :-1]) / 2
        weight = np.diff(lower.cumulative[i])
        ratios = np.logspace(-6, 6, 181)
        for _ in range(2):  # the second time between what are far tails of the first
            found = np.interp(ratios[:, None] * middle, upper.counts[i], upper.cumulative[i])
            below = np.maximum.accumulate(found @ weight)
            ends = np.interp((1e-2, 1 - 1e-2), below, np.log(ratios))
            result[:, i] = np.exp(np.interp(tails, below, np.log(ratios)))
            ratios = np.exp(np.linspace(ends[0], ends[1], 181))
    return result
