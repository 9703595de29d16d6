r"""Source and background spectra under a model of both.

.. math::

   C = \mathrm{cstat}(S\,|\,m + r\,\beta) + \mathrm{cstat}(B\,|\,\beta)

with counts S and B of the two regions, the source's expectation m, the background model's
:math:`\beta` in the background region, and r = t_s/t_b. Unlike W-stat it is unbiased however few
the background counts are, as long as the background model is right.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from xsurvey.errors import ParameterError
from xsurvey.spectra.statistics.base import bin_values
from xsurvey.spectra.statistics.cash import CStat

Groups = tuple[np.ndarray, np.ndarray]


class ModelledBackground:
    """cstat of two spectra as one statistic over the bins of both; a `Statistic`.

    `expected` joins the two models to expectations of shape (b, m + k), which `terms`, `total` and
    `derivatives` take: a fit sees one statistic whose bins are independent.

    Parameters
    ----------
    counts : ndarray, shape (m,)
        In the bins of the source spectrum.
    background : ndarray, shape (k,)
        In the bins of the background spectrum, which need not be the same.
    ratio : ndarray, shape (n,), or float
        r of each channel; not negative.
    source_groups, background_groups : (first, last), optional
        Channel positions at which bins begin and, exclusive, end, for spectra that are grouped or
        leave channels out. Without them bins are the n channels.

    Raises
    ------
    ParameterError
        Impossible counts or ratios.
    ValueError
        Groups do not fit the counts.
    """

    name = "cstat"

    def __init__(
        self, counts: np.ndarray, background: np.ndarray, ratio: np.ndarray | float = 1.0,
        source_groups: Groups | None = None, background_groups: Groups | None = None,
    ) -> None:  # fmt: skip
        source = bin_values("counts", counts)
        other = bin_values("background counts", background)
        self._statistic = CStat(np.concatenate((source, other)))
        self.bins = self._statistic.bins
        self.source = slice(0, source.size)
        self.background = slice(source.size, self.bins)
        r = np.asarray(ratio, float)
        if not np.all(np.isfinite(r) & (r >= 0)):
            raise ParameterError(
                "ratio of the background", "is negative or not finite",
                "check exposure, BACKSCAL and AREASCAL of both spectra",
            )  # fmt: skip
        self.ratio = r
        self._groups = (source_groups, background_groups)
        self._to_source = _summing(source_groups, source.size)
        self._to_background = _summing(background_groups, other.size)

    def in_source(self, background_model: np.ndarray) -> np.ndarray:
        """Return the background expected in the source region's bins, shape (b, m).

        Parameters
        ----------
        background_model : ndarray, shape (b, n)
            Counts in the background region, channel by channel.
        """
        return _group(self.ratio * np.asarray(background_model, float), self._to_source)

    def expected(self, model: np.ndarray, background_model: np.ndarray) -> np.ndarray:
        """Return expectations of all bins, source's then background's, shape (b, m + k).

        Parameters
        ----------
        model : ndarray, shape (b, m)
            Expected source counts.
        background_model : ndarray, shape (b, n)
            Counts in the background region, channel by channel. Batches of one are repeated.
        """
        source = np.asarray(model, float) + self.in_source(background_model)
        other = _group(np.asarray(background_model, float), self._to_background)
        other = np.broadcast_to(other, (*source.shape[:-1], other.shape[-1]))
        return np.concatenate((source, other), axis=-1)

    def terms(self, model: np.ndarray) -> np.ndarray:
        """Return the contribution of each bin, shape (b, m + k), of what `expected` gives."""
        return self._statistic.terms(model)

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the sum over bins of both spectra, shape (b,), of what `expected` gives."""
        return self._statistic.total(model)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and curvature by what `expected` gives, shape (b, m + k) each."""
        return self._statistic.derivatives(model)

    def redrawn(self, model: np.ndarray, generator: np.random.Generator) -> ModelledBackground:
        """Return the statistic of counts drawn from what `expected` gives, shape (m + k,)."""
        drawn = generator.poisson(model)
        return ModelledBackground(
            drawn[self.source], drawn[self.background], self.ratio, *self._groups
        )


def _summing(groups: Groups | None, bins: int) -> csr_array | None:
    """Return a matrix that sums channels into bins; its columns end at the last one used."""
    if groups is None:
        return None
    first, last = (np.asarray(edge, np.int64) for edge in groups)
    if (
        first.shape != (bins,)
        or last.shape != (bins,)
        or np.any(last <= first)
        or np.any(first < 0)
    ):
        raise ValueError("groups do not fit the counts")
    sizes = last - first
    starts = np.concatenate(([0], np.cumsum(sizes)))
    channels = np.repeat(first - starts[:-1], sizes) + np.arange(starts[-1])
    return csr_array((np.ones(channels.size), channels, starts), shape=(bins, int(last.max())))


def _group(channels: np.ndarray, summing: csr_array | None) -> np.ndarray:
    if summing is None:
        return channels
    if channels.shape[-1] < summing.shape[1]:
        raise ValueError(f"{channels.shape[-1]} channels, {summing.shape[1]} are grouped")
    used = channels[..., : summing.shape[1]]
    return np.ascontiguousarray(np.moveaxis(summing @ np.moveaxis(used, -1, 0), 0, -1))
