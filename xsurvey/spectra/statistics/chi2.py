r"""Chi-square of counts, with the background subtracted.

.. math:: \chi^2 = \sum_i \frac{(D_i - r_i B_i - m_i)^2}{\sigma_i^2}

where D are the counts in the source region, B those in the background region, and
r = t_s/t_b scales the one to the other (t as in `wstat`). Variances:

``data``
    :math:`D + r^2 B`, and 1 where both are zero: Sherpa's ``chi2datavar``. A bin with D = 0 and
    few background counts has far too much weight; `ChiSquare.zero_count_bins` tells how many.
    (Sherpa's ``chi2xspecvar``, after XSPEC, has the lesser of 1 and r^2 where both are zero.)
``gehrels``
    :math:`(1 + \sqrt{D + 3/4})^2 + r^2 (1 + \sqrt{B + 3/4})^2`, upper 1-sigma limits of Gehrels
    (1986, ApJ 303, 336), Sherpa's ``chi2gehrels``. The statistic is then less than its degrees of
    freedom.
``model``
    :math:`m + r B + r^2 B`: that of D as the model predicts it, plus that of the scaled
    background; it changes with the model (Pearson's).
``given``
    :math:`\sigma_D^2 + r^2 \sigma_B^2` with errors that a file states (STAT_ERR).

Systematic errors s, fractions of the counts (SYS_ERR), add :math:`(s D)^2` and
:math:`r^2 (s_B B)^2`.

Chi-square of counts is biased whatever the variance, by about a count a bin: with many bins even
25 counts in each are too few. cstat and W-stat are not.
"""

from __future__ import annotations

from copy import copy
from typing import Literal

import numpy as np

from xsurvey.errors import ParameterError, nearest
from xsurvey.spectra.statistics.base import (
    SMALLEST_EXPECTATION,
    bin_values,
    expected_counts,
)

Variance = Literal["data", "gehrels", "model", "given"]
VARIANCES: tuple[Variance, ...] = ("data", "gehrels", "model", "given")


