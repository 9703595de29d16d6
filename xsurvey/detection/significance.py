r"""Likelihoods: as Gaussian sigmas, and at one place against anywhere in a beam.

A place that was chosen because it is the highest one around has a small chance more often than
its own says. Where the filtered image is a smooth Gaussian field, as many photons make it, maxima
above :math:`u` sigma are :math:`0.4\,u\,e^{-u^2/2}` a beam of :math:`4\pi\sigma^2` (Adler 1981, The
Geometry of Random Fields, chapter 6): :math:`u^2` times the chance at one place.
"""

import numpy as np
from scipy import optimize, special

_LEAST_SIGMA = 1.4
"""Below it there are no separate maxima, and the formula would not rise with the likelihood."""


def gaussian_significance(likelihood: np.ndarray) -> np.ndarray:
    """Return the Gaussian sigmas whose one-sided tail is ``exp(-likelihood)``, zero at least.

    Parameters
    ----------
    likelihood : ndarray
        -ln P, natural logarithm; any size (deep tails are solved in logarithms). NaN stays NaN.
    """
    log_tail = np.minimum(-np.asarray(likelihood, float), 0.0)
    return np.asarray(np.maximum(-special.ndtri_exp(log_tail), 0.0))


def in_a_beam(likelihood: np.ndarray) -> np.ndarray:
    """Return -ln P of a maximum anywhere in a beam from that of its own place.

    Parameters
    ----------
    likelihood : ndarray
        -ln P that the background alone gives as much at the place of the maximum.

    Returns
    -------
    ndarray
        -ln of the expected number of such maxima in a beam of the background alone; zero where
        that is one or more.
    """
    likelihood = np.asarray(likelihood, float)
    sigma = gaussian_significance(likelihood)
    return np.asarray(np.maximum(likelihood - 2 * np.log(np.maximum(sigma, _LEAST_SIGMA)), 0.0))


def at_one_place(likelihood: float) -> float:
    """Return the -ln P at one place that `in_a_beam` turns into a likelihood."""
    low, high = likelihood, likelihood + 2 * np.log(np.sqrt(2 * likelihood) + 10) + 1
    return float(optimize.brentq(lambda v: float(in_a_beam(np.array(v))) - likelihood, low, high))
