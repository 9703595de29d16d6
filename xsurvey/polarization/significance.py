"""How significant a polarization is: chi-squared, its tails in logarithms, and Gaussian sigma."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, log_ndtr, logsumexp, ndtri_exp


def polarization_chi2(q: np.ndarray, u: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return x^T C^-1 x of normalised Stokes parameters x = (q, u).

    Parameters
    ----------
    q, u : ndarray, shape (n,)
    covariance : ndarray, shape (n, 2, 2)

    Returns
    -------
    ndarray, shape (n,)
        NaN where the covariance is not positive definite.
    """
    qq, qu, uu = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    determinant = qq * uu - qu**2
    with np.errstate(divide="ignore", invalid="ignore"):
        chi2 = (uu * q**2 - 2 * qu * q * u + qq * u**2) / determinant
        # a determinant that is a rounding error is none
        return np.where((determinant > 1e-12 * qq * uu) & (qq > 0), chi2, np.nan)


def log_chi2_tail(statistic: np.ndarray | float, dof: np.ndarray | int) -> np.ndarray:
    r"""Return the logarithm of the chance that chi-squared exceeds some values.

    Of an even number k of degrees of freedom, which is what pairs of Stokes parameters have, it is
    the sum :math:`e^{-x/2} \sum_{j < k/2} (x/2)^j / j!`, of an odd number that over half-integers
    j, with :math:`\mathrm{erfc} \sqrt{x/2}` (Abramowitz & Stegun 1964, 26.4.4 and 26.4.5): exact
    however far out.

    Parameters
    ----------
    statistic : ndarray
        NaN gives NaN; what is below zero by rounding counts as zero.
    dof : int or ndarray of int
        Broadcasts with the statistic. NaN is returned for 0.

    Raises
    ------
    ValueError
        Degrees of freedom that are negative.
    """
    x, k = np.broadcast_arrays(np.asarray(statistic, float), np.asarray(dof))
    if np.any(k < 0):
        raise ValueError("degrees of freedom are not negative")
    half = np.maximum(x, 0) / 2  # NaN stays
    term = np.arange(max(int(k.max(initial=0)) // 2, 1)) + (k % 2)[..., None] / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        log_half = np.log(half)[..., None]
        powers = np.where(term == 0, 0.0, term * log_half) - gammaln(term + 1)
    powers = np.where(term < k[..., None] / 2, powers, -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = logsumexp(powers, axis=-1) - half
        odd = np.logaddexp(total, log_ndtr(-np.sqrt(2 * half)) + np.log(2))
    total = np.where(k % 2 == 1, odd, total)
    return np.where((k > 0) & np.isfinite(x), np.minimum(total, 0.0), np.nan)


def gaussian_sigma(log_probability: np.ndarray | float) -> np.ndarray:
    """Return beyond how many sigma, to both sides, a Gaussian has some log probabilities.

    Right far beyond 9 sigma, where one minus the probability is 1 in floating point.

    Examples
    --------
    >>> float(gaussian_sigma(np.log(0.0026998)).round(3))
    3.0
    """
    value = np.asarray(log_probability, float)
    # zero where p is 1: the inverse would be a rounding error
    return np.maximum(-np.asarray(ndtri_exp(value - np.log(2.0))), 0.0)


def significance(chi2: np.ndarray) -> np.ndarray:
    """Return in how many sigma a Gaussian is as improbable, on both sides, as a chi2 of 2 dof.

    Parameters
    ----------
    chi2 : ndarray
        NaN stays NaN.
    """
    return gaussian_sigma(-0.5 * np.asarray(chi2, float))