class ChiSquare:
    """Chi-square statistic; NaN and infinite models give +inf.

    Parameters
    ----------
    counts : ndarray, shape (m,)
        In the source region. With ``given`` they may be negative.
    background : ndarray, shape (m,), optional
        In the background region; None where there is none to subtract.
    scale : ndarray, shape (m,), or float
        r, from the background region to the source region; not negative.
    variance : {"data", "gehrels", "model", "given"}
        See the module.
    error, background_error : ndarray, shape (m,), optional
        Counts; for ``given``. ``error`` must be positive.
    systematic, background_systematic : ndarray, shape (m,), or float
        Fractions.

    Raises
    ------
    ParameterError
        Unknown variance, missing or impossible errors, counts that are negative or not finite.
    """

    name = "chi2"

    def __init__(
        self, counts: np.ndarray, background: np.ndarray | None = None,
        scale: np.ndarray | float = 1.0, variance: Variance = "data",
        error: np.ndarray | None = None, background_error: np.ndarray | None = None,
        systematic: np.ndarray | float = 0.0, background_systematic: np.ndarray | float = 0.0,
    ) -> None:  # fmt: skip
        if variance not in VARIANCES:
            raise ParameterError(
                "chi2 variance", f"{variance!r} is unknown", nearest(str(variance), VARIANCES)
            )
        values = _signed if variance == "given" else bin_values
        d = values("counts", counts)
        self.bins = d.size
        b = np.zeros_like(d)
        if background is not None:
            b = values("background counts", background, self.bins)
        r = bin_values("scale of the background", np.asarray(scale), self.bins)
        self.variance = variance
        self.counts, self.background, self.scale = d, b, r
        self.data = d - r * b
        has_background = self._subtracts = background is not None
        fixed = _statistical(variance, d, b, r, has_background, error, background_error)
        s = bin_values("systematic error", np.asarray(systematic), self.bins)
        t = bin_values("systematic error of the background",
                       np.asarray(background_systematic), self.bins)  # fmt: skip
        self._systematic = (s, t)
        self._fixed = fixed + (s * d) ** 2 + (r * t * b) ** 2

    @property
    def zero_count_bins(self) -> int:
        """Number of bins without counts in the source region, for which ``data`` is no variance."""
        return int(np.count_nonzero(self.counts == 0))

    def errors(self, model: np.ndarray | None = None) -> np.ndarray:
        """Return sigma in counts, shape (m,); (b, m) with ``model`` for that variance."""
        if self.variance != "model":
            return np.sqrt(self._fixed)
        if model is None:
            raise ValueError("the variance of a model needs the model")
        return np.sqrt(np.maximum(self._variances(expected_counts(model, self.bins)), 0))

    def terms(self, model: np.ndarray) -> np.ndarray:
        """Return the contribution of each bin, shape (b, m)."""
        model = expected_counts(model, self.bins)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            terms = self.data - model
            terms *= terms
            v = self._variances(model)
            terms /= v
        if self.variance == "model":
            # a bin in which nothing is expected and nothing found fits
            terms[(v == 0) & (self.data == model)] = 0.0
            terms[v < 0] = np.inf
        possible = np.isfinite(terms)
        if not possible.all():
            terms[~possible] = np.inf
        return terms

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the sum over bins, shape (b,)."""
        return self.terms(model).sum(-1)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and expected curvature of each term, shape (b, m) each."""
        model = expected_counts(model, self.bins)
        v = np.maximum(self._variances(model), SMALLEST_EXPECTATION)
        residual = self.data - model
        gradient, curvature = -2 * residual / v, np.broadcast_to(2 / v, model.shape).copy()
        if self.variance == "model":
            gradient = gradient - (residual / v) ** 2
            curvature += 2 / v**2
        return gradient, curvature

    def redrawn(self, model: np.ndarray, generator: np.random.Generator) -> ChiSquare:
        """Return chi-square of data drawn from a model, shape (m,).

        Gaussian with the errors that are given, otherwise Poisson, as the background is.
        """
        model = expected_counts(model, self.bins)
        if self.variance == "given":
            drawn = copy(self)
            drawn.data = generator.normal(model, np.sqrt(self._fixed))
            return drawn
        inside = np.maximum(model + self.scale * self.background, 0)
        return ChiSquare(
            generator.poisson(inside), generator.poisson(self.background) if self._subtracts
            else None, self.scale, self.variance, systematic=self._systematic[0],
            background_systematic=self._systematic[1],
        )  # fmt: skip

    def _variances(self, model: np.ndarray) -> np.ndarray:
        return model + self._fixed if self.variance == "model" else self._fixed


def chi2_terms(
    counts: np.ndarray, background: np.ndarray | None, scale: np.ndarray | float,
    model: np.ndarray, variance: Variance = "data",
) -> np.ndarray:  # fmt: skip
    """Return chi-square bin by bin, shape (b, m); parameters as of `ChiSquare`."""
    return ChiSquare(counts, background, scale, variance).terms(model)


def _statistical(
    variance: Variance, d: np.ndarray, b: np.ndarray, r: np.ndarray, has_background: bool,
    error: np.ndarray | None, background_error: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    """Return the variance without what depends on the model, shape (m,)."""
    if variance == "data":
        summed = d + r**2 * b
        return np.where(summed > 0, summed, 1.0)
    if variance == "gehrels":
        of_background = r**2 * _gehrels(b) if has_background else 0.0
        return np.asarray(_gehrels(d) + of_background)
    if variance == "model":
        return r * b + r**2 * b
    if error is None:
        raise ParameterError(
            "statistical error", "is not given", "use another variance, or a file with STAT_ERR"
        )
    sigma = bin_values("statistical error", error, d.size, positive=True)
    if background_error is None:
        # a background that says nothing of its errors is Poisson distributed
        return sigma**2 + r**2 * np.maximum(b, 0)
    return (
        sigma**2
        + (r * bin_values("statistical error of the background", background_error, d.size)) ** 2
    )


def _gehrels(counts: np.ndarray) -> np.ndarray:
    return (1 + np.sqrt(counts + 0.75)) ** 2


def _signed(subject: str, values: np.ndarray, bins: int | None = None) -> np.ndarray:
    """Return values of either sign, checked otherwise as `bin_values` does."""
    bin_values(subject, np.abs(np.asarray(values, float)), bins)
    array = np.array(values, float)
    return np.full(bins, float(array)) if bins is not None and array.ndim == 0 else array
