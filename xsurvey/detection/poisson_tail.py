r"""Tail probabilities of linear filters of Poisson counts, without simulation tables.

A filter with weights :math:`h_k` over pixels of expected counts :math:`\lambda_k` gives
:math:`W = \sum_k h_k N_k`, a compound Poisson variable with cumulant generating function
:math:`K(t) = \sum_k \lambda_k (e^{t h_k} - 1)`. Its tail follows from the saddle point
approximation of Lugannani & Rice (1980, Adv. Appl. Probab. 12, 475).
"""

import numpy as np
from scipy import special

_SPARSE = 0.2  # photons expected on positive weights
_ITERATIONS = 60
_LATTICE = 200
_LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)


def filter_weights(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct weights of a filter and how often each occurs.

    Symmetric filters have few distinct weights, which makes the sums of `log_tail` short.
    """
    values, counts = np.unique(np.round(kernel[kernel != 0], 12), return_counts=True)
    return values, counts.astype(float)


def log_tail(
    observed: np.ndarray, background: np.ndarray, weights: np.ndarray, multiplicity: np.ndarray
) -> np.ndarray:
    r"""Return :math:`\ln P(W \ge w)` for filtered Poisson counts on a flat background.

    Parameters
    ----------
    observed : ndarray, shape (n,)
        Values :math:`w` of the filter.
    background : ndarray, shape (n,)
        Expected counts per pixel, positive.
    weights, multiplicity : ndarray, shape (m,)
        Distinct filter weights and their numbers, from `filter_weights`.

    Returns
    -------
    ndarray, shape (n,)
        As `log_tail_of_pixels`.
    """
    observed = np.asarray(observed, float)
    background = np.broadcast_to(np.asarray(background, float), observed.shape)
    expected = background[:, None] * multiplicity
    return log_tail_of_pixels(observed, expected, np.broadcast_to(weights, expected.shape))


def log_tail_of_pixels(
    observed: np.ndarray, expected: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    r"""Return :math:`\ln P(W \ge w)` for filtered Poisson counts of different means.

    Parameters
    ----------
    observed : ndarray, shape (n,)
        Values :math:`w` of n filters.
    expected : ndarray, shape (n, m)
        Expected counts of each pixel (or of all pixels of one weight).
    weights : ndarray, shape (n, m)

    Returns
    -------
    ndarray, shape (n,)
        Natural logarithm of the tail probability; 0 where ``w`` is at or below the mean.

    Notes
    -----
    Near the mean, where the formula is 0/0, the Gaussian tail is used. Values above the
    mean are solved by Newton steps kept in a bracket, in :math:`t`.
    """
    observed = np.asarray(observed, float)
    result = np.zeros(observed.shape)
    mean = np.sum(expected * weights, axis=1)
    variance = np.sum(expected * weights**2, axis=1)
    above = np.flatnonzero(observed > mean + 1e-3 * np.sqrt(variance))
    if above.size:
        result[above] = _lugannani_rice(
            observed[above], expected[above], weights[above], mean[above], variance[above]
        )
    low, high, sparse = _photon_bounds(observed, expected, weights)
    result = np.where(sparse, high, np.clip(np.minimum(result, 0.0), low, high))
    return np.where(observed > np.maximum(mean, 0), result, 0.0)


def exact_tail(counts: np.ndarray, expected: np.ndarray, weights: np.ndarray) -> float:
    r"""Return :math:`\ln P(W \ge w)` of a filter with positive weights, exactly.

    Parameters
    ----------
    counts, expected, weights : ndarray, shape (m,)
        Observed and expected counts, and the filter.

    Returns
    -------
    float
        From the distribution of W by its characteristic function, weights rounded to 1/200 of the
        largest: for few photons, whose W takes few values, where the saddle point is not good to
        better than one unit. Below 1e-12 rounding errors take over.
    """
    steps = np.rint(weights * (_LATTICE / weights.max())).astype(int)
    value = int(np.sum(steps * np.rint(counts)))
    if value <= 0:
        return 0.0
    length = 1 << int(np.ceil(np.log2(2 * value + 20 * _LATTICE)))
    lattice = np.bincount(steps, expected, minlength=length)
    spectrum = np.exp(np.fft.rfft(lattice) - expected.sum())
    density = np.fft.irfft(spectrum, length)
    tail = max(float(density[value:].sum()), 1e-300)
    return float(min(np.log(tail), 0.0))


def _photon_bounds(
    w: np.ndarray, expected: np.ndarray, h: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return exact bounds of the logarithm of the tail, and where the upper one is the answer.

    A positive value takes a photon on a weight of at least the value, or two on positive ones;
    the first, with none on negative weights, is enough for it. Where hardly any photon is
    expected both bounds meet, and the smooth formula breaks down.
    """
    enough = np.sum(expected * (h >= w[:, None]), axis=1)
    positive = np.sum(expected * (h > 0), axis=1)
    one = -np.expm1(-enough)
    two = np.maximum(-np.expm1(-positive) - positive * np.exp(-positive), 0.0)
    with np.errstate(divide="ignore"):
        low = np.log(one) - np.sum(expected * (h < 0), axis=1)
        high = np.log(np.minimum(one + two, -np.expm1(-positive)))
    return low, np.maximum(high, low), (positive < _SPARSE) & (enough > 0)


def _lugannani_rice(
    w: np.ndarray, expected: np.ndarray, h: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    t = _saddle_point(w, expected, h, mean, variance)
    exponential = expected * np.exp(t[:, None] * h)
    cumulant = np.sum(exponential - expected, axis=1)
    curvature = np.sum(exponential * h**2, axis=1)
    root = np.sqrt(2 * np.maximum(t * w - cumulant, 0))
    slope = t * np.sqrt(curvature)
    # P = Q(r) + phi(r) (1/u - 1/r), taken in logarithms past where Q underflows
    log_density = -0.5 * root**2 - _LOG_ROOT_2PI
    mills = np.sqrt(np.pi / 2) * special.erfcx(root / np.sqrt(2))
    bracket = mills + 1 / slope - 1 / root
    near_mean = root < 1e-2
    bracket = np.where(near_mean, mills, bracket)
    # not positive: the formula has broken down, and the bounds alone hold
    broken = bracket <= 0
    value = log_density + np.log(np.where(broken, 1.0, bracket))
    return np.asarray(np.where(broken, 0.0, value))


def _saddle_point(
    w: np.ndarray, expected: np.ndarray, h: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    """Solve K'(t) = w for t > 0; K' grows with t, so Newton steps stay in a bracket."""
    largest = h.max(axis=1)
    on_largest = np.sum(expected * (h == largest[:, None]), axis=1)
    # e^(t h_max) <= w / (lambda h_max) bounds t from above, up to the negative weights
    pull = np.sum(expected * np.abs(h) * (h < 0), axis=1)
    upper = np.log1p((w + pull) / np.maximum(on_largest * largest, 1e-300)) / largest + 1.0
    lower = np.zeros_like(w)
    t = np.minimum((w - mean) / variance, upper * 0.5)
    for _ in range(_ITERATIONS):
        exponential = expected * np.exp(t[:, None] * h) * h
        value = np.sum(exponential, axis=1) - w
        slope = np.sum(exponential * h, axis=1)
        upper = np.where(value > 0, t, upper)
        lower = np.where(value > 0, lower, t)
        step = t - value / slope
        inside = (step > lower) & (step < upper)
        new = np.where(inside, step, 0.5 * (lower + upper))
        if np.all(np.abs(new - t) <= 1e-10 * np.maximum(new, 1e-6)):
            return new
        t = new
    return t
