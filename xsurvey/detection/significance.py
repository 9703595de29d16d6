"""Likelihoods as Gaussian sigmas."""

import numpy as np
from scipy import special


def gaussian_significance(likelihood: np.ndarray) -> np.ndarray:
    """Return the Gaussian sigmas whose one-sided tail is ``exp(-likelihood)``.

    Parameters
    ----------
    likelihood : ndarray
        -ln P, natural logarithm; any size (deep tails are solved in logarithms).
    """
    likelihood = np.asarray(likelihood, float)
    sigma = np.sqrt(2 * np.maximum(likelihood, 0.7))
    for _ in range(30):  # Newton on ln Q(sigma) + L, whose slope is -phi/Q
        log_tail = special.log_ndtr(-sigma)
        slope = -np.exp(-0.5 * sigma**2 - 0.5 * np.log(2 * np.pi) - log_tail)
        sigma = sigma - (log_tail + likelihood) / slope
    return np.where(likelihood > np.log(2), sigma, 0.0)
