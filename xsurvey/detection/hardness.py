"""Hardness ratios of measured sources."""

from __future__ import annotations

import numpy as np

from xsurvey.inference.poisson_rate import CONFIDENCE, CountsPosterior

_RATIOS = np.concatenate(
    (-1 + np.logspace(-4, -0.0001, 150), [0.0], 1 - np.logspace(-0.0001, -4, 150))
)
_FINE, _EDGE = 201, 1e-3
_TAILS = (0.5, (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


def hardness_ratio(
    hard: CountsPosterior, soft: CountsPosterior, hard_exposure: np.ndarray,
    soft_exposure: np.ndarray, hard_level: np.ndarray | float = 0.0,
    soft_level: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return the hardness ratio (H - S)/(H + S) of rates with its 68 % interval.

    Parameters
    ----------
    hard, soft : CountsPosterior
        Of the same n sources, with flat priors.
    hard_exposure, soft_exposure : ndarray, shape (n,)
        Seconds; counts are divided by them.
    hard_level, soft_level : ndarray, shape (n,)
        Expected background in units of the source's counts: over the part of the source's light
        that is in the aperture.

    Returns
    -------
    median, low, high : ndarray, shape (n,)
        Posterior median and central 68.27 % interval. NaN where an exposure is zero.

    Notes
    -----
    P(HR <= t) = P(H <= S (1 + t)/(1 - t)) is integrated over the posterior of S: no random
    numbers are needed (the quantity of Park et al. 2006, ApJ 652, 610). The priors are Jeffreys',
    1/sqrt(counts + background): flat ones make few counts agree with any ratio, whereas the
    central intervals of Jeffreys' prior cover a proportion as often as they say (Brown, Cai &
    DasGupta 2001, Stat. Sci. 16, 101).
    """
    result = np.full((3, len(hard.counts)), np.nan)
    hard_below = _cumulative(hard, hard_level)
    soft_below = _cumulative(soft, soft_level)
    for i in range(len(hard.counts)):
        if not (hard_exposure[i] > 0 and soft_exposure[i] > 0):
            continue
        # each step of the soft counts stands at its middle
        edges = soft.counts[i] / soft_exposure[i]
        weight = np.diff(soft_below[i])
        middle = (edges[1:] + edges[:-1]) / 2
        hard_rate = hard.counts[i] / hard_exposure[i]
        probability = _below(_RATIOS, middle, weight, hard_rate, hard_below[i])
        # once more, finely, where the ratio may be
        inside = np.flatnonzero((probability > _EDGE) & (probability < 1 - _EDGE))
        if not len(inside):
            inside = np.array([np.argmax(probability > 0.5)])
        low = _RATIOS[max(inside[0] - 1, 0)]
        high = _RATIOS[min(inside[-1] + 1, len(_RATIOS) - 1)]
        ratios = np.linspace(low, high, _FINE)
        probability = _below(ratios, middle, weight, hard_rate, hard_below[i])
        result[:, i] = [
            np.interp(p, np.r_[0.0, probability, 1.0], np.r_[-1.0, ratios, 1.0]) for p in _TAILS
        ]
    return result[0], result[1], result[2]


def _below(
    ratios: np.ndarray, soft: np.ndarray, weight: np.ndarray, hard: np.ndarray,
    hard_below: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the probability that the hardness is below some ratios."""
    factor = (1 + ratios) / (1 - ratios)
    below = np.interp(soft[None, :] * factor[:, None], hard, hard_below)
    return np.asarray(np.maximum.accumulate(below @ weight))


def _cumulative(posterior: CountsPosterior, level: np.ndarray | float) -> np.ndarray:
    """Return the cumulative posterior for Jeffreys' prior: d counts / sqrt(counts + level)."""
    levels = np.broadcast_to(np.asarray(level, float), len(posterior.counts))[:, None]
    measure = np.sqrt(posterior.counts + np.maximum(levels, 0))
    steps = (posterior.density[:, 1:] + posterior.density[:, :-1]) * np.diff(measure, axis=1)
    below = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
    return below / below[:, -1:]
