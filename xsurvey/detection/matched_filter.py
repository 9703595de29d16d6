r"""Detection likelihoods: the tail of a Poisson matched filter at a given place.

The best test of a source of known shape and counts :math:`m_p` on expected counts
:math:`b_p` is the filter :math:`W = \sum_p N_p \ln(1 + m_p / b_p)` (Neyman & Pearson). The weights
are those of a source that is just detectable, not of the fitted one: the filter then does not
depend on the counts it is applied to, and P(W >= w) is a probability of the background alone.
"""

import numpy as np

from xsurvey.detection.poisson_tail import exact_tail, log_tail_of_pixels

_ITERATIONS = 12
_LEAST_LEVEL = 1e-9
_HEAVY = 0.3  # of the largest weight
_FEW_PHOTONS = 3.0
_DEEPEST = 26.0  # -ln P; below, sums of probabilities are rounding errors


def detection_likelihood(
    counts: np.ndarray, background: np.ndarray, shape: np.ndarray, threshold: float,
    exact: bool = False,
) -> np.ndarray:  # fmt: skip
    r"""Return :math:`-\ln P(W \ge w)` of sources.

    Parameters
    ----------
    counts, background : ndarray, shape (n, p)
        Observed counts, and expected ones without the source.
    shape : ndarray, shape (n, p)
        Expected counts of the source, of any norm; zero where a pixel does not belong.
    threshold : float
        -ln P of a source that is just detectable.
    exact : bool
        Whether to sum the distribution of W where hardly any photons are expected; slower.

    Returns
    -------
    ndarray, shape (n,)
    """
    level = np.maximum(background, _LEAST_LEVEL)
    total = shape.sum(axis=1)
    seen = total > 0
    unit = shape / np.where(seen, total, 1.0)[:, None]
    weights = np.log1p(detectable_counts(level, unit, threshold)[:, None] * unit / level)
    value = np.sum(weights * counts, axis=1)
    # pixels without weight would raise what is expected, not what can be found
    expected = np.where(weights > 0, level, 0.0)
    likelihood = np.where(seen, -log_tail_of_pixels(value, expected, weights), 0.0)
    if exact:
        for i in np.flatnonzero(_is_sparse(weights, expected, likelihood)):
            used = weights[i] > 0
            likelihood[i] = -exact_tail(counts[i, used], level[i, used], weights[i, used])
    return likelihood


def _is_sparse(weights: np.ndarray, expected: np.ndarray, likelihood: np.ndarray) -> np.ndarray:
    """Tell where W takes so few values that its tail is a staircase."""
    heavy = weights > _HEAVY * weights.max(axis=1, keepdims=True)
    few = np.sum(expected * heavy, axis=1) < _FEW_PHOTONS
    return np.asarray(few & (likelihood > 0) & (likelihood < _DEEPEST))


def detectable_counts(background: np.ndarray, unit: np.ndarray, threshold: float) -> np.ndarray:
    """Return the counts whose expected gain in ln likelihood is the threshold.

    Parameters
    ----------
    background, unit : ndarray, shape (n, p)
        Expected counts without the source, positive; the source's fractions.
    threshold : float

    Returns
    -------
    ndarray, shape (n,)
    """
    # the gain grows as n^2 / 2 v far below the background and about as n above it
    variance = 1 / np.maximum(np.sum(unit**2 / background, axis=1), 1e-300)
    number = np.sqrt(2 * threshold * variance) + 0.3 * threshold
    for _ in range(_ITERATIONS):
        ratio = number[:, None] * unit / background
        logarithm = np.log1p(ratio)
        source = number * unit.sum(axis=1)
        gain = np.sum((background + number[:, None] * unit) * logarithm, axis=1) - source
        slope = np.sum(unit * logarithm, axis=1)
        step = (threshold - gain) / np.maximum(slope, 1e-300)
        number = np.clip(number + step, number / 3, number * 3)
        if np.all(np.abs(step) <= 1e-3 * number):
            break
    return number
