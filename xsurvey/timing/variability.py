"""How much light curves vary: excess variance, fractional variability, largest amplitude.

All functions take many light curves at once, arrays of shape (n, bins); bins whose rate or error
is NaN are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ExcessVariance:
    """Excess variance of n light curves; arrays of shape (n,), NaN where it cannot be measured.

    Attributes
    ----------
    value, error : ndarray
        Normalised excess variance, which noise makes negative at times, and its error from
        the measurement (not from the randomness of the source).
    fractional, fractional_error : ndarray
        Its square root, the fractional variability; NaN where the excess is not positive.
    """

    value: np.ndarray
    error: np.ndarray
    fractional: np.ndarray
    fractional_error: np.ndarray


def excess_variance(rate: np.ndarray, error: np.ndarray) -> ExcessVariance:
    """Return the variance of rates beyond that of their errors, in units of the mean squared.

    Parameters
    ----------
    rate, error : ndarray, shape (n, bins)
        Rates and their standard errors. For counts over a background the error is
        sqrt(C + k**2 B) / exposure: over many bins it has the right mean square even where
        single bins are empty.

    Returns
    -------
    ExcessVariance
        NaN for fewer than two bins or a mean rate that is not positive.

    Notes
    -----
    Equations 8, 11, 10 and B2 of Vaughan et al. (2003, MNRAS 345, 1271). All bins weigh the same:
    where exposures differ much, badly exposed bins dominate, and should be left out or merged.
    """
    used = np.isfinite(rate) & np.isfinite(error)
    number = used.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(used, rate, 0).sum(axis=1) / number
        scatter = np.where(used, rate - mean[:, None], 0) ** 2
        variance = scatter.sum(axis=1) / (number - 1)
        noise = np.where(used, error, 0) ** 2
        noise = noise.sum(axis=1) / number
        mean = np.where((number >= 2) & (mean > 0), mean, np.nan)
        value = (variance - noise) / mean**2
        fractional = np.sqrt(np.where(value > 0, value, np.nan))
        relative = noise / mean**2
        from_noise = np.sqrt(2 / number) * relative
        from_signal = 2 * np.sqrt(relative / number) * np.sqrt(np.maximum(value, 0))
        fractional_error = np.hypot(
            np.sqrt(1 / (2 * number)) * relative / fractional, np.sqrt(relative / number)
        )
    return ExcessVariance(value, np.hypot(from_noise, from_signal), fractional, fractional_error)


@dataclass(frozen=True)
class MaximumAmplitude:
    """Largest amplitude of n light curves; arrays of shape (n,), NaN for fewer than two bins.

    Attributes
    ----------
    value : ndarray
        Lower end of the highest rate minus upper end of the lowest one; negative where the
        intervals overlap.
    difference, error : ndarray
        Highest minus lowest rate, and its error.
    significance : ndarray
        Value over error.
    """

    value: np.ndarray
    difference: np.ndarray
    error: np.ndarray
    significance: np.ndarray


def maximum_amplitude(rate: np.ndarray, low: np.ndarray, high: np.ndarray) -> MaximumAmplitude:
    """Return by how much the highest rate exceeds the lowest one, beyond their intervals.

    Parameters
    ----------
    rate, low, high : ndarray, shape (n, bins)
        Rates and the ends of their intervals.

    Returns
    -------
    MaximumAmplitude

    Notes
    -----
    The maximum amplitude variability of Boller et al. (2016, A&A 588, A103; 2022, A&A 661, A8),
    with intervals that need not be symmetric. The extremes of many bins differ by chance: it tells
    a size, and the test of constancy whether it is real.
    """
    used = np.isfinite(rate) & np.isfinite(low) & np.isfinite(high)
    rows = np.arange(len(rate))
    top = np.argmax(np.where(used, rate, -np.inf), axis=1)
    bottom = np.argmin(np.where(used, rate, np.inf), axis=1)
    enough = used.sum(axis=1) >= 2
    value = np.where(enough, low[rows, top] - high[rows, bottom], np.nan)
    difference = np.where(enough, rate[rows, top] - rate[rows, bottom], np.nan)
    error = np.hypot(
        np.maximum(rate[rows, top] - low[rows, top], 0),
        np.maximum(high[rows, bottom] - rate[rows, bottom], 0),
    )
    error = np.where(enough & (error > 0), error, np.nan)
    return MaximumAmplitude(value, difference, error, value / error)
