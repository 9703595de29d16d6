"""Hardness ratios of measured sources."""

from __future__ import annotations

import numpy as np

from xsurvey.inference.poisson_rate import CONFIDENCE, CountsPosterior


def hardness_ratio(
    hard: CountsPosterior, soft: CountsPosterior, hard_exposure: np.ndarray,
    soft_exposure: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return the hardness ratio (H - S)/(H + S) of rates with its 68 % interval.

    Parameters
    ----------
    hard, soft : CountsPosterior
        Of the same n sources.
    hard_exposure, soft_exposure : ndarray, shape (n,)
        Seconds; counts are divided by them.

    Returns
    -------
    median, low, high : ndarray, shape (n,)
        Posterior median and central 68.27 % interval. NaN where an exposure is zero.

    Notes
    -----
    P(HR <= t) = P(H <= S (1 + t)/(1 - t)) is integrated over the posterior of S: no random
    numbers are needed (the quantity of Park et al. 2006, ApJ 652, 610).
    """
    ratios = np.concatenate(
        (-1 + np.logspace(-4, -0.0001, 150), [0.0], 1 - np.logspace(-0.0001, -4, 150))
    )
    factor = (1 + ratios) / (1 - ratios)
    result = np.full((3, len(hard.counts)), np.nan)
    tails = (0.5, (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    for i in range(len(hard.counts)):
        if not (hard_exposure[i] > 0 and soft_exposure[i] > 0):
            continue
        soft_rate = soft.counts[i] / soft_exposure[i]
        hard_rate = hard.counts[i] / hard_exposure[i]
        weight = np.gradient(soft.cumulative[i])
        weight = weight / weight.sum()
        below = np.interp(soft_rate[None, :] * factor[:, None], hard_rate, hard.cumulative[i])
        probability = np.maximum.accumulate(below @ weight)
        result[:, i] = [
            np.interp(p, np.r_[0.0, probability, 1.0], np.r_[-1.0, ratios, 1.0]) for p in tails
        ]
    return result[0], result[1], result[2]
