"""How significant a polarization is: chi2 of two degrees of freedom against none."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri_exp


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


def log_p_value(chi2: np.ndarray) -> np.ndarray:
    """Return ln p of a chi2 of two degrees of freedom: -chi2/2 exactly."""
    return -0.5 * np.asarray(chi2, float)


def significance(chi2: np.ndarray) -> np.ndarray:
    """Return in how many sigma a Gaussian is as improbable, on both sides, as a chi2 of 2 dof.

    In logarithms, so that it is right far beyond 9 sigma, where 1 - p is 1 in floating point.

    Parameters
    ----------
    chi2 : ndarray
        NaN stays NaN.
    """
    # zero where p is 1: the inverse would be a rounding error
    return np.maximum(-ndtri_exp(log_p_value(chi2) - np.log(2.0)), 0.0)
