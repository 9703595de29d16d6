r"""Net counts of bins, their errors and upper limits, with a background that was counted.

N counts of a bin have the expectation :math:`s + b`, B counts of the background
:math:`\tau b`. The estimate :math:`N - B / \tau` is where the likelihood is largest, and linear
in both counts: its mean is s, however few they are. Errors are where the likelihood, b profiled
out, has fallen by 1/2: W-stat (`xsurvey.spectra.statistics.wstat`) of the summed counts. A norm
that is fitted to the bin's channels by W-stat is the same where these have many counts, and biased
where they have no background counts: of 100 channels with a quarter of a count each of source and
background, and a background region twice as large, it finds 0.4 of the source. Without a
background the two are the same. Limits are of the posterior with flat priors, b integrated out
(`xsurvey.inference.poisson_rate`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xsurvey.inference.poisson_rate import counts_posterior
from xsurvey.spectra.statistics.base import Statistic
from xsurvey.spectra.statistics.cash import CStat
from xsurvey.spectra.statistics.wstat import WStat

_HALVINGS = 50
_LARGEST = 60  # doublings of a step outwards


@dataclass(frozen=True)
class NetCounts:
    """Source counts of bins; arrays of shape (k,).

    Attributes
    ----------
    value : ndarray
        May be negative.
    error_low, error_high : ndarray
        One standard deviation downwards and upwards, both positive; NaN downwards where nothing
        was counted.
    limit : ndarray
        Upper limit, whether it is needed or not.
    significance : ndarray
        Of the source, with the sign of the net counts (Li & Ma 1983, ApJ 272, 317, equation 17);
        NaN without a background, where every count is the source's.
    """

    value: np.ndarray
    error_low: np.ndarray
    error_high: np.ndarray
    limit: np.ndarray
    significance: np.ndarray


def net_counts(
    counts: np.ndarray, background: np.ndarray | None, ratio: np.ndarray, confidence: float
) -> NetCounts:
    """Return the source's part of counts.

    Parameters
    ----------
    counts : ndarray, shape (k,)
    background : ndarray, shape (k,), or None
        Counts of the background; None if all counts are the source's.
    ratio : ndarray, shape (k,)
        1 / tau: background counts in the source's bin of one in the background's.
    confidence : float
        Of the limits.

    Returns
    -------
    NetCounts
    """
    counts = np.asarray(counts, float)
    off = np.zeros_like(counts) if background is None else np.asarray(background, float)
    share = np.zeros_like(counts) if background is None else np.asarray(ratio, float)
    value = counts - off * share
    statistic: Statistic = CStat(counts) if background is None else WStat(counts, off, share, 1.0)
    lowest = statistic.terms(value[None, :])[0]
    sigma = np.sqrt(counts + off * share**2) + 1

    def rise(net: np.ndarray) -> np.ndarray:
        return np.asarray(statistic.terms(net[None, :])[0] - lowest)

    low = value - _distance(lambda d: rise(value - d), sigma, np.where(counts > 0, np.inf, 0.0))
    high = value + _distance(lambda d: rise(value + d), sigma, np.full_like(sigma, np.inf))
    significance = np.full_like(value, np.nan)
    if background is not None:
        drop = np.maximum(rise(np.zeros_like(value)), 0.0)
        significance = np.copysign(np.sqrt(drop), value)
    posterior = counts_posterior(
        counts, off, share, np.ones_like(counts), np.ones_like(counts), np.zeros_like(counts)
    )
    return NetCounts(
        value, np.where(counts > 0, value - low, np.nan), high - value,
        posterior.quantile(confidence), significance,
    )  # fmt: skip


def _distance(
    rise: Callable[[np.ndarray], np.ndarray], step: np.ndarray, most: np.ndarray
) -> np.ndarray:
    """Return the distances at which a statistic has risen by one, shape (k,), by bisection."""
    outer = np.minimum(step, most)
    for _ in range(_LARGEST):
        near = (rise(outer) < 1) & (outer < most)
        if not near.any():
            break
        outer = np.where(near, np.minimum(2 * outer, most), outer)
    inner = np.zeros_like(outer)
    for _ in range(_HALVINGS):
        middle = 0.5 * (inner + outer)
        below = rise(middle) < 1
        inner, outer = np.where(below, middle, inner), np.where(below, outer, middle)
    return 0.5 * (inner + outer)
