"""Surface brightness of the bins of a profile, with Poisson intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from xsurvey.inference.poisson_rate import CONFIDENCE
from xsurvey.profiles.radial_profile import RadialProfile


class Brightness(NamedTuple):
    """Net surface brightness of n bins, count / (s arcmin2); NaN where nothing was exposed.

    Attributes
    ----------
    value : ndarray, shape (n,)
        Background subtracted; negative where counts are fewer.
    lower, upper : ndarray, shape (n,)
        Ends of the central Poisson interval of the counts, less the background.
    error : ndarray, shape (n,)
        Square root of the counts; without counts the one-sided 68.3 % limit.
    systematic : ndarray, shape (n,)
        One-sigma error by the given background, fully correlated between bins; in none of the
        others.
    """

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    error: np.ndarray
    systematic: np.ndarray


def brightness(profile: RadialProfile, confidence: float = CONFIDENCE) -> Brightness:
    """Return the brightness of a profile's bins.

    Parameters
    ----------
    profile : RadialProfile
    confidence : float
        Of the intervals.

    Returns
    -------
    Brightness
    """
    seen = profile.exposure_area > 0
    exposure = np.where(seen, profile.exposure_area, np.nan)
    low, high = poisson_interval(profile.counts, confidence)
    return Brightness(
        (profile.counts - profile.background) / exposure,
        (low - profile.background) / exposure,
        (high - profile.background) / exposure,
        poisson_error(profile.counts, confidence) / exposure,
        profile.background_error / exposure,
    )


def poisson_interval(
    counts: np.ndarray, confidence: float = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """Return the central interval of Poisson means (Garwood 1936, Biometrika 28, 437).

    Parameters
    ----------
    counts : ndarray, shape (n,)
    confidence : float

    Returns
    -------
    lower, upper : ndarray, shape (n,)
        Means with which that many counts or more, and or fewer, have half of the remaining
        probability each; the lower end of no counts is 0.
    """
    counts = np.asarray(counts, float)
    tail = (1 - confidence) / 2
    lower = np.where(counts > 0, special.gammaincinv(np.where(counts > 0, counts, 1), tail), 0.0)
    return lower, special.gammainccinv(counts + 1, tail)


def poisson_error(counts: np.ndarray, confidence: float = CONFIDENCE) -> np.ndarray:
    """Return the square root of counts, and the one-sided limit -ln(1 - confidence) of none."""
    counts = np.asarray(counts, float)
    return np.where(counts > 0, np.sqrt(counts), -np.log1p(-confidence))
