"""How sure polarization is: probabilities of chi-square in units of Gaussian sigma."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, ndtri_exp
from scipy.stats import chi2

_ASYMPTOTIC = 1000.0
"""Chi-square beyond which probabilities are below what doubles hold."""


def log_probability(value: float, dof: int) -> float:
    """Return the natural logarithm of the probability that chi-square is ``value`` or more."""
    if value <= 0:
        return 0.0
    if value < _ASYMPTOTIC:
        return float(np.log(chi2.sf(value, dof)))
    half, a = value / 2, dof / 2  # the incomplete gamma function for large arguments, two terms
    return float(-half + (a - 1) * np.log(half) - gammaln(a) + np.log1p((a - 1) / half))


def gaussian_sigma(log_p: float) -> float:
    """Return how many sigma a Gaussian is off at as small a two-sided probability.

    Examples
    --------
    >>> round(gaussian_sigma(np.log(0.0026998)), 3)
    3.0
    """
    return max(float(-ndtri_exp(log_p - np.log(2))), 0.0)
