r"""How significant emission is above the sky and the given background.

The counts that a region without a source would have follow from the posterior of the sky
(`xsurvey.profiles.sky_level`): a Poisson distribution whose mean is uncertain by the level's
error, by the sky's own variation in a region of this size (of narrow ones less, where the PSF that
spreads its sources is known: `xsurvey.profiles.source_blur`) and by the systematic error of the
given background, which the sky's level follows. The probability of counts as high as were
observed, half of that of the very counts taken (mid-P; Lancaster 1961, J. Am. Stat. Assoc. 56,
223), is given as that many Gaussian deviations, one-sided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from xsurvey.errors import InputError
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.sky_level import SkyLevel

_DEVIATIONS = np.linspace(-8.0, 8.0, 321)
_GAUSSIAN = np.exp(-(_DEVIATIONS**2) / 2)
_GAUSSIAN /= _GAUSSIAN.sum()
_MOST_SKEW = 0.37
"""Beyond it deviations would not increase all along."""
MOST = 37.0
"""Largest significance: probabilities below it are no numbers any more."""


@dataclass(frozen=True)
class Significance:
    """Of n regions.

    Attributes
    ----------
    sigma : ndarray, shape (n,)
        Gaussian deviations, negative for fewer counts than expected; at most 37; NaN where
        nothing was exposed.
    p_value : ndarray, shape (n,)
        Of as many counts or more, without a source.
    expected, expected_error : ndarray, shape (n,)
        Counts without a source, and the standard deviation of their mean (not of the counts).
    """

    sigma: np.ndarray
    p_value: np.ndarray
    expected: np.ndarray
    expected_error: np.ndarray


def significance(
    counts: np.ndarray, exposure_area: np.ndarray, area: np.ndarray,
    background: np.ndarray | float, background_error: np.ndarray | float, sky: SkyLevel,
    width: np.ndarray | None = None,
) -> Significance:  # fmt: skip
    """Return the significance of regions, each of them for itself.

    Parameters
    ----------
    counts, exposure_area, area : ndarray, shape (n,)
        Counts, s arcmin2 and arcmin2.
    background, background_error : ndarray, shape (n,), or float
        Counts of the given background and their systematic error.
    sky : SkyLevel
        Of other regions, with the same kind of given background.
    width : ndarray, shape (n,), optional
        Of the regions, arcmin: what a PSF of the sky leaves of the sources' variation.

    Raises
    ------
    InputError
        Counts are negative or no numbers.
    """
    c, a, omega, b, e = (
        np.broadcast_to(np.asarray(v, float), np.shape(counts))
        for v in (counts, exposure_area, area, background, background_error)
    )
    if not np.all(np.isfinite(c) & (c >= 0)):
        raise InputError("counts", "are negative or no numbers", "give counts of regions")
    # (n, q): mean counts without a source for each scatter, and their spread
    mean = a[:, None] * sky.mean[:, 0] + b[:, None] + e[:, None] * sky.mean[:, 1]
    cov = sky.covariance
    variance = (
        a[:, None] ** 2 * (cov[:, 0, 0] + sky.scatter_of(omega, width) ** 2)
        + e[:, None] ** 2 * cov[:, 1, 1]
        + 2 * (a * e)[:, None] * cov[:, 0, 1]
    )
    spread = np.sqrt(np.maximum(variance, 0.0))
    skewness = a[:, None] ** 3 * sky.third_moment / np.maximum(spread, 1e-100) ** 3
    exposed = (a > 0) & (omega > 0) & np.isfinite(b) & np.isfinite(e)
    above, below = np.full(len(c), np.nan), np.full(len(c), np.nan)
    for i in np.flatnonzero(exposed):
        above[i], below[i] = _tails(c[i], mean[i], spread[i], skewness[i], sky.weight)
    # the smaller tail is the one that is known to all its digits
    smaller = special.ndtri(np.minimum(above, below))
    sigma = np.clip(np.where(above < below, -smaller, smaller), -MOST, MOST)
    expected = mean @ sky.weight
    error = np.sqrt((variance + (mean - expected[:, None]) ** 2) @ sky.weight)
    return Significance(
        np.where(exposed, sigma, np.nan), above, np.where(exposed, expected, np.nan),
        np.where(exposed, error, np.nan),
    )  # fmt: skip


def profile_significance(profile: RadialProfile, sky: SkyLevel) -> Significance:
    """Return the significance of every bin of a profile."""
    return significance(
        profile.counts, profile.exposure_area, profile.area, profile.background,
        profile.background_error, sky, profile.width,
    )  # fmt: skip


def range_significance(
    profile: RadialProfile, sky: SkyLevel, inner: float, outer: float
) -> Significance:
    """Return the significance of a range of radii, of one region: R200 within 10 %, for example.

    Parameters
    ----------
    profile : RadialProfile
    sky : SkyLevel
    inner, outer : float
        arcmin; bins whose middle lies between them are added up.

    Raises
    ------
    InputError
        No bin does.
    """
    inside = (profile.radius >= inner) & (profile.radius <= outer)
    if not inside.any():
        raise InputError(
            "profile", f"has no bin with its middle between {inner:g} and {outer:g} arcmin",
            "make narrower bins, or go farther out",
        )  # fmt: skip

    def summed(values: np.ndarray) -> np.ndarray:
        return np.array([np.nansum(values[inside])])

    return significance(
        summed(profile.counts), summed(profile.exposure_area), summed(profile.area),
        summed(profile.background), summed(profile.background_error), sky,
        summed(profile.width),
    )  # fmt: skip


def _tails(
    count: float, mean: np.ndarray, spread: np.ndarray, skewness: np.ndarray, weight: np.ndarray
) -> tuple[float, float]:
    """Return the probabilities of more and of fewer counts, half of the count's own in each."""
    kept = weight > 1e-12 * weight.max()
    # the first term of Cornish & Fisher (1938, Rev. Int. Stat. Inst. 5, 307)
    skew = np.clip(skewness[kept, None], -_MOST_SKEW, _MOST_SKEW)
    deviations = _DEVIATIONS + skew / 6 * (_DEVIATIONS**2 - 1)
    rate = np.maximum(mean[kept, None] + spread[kept, None] * deviations, 0.0)
    # P(N > n) = gammainc(n + 1, rate), P(N >= n) = gammainc(n, rate)
    more, fewer = special.gammainc(count + 1, rate), special.gammaincc(count + 1, rate)
    as_many = special.gammainc(count, rate) if count > 0 else np.ones_like(rate)
    less = special.gammaincc(count, rate) if count > 0 else np.zeros_like(rate)
    of_scatter = weight[kept] / weight[kept].sum()
    above = of_scatter @ ((more + as_many) / 2 @ _GAUSSIAN)
    below = of_scatter @ ((fewer + less) / 2 @ _GAUSSIAN)
    return float(above), float(below)
