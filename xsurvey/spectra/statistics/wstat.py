r"""Poisson likelihood of source and background counts, background profiled out: W-stat.

S counts in the source region have expectation :math:`m + b`, B counts in the background region
:math:`\tau b`, where :math:`\tau = t_b / t_s` and t is exposure x BACKSCAL x AREASCAL of a
spectrum (the W statistic of Wachter, Leach & Kellogg 1979, ApJ 230, 274, as in appendix B of
XSPEC's manual, which writes m and b per unit of t). For given m the likelihood is greatest at

.. math::

   b = \frac{q + d}{2 (1 + \tau)}, \quad q = S + B - (1 + \tau) m, \quad
   d = \sqrt{q^2 + 4 (1 + \tau) B m},

and W is twice the sum of the two deviances there:

.. math:: W = 2 \sum (m + b) - S + S \ln\frac{S}{m + b} + \tau b - B + B \ln\frac{B}{\tau b}.

The special cases of the manual are limits of this: S = 0 gives b = B/(1 + tau); B = 0 gives
b = S/(1 + tau) - m, or 0 where that is negative.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from xsurvey.spectra.statistics.base import (
    SMALLEST_EXPECTATION,
    bin_values,
    expected_counts,
)

_TINY = np.finfo(float).tiny
_CACHED = 16_384  # values at a time whose temporaries stay in the processor's cache


class WStat:
    """Poisson statistic with a measured background.

    A model of zero is possible (all counts are then background), and so is a negative one, as
    source and background together stay positive. NaN and infinity give +inf. Where background
    bins are empty W is biased: group to a count a background bin, better five.

    Parameters
    ----------
    counts, background : ndarray, shape (m,)
        Counts in the source region and in the background region; not negative.
    source_time, background_time : ndarray, shape (m,), or float
        exposure x BACKSCAL x AREASCAL of the two, positive; see `scaled_time`.

    Raises
    ------
    ParameterError
        Counts are negative or not finite, times not positive, or lengths differ.
    """

    name = "wstat"

    def __init__(
        self, counts: np.ndarray, background: np.ndarray, source_time: np.ndarray | float,
        background_time: np.ndarray | float,
    ) -> None:  # fmt: skip
        self.counts = bin_values("counts", counts)
        self.bins = self.counts.size
        self.background = bin_values("background counts", background, self.bins)
        source = bin_values(
            "exposure x BACKSCAL x AREASCAL of the source",
            np.asarray(source_time), self.bins, positive=True,
        )  # fmt: skip
        other = bin_values(
            "exposure x BACKSCAL x AREASCAL of the background",
            np.asarray(background_time), self.bins, positive=True,
        )  # fmt: skip
        self.source_time, self.background_time = source, other
        self.ratio = other / source
        self._whole = 1 + self.ratio
        self._four_products = 4 * self._whole * self.background
        self._twice_background = 2 * self.background
        self._sum = self.counts + self.background
        saturated = special.xlogy(self.counts, self.counts) - self.counts
        saturated += special.xlogy(self.background, self.background / self.ratio)
        self._saturated = 2 * (saturated - self.background)

    @property
    def empty_background_bins(self) -> int:
        """Number of bins without background counts, where W is biased."""
        return int(np.count_nonzero(self.background == 0))

    def profiled_background(self, model: np.ndarray) -> np.ndarray:
        """Return the most likely background counts in the source region, shape (b, m)."""
        return self._profile(expected_counts(model, self.bins))

    def terms(self, model: np.ndarray) -> np.ndarray:
        """Return the contribution of each bin, shape (b, m)."""
        model = expected_counts(model, self.bins)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            b = self._profile(model)
            # either is positive where its counts are; 0 x ln 0 must be 0
            # (in place, since temporaries of a batch's size cost more than the logarithms)
            terms = np.maximum(model + b, _TINY)
            np.log(terms, out=terms)
            terms *= -self.counts
            terms += model
            work = np.maximum(b, _TINY)
            np.log(work, out=work)
            work *= self.background
            terms -= work
            b *= self._whole
            terms += b
            terms *= 2
            terms += self._saturated
        possible = np.isfinite(terms)
        if not possible.all():
            terms[~possible] = np.inf
        return terms

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the sum over bins, shape (b,)."""
        model = expected_counts(model, self.bins)
        rows = max(_CACHED // self.bins, 1)
        if model.ndim != 2 or len(model) <= rows:
            return np.asarray(self.terms(model).sum(-1))
        parts = [self.terms(model[i : i + rows]).sum(-1) for i in range(0, len(model), rows)]
        return np.concatenate(parts)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and curvature of the profiled terms, shape (b, m) each.

        At the most likely background the gradient is the partial one, 2 (1 - S/(m + b)). The
        curvature is that of the Fisher matrix of m and b with b eliminated,
        2/(m + b + b/tau): the variance of S plus that of B/tau.
        """
        model = expected_counts(model, self.bins)
        b = self._profile(model)
        inside = np.maximum(model + b, SMALLEST_EXPECTATION)
        variance = np.maximum(inside + b / self.ratio, SMALLEST_EXPECTATION)
        return 2 * (1 - self.counts / inside), 2 / variance

    def redrawn(self, model: np.ndarray, generator: np.random.Generator) -> WStat:
        """Return W-stat of counts drawn from a model, (m,), and the background likely under it."""
        model = expected_counts(model, self.bins)
        behind = self._profile(model)
        return WStat(
            generator.poisson(model + behind), generator.poisson(behind * self.ratio),
            self.source_time, self.background_time,
        )  # fmt: skip

    def _profile(self, model: np.ndarray) -> np.ndarray:
        """Return the positive root, from the form of it that does not cancel."""
        q = self._sum - self._whole * model
        # never negative, but rounding may say otherwise for a negative model
        d = np.sqrt(np.maximum(q * q + self._four_products * model, 0))
        larger = np.abs(q) + d
        with np.errstate(divide="ignore", invalid="ignore"):
            other = self._twice_background * model / larger
        return np.where(q < 0, other, larger / (2 * self._whole))


def wstat_terms(
    counts: np.ndarray, background: np.ndarray, model: np.ndarray,
    source_time: np.ndarray | float, background_time: np.ndarray | float,
) -> np.ndarray:  # fmt: skip
    """Return W-stat bin by bin, shape (b, m); parameters as of `WStat`, models (b, m)."""
    return WStat(counts, background, source_time, background_time).terms(model)


def scaled_time(
    exposure: float, backscal: np.ndarray | float, areascal: np.ndarray | float
) -> np.ndarray:
    """Return exposure x BACKSCAL x AREASCAL, per channel where one of these is.

    Only ratios of it matter, source to background, so that BACKSCAL may be in any unit common
    to both. AREASCAL scales exposures, never counts (OGIP/92-007).
    """
    return float(exposure) * np.asarray(backscal, float) * np.asarray(areascal, float)


def grouped_time(time: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the mean of `scaled_time` over the channels of each group.

    Parameters
    ----------
    time : ndarray, shape (n,) or ()
        Per channel.
    first, last : ndarray of int, shape (m,)
        Channel positions at which groups begin and, exclusive, end.

    Returns
    -------
    ndarray, shape (m,)
    """
    time = np.asarray(time, float)
    first, last = np.asarray(first), np.asarray(last)
    if time.ndim == 0:
        return np.full(first.shape, float(time))
    summed = np.concatenate(([0.0], np.cumsum(time)))
    return (summed[last] - summed[first]) / (last - first)
