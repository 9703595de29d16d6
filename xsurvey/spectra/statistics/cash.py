r"""Poisson likelihood of counts: cstat.

.. math:: C = 2 \sum_i m_i - D_i + D_i \ln(D_i / m_i)

is minus twice the logarithm of the Poisson likelihood of counts D with expectation m, less that of
a model that fits every bin exactly (Cash 1979, ApJ 228, 939; Baker & Cousins 1984, Nucl. Instr.
Meth. 221, 437). A bin with D = 0 gives 2 m.
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


class CStat:
    """Poisson statistic of counts whose expectation is fully modelled.

    A model that is NaN, infinite or negative, or zero in a bin that has counts, gives +inf.

    Parameters
    ----------
    counts : ndarray, shape (m,)
        Not negative; not necessarily whole numbers.

    Raises
    ------
    ParameterError
        Counts are negative or not finite, or there are none.

    Examples
    --------
    >>> CStat(np.array([3.0, 0.0])).total(np.array([[3.0, 1.5]]))
    array([3.])
    """

    name = "cstat"

    def __init__(self, counts: np.ndarray) -> None:
        self.counts = bin_values("counts", counts)
        self.bins = self.counts.size
        self._saturated = 2 * (special.xlogy(self.counts, self.counts) - self.counts)
        self._saturated_total = float(self._saturated.sum())

    def terms(self, model: np.ndarray) -> np.ndarray:
        """Return the contribution of each bin, shape (b, m)."""
        model = expected_counts(model, self.bins)
        terms = _logarithm(model)
        with np.errstate(invalid="ignore"):
            terms *= -self.counts
            terms += model
        terms *= 2
        terms += self._saturated
        if _suspicious(model):
            terms[self._impossible(model)] = np.inf
        return terms

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the sum over bins, shape (b,)."""
        model = expected_counts(model, self.bins)
        with np.errstate(invalid="ignore"):
            total = 2 * (model.sum(-1) - _logarithm(model) @ self.counts) + self._saturated_total
        if _suspicious(model):
            total = np.where(self._impossible(model).any(-1), np.inf, total)
        return np.asarray(total)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient 2 (1 - D/m) and curvature 2/m, shape (b, m) each.

        Expectations below `SMALLEST_EXPECTATION` count as this.
        """
        safe = np.maximum(expected_counts(model, self.bins), SMALLEST_EXPECTATION)
        return 2 * (1 - self.counts / safe), 2 / safe

    def redrawn(self, model: np.ndarray, generator: np.random.Generator) -> CStat:
        """Return cstat of counts drawn from a model, shape (m,)."""
        return CStat(generator.poisson(expected_counts(model, self.bins)))

    def _impossible(self, model: np.ndarray) -> np.ndarray:
        good = (model < np.inf) & ((model > 0) | ((model == 0) & (self.counts == 0)))
        return np.asarray(~good)


def cstat_terms(counts: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Return cstat bin by bin, shape (b, m), of counts (m,) under models (b, m)."""
    return CStat(counts).terms(model)


def _logarithm(model: np.ndarray) -> np.ndarray:
    """Return ln m with a finite stand-in where m is not positive: 0 x ln 0 must be 0."""
    # in place: a second temporary of a batch's size costs more than the logarithms
    positive = np.maximum(model, _TINY)
    return np.log(positive, out=positive)


def _suspicious(model: np.ndarray) -> bool:
    """Tell whether any expectation needs a closer look: two cheap passes in the usual case."""
    return bool(model.size) and not (model.min() > 0 and model.max() < np.inf)
