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
        # zero counts take no logarithm, and 0 * log 0 must not become NaN
        with_counts = np.flatnonzero(self.counts > 0)
        all_bins = with_counts.size == self.bins
        self._with_counts = slice(None) if all_bins else with_counts
        self._positive_counts = self.counts[self._with_counts]

    def terms(self, model: np.ndarray) -> np.ndarray:
        """Return the contribution of each bin, shape (b, m)."""
        model = expected_counts(model, self.bins)
        terms = 2 * model + self._saturated
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithm = np.log(model[..., self._with_counts])
            terms[..., self._with_counts] -= 2 * self._positive_counts * logarithm
        return _impossible_to_inf(terms, model)

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the sum over bins, shape (b,)."""
        model = expected_counts(model, self.bins)
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithm = np.log(model[..., self._with_counts])
            total = 2 * (model.sum(-1) - logarithm @ self._positive_counts)
        total = total + self._saturated_total
        impossible = ~(np.isfinite(total) & (model.min(-1) >= 0))
        return np.where(impossible, np.inf, total)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient 2 (1 - D/m) and curvature 2/m, shape (b, m) each.

        Expectations below `SMALLEST_EXPECTATION` count as this.
        """
        safe = np.maximum(expected_counts(model, self.bins), SMALLEST_EXPECTATION)
        return 2 * (1 - self.counts / safe), 2 / safe


def cstat_terms(counts: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Return cstat bin by bin, shape (b, m), of counts (m,) under models (b, m)."""
    return CStat(counts).terms(model)


def _impossible_to_inf(terms: np.ndarray, model: np.ndarray) -> np.ndarray:
    if not (model.size and model.min() >= 0 and model.max() < np.inf):
        terms[~((model >= 0) & (model < np.inf))] = np.inf
    return terms
