r"""The constant rate that explains a light curve best, with the background of every bin fitted.

Counts of bin i in the source region and in the background region are Poisson with means
:math:`r e_i + k_i b_i` and :math:`b_i`. The rate r is common, each :math:`b_i` is free and
has a closed form at a given r (the profile likelihood that XSPEC calls W: Arnaud et al., XSPEC
manual, appendix B; after Wachter, Leach & Kellogg 1979, ApJ 230, 274). The profile is concave in
r, so a Newton iteration kept between bounds finds its one maximum.
"""

from __future__ import annotations

import numpy as np
from scipy import special

_ITERATIONS = 60
_PRECISION = 1e-9
_NO_COUNTS = 1e-7  # a light curve with fewer expected counts of the source has none


def profiled_background(
    source: np.ndarray, counts: np.ndarray, background_counts: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Return the most likely mean of the background counts at given source means.

    Parameters
    ----------
    source : ndarray
        Expected counts of the source in the source region.
    counts, background_counts : ndarray
        Counts in the two regions.
    scale : ndarray
        Expected background counts in the source region a count in the background region;
        zero where there is no background region.

    Returns
    -------
    ndarray
        Of their common shape; never negative.
    """
    a = scale * (1 + scale)
    half = 0.5 * ((1 + scale) * source - scale * (counts + background_counts))
    root = np.sqrt(half**2 + a * background_counts * source)
    # of the two forms of the root, the one that does not subtract equal numbers
    with np.errstate(divide="ignore", invalid="ignore"):
        large = np.where(half > 0, background_counts * source / (half + root), (root - half) / a)
    return np.where(scale > 0, np.where(np.isfinite(large), large, 0.0), background_counts)


def fit_constant_rate(
    counts: np.ndarray, background_counts: np.ndarray, scale: np.ndarray, exposure: np.ndarray
) -> np.ndarray:
    """Return the most likely constant rate of each light curve.

    Parameters
    ----------
    counts, background_counts, scale, exposure : ndarray, shape (n, bins)
        Bins of zero exposure do not count; every light curve needs one that does.

    Returns
    -------
    ndarray, shape (n,)
        Counts a unit of exposure; zero where the background explains all counts.
    """
    used = exposure > 0
    total = exposure.sum(axis=1)
    if not np.all(total > 0):
        raise ValueError("a light curve without exposure has no rate")
    counts = np.where(used, counts, 0)
    high = counts.sum(axis=1) / total  # the rate if there were no background: an upper bound
    if not np.any(scale > 0):
        return high
    low = _NO_COUNTS / total
    data = (counts, background_counts, scale, exposure)
    zero = (high <= low) | (_slope(low, *data)[0] <= 0)  # the likelihood falls from there on
    net = (counts - np.where(used, scale * background_counts, 0)).sum(axis=1) / total
    rate = np.where(zero, low, np.clip(net, np.maximum(0.01 * high, low), high))
    for _ in range(_ITERATIONS):
        slope, curvature = _slope(rate, *data)
        low = np.where(slope > 0, rate, low)
        high = np.where(slope > 0, high, rate)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = rate - slope / curvature
        new = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
        done = np.all(zero | (np.abs(new - rate) <= _PRECISION * rate))
        rate = np.where(zero, rate, new)
        if done:
            break
    return np.where(zero, 0.0, rate)


def _slope(
    rate: np.ndarray, counts: np.ndarray, background_counts: np.ndarray, scale: np.ndarray,
    exposure: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the first two derivatives of the profile log-likelihood in the rate."""
    source = rate[:, None] * exposure
    background = profiled_background(source, counts, background_counts, scale)
    expected = source + scale * background
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(counts > 0, counts / expected, 0.0)
        # how the background follows the rate, from the quadratic equation it solves
        curve = 2 * scale * (1 + scale) * background + (1 + scale) * source
        curve = curve - scale * (counts + background_counts)
        follow = np.where(
            (scale > 0) & (curve > 0),
            -((1 + scale) * background - background_counts) / curve, 0.0,
        )  # fmt: skip
        bend = np.where(counts > 0, -ratio / expected * exposure * (1 + scale * follow), 0.0)
    return (exposure * (ratio - 1)).sum(axis=1), (exposure * bend).sum(axis=1)


def log_likelihood(
    source: np.ndarray, background: np.ndarray, counts: np.ndarray, background_counts: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the Poisson log-likelihood of every bin, factorials left out."""
    expected = source + scale * background
    return np.asarray(
        special.xlogy(counts, expected) - expected
        + special.xlogy(background_counts, background) - background
    )  # fmt: skip


def constancy_statistic(
    counts: np.ndarray, background_counts: np.ndarray, scale: np.ndarray, exposure: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return twice the logarithm of the likelihood ratio of free rates to a constant one.

    Parameters
    ----------
    counts, background_counts, scale, exposure : ndarray, shape (n, bins)
        As for `fit_constant_rate`. Free rates are not negative.

    Returns
    -------
    statistic, rate : ndarray, shape (n,)
        The statistic, never negative, and the constant rate. For many counts a bin and a
        constant source the former is distributed as chi-squared with one degree of freedom less
        than there are bins; for few counts it is not.
    """
    used = exposure > 0
    counts, background_counts = np.where(used, counts, 0), np.where(used, background_counts, 0)
    rate = fit_constant_rate(counts, background_counts, scale, exposure)
    source = rate[:, None] * exposure
    background = profiled_background(source, counts, background_counts, scale)
    free = np.maximum(counts - scale * background_counts, 0)
    free_background = profiled_background(free, counts, background_counts, scale)
    gain = log_likelihood(free, free_background, counts, background_counts, scale)
    gain -= log_likelihood(source, background, counts, background_counts, scale)
    return np.maximum(2 * np.where(used, gain, 0).sum(axis=1), 0), rate
