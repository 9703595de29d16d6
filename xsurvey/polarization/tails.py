"""Tail probabilities in logarithms, and the normal deviates that they are quoted as."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, logsumexp, ndtri_exp


def log_chi2_tail(statistic: np.ndarray | float, dof: np.ndarray | int) -> np.ndarray:
    r"""Return the logarithm of the chance that chi-squared exceeds some values.

    Of an even number of degrees of freedom, which is what pairs of Stokes parameters have, it is
    the sum :math:`e^{-x/2} \sum_{j < k/2} (x/2)^j / j!`, exact however far out.

    Parameters
    ----------
    statistic : ndarray
        NaN gives NaN; what is below zero by rounding counts as zero.
    dof : int or ndarray of int
        Even; broadcasts with the statistic. NaN is returned for 0.

    Raises
    ------
    ValueError
        Degrees of freedom that are odd or negative.
    """
    x, k = np.broadcast_arrays(np.asarray(statistic, float), np.asarray(dof))
    if np.any(k % 2) or np.any(k < 0):
        raise ValueError("degrees of freedom are even")
    half = np.maximum(x, 0) / 2  # NaN stays
    term = np.arange(max(int(k.max(initial=0)) // 2, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_half = np.log(half)[..., None]
        powers = np.where(term == 0, 0.0, term * log_half) - gammaln(term + 1)
    powers = np.where(term < k[..., None] // 2, powers, -np.inf)
    with np.errstate(divide="ignore"):
        total = logsumexp(powers, axis=-1) - half
    return np.where((k > 0) & np.isfinite(x), np.minimum(total, 0.0), np.nan)


def log_gaussian_sigma(log_probability: np.ndarray | float) -> np.ndarray:
    """Return the deviate beyond which, to both sides, a Gaussian has some log probabilities.

    A probability of 0.0027 is 3 sigma, 1 is 0; it holds where probabilities underflow.
    """
    value = np.asarray(log_probability, float)
    return np.maximum(-np.asarray(ndtri_exp(value - np.log(2))), 0.0)
