"""What every statistic of a binned spectrum offers to optimisers and samplers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from xsurvey.errors import ParameterError

SMALLEST_EXPECTATION = 1e-6
"""Counts. Expectations below it are raised to it in derivatives only.

Fisher information of a Poisson bin is 1/m. Where m is zero and its derivative is not (a
normalisation at its bound), it would be infinite and would pin the parameter there. A thousand
bins at this floor hold a thousandth of a count, so that nothing that can be measured is lost.
"""


class Statistic(Protocol):
    """Minus twice a log-likelihood, or a chi-square, as a sum over bins.

    ``model`` is the expected counts of the source in each bin (of everything in the source
    region where the background is modelled), of shape (b, m), or (m,) for one model.
    """

    @property
    def name(self) -> str:
        """``cstat``, ``wstat`` or ``chi2``."""
        ...

    @property
    def bins(self) -> int:
        """Number of bins that count towards the degrees of freedom."""
        ...

    def terms(self, model: np.ndarray) -> np.ndarray:
        """Return the contribution of each bin, shape (b, m).

        +inf, never NaN, where the model is NaN or the data are impossible under it.
        """
        ...

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the sum over bins, shape (b,); +inf where a term is."""
        ...

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and curvature of each term with respect to its model.

        The curvature is the expected second derivative (Fisher information, twice), positive
        everywhere, so that Gauss-Newton steps go downhill. Both are of shape (b, m) and finite
        wherever the model is finite.
        """
        ...

    def redrawn(self, model: np.ndarray, generator: np.random.Generator) -> Statistic:
        """Return the same statistic of counts drawn from a model, shape (m,)."""
        ...


def expected_counts(model: np.ndarray, bins: int) -> np.ndarray:
    """Return ``model`` as an array of floats whose last axis has ``bins`` entries.

    Raises
    ------
    ValueError
        It has not.
    """
    model = np.asarray(model, float)
    if model.ndim == 0 or model.shape[-1] != bins:
        raise ValueError(f"a model of shape {model.shape} for {bins} bins")
    return model


def bin_values(
    subject: str, values: np.ndarray, bins: int | None = None, *, positive: bool = False
) -> np.ndarray:
    """Return a float copy, shape (m,), of what is known of each bin: finite, and not negative.

    Parameters
    ----------
    subject : str
        What it is, for the error.
    values : ndarray, shape (m,) or ()
        One value stands for all bins where ``bins`` is given.
    bins : int, optional
        Length that it must have.
    positive : bool
        Whether zero is refused too.

    Raises
    ------
    ParameterError
        Empty, of another length, not finite, or negative.
    """
    array = np.array(values, float)
    if bins is not None and array.ndim == 0:
        array = np.full(bins, float(array))
    if array.ndim != 1 or array.size == 0:
        raise ParameterError(subject, "has no bins", "notice channels with an energy in the band")
    if bins is not None and array.size != bins:
        raise ParameterError(
            subject, f"has {array.size} bins where the counts have {bins}", "group both alike"
        )
    if not np.all(np.isfinite(array)):
        raise ParameterError(subject, "is not finite in every bin", "ignore the bad channels")
    low = array <= 0 if positive else array < 0
    if np.any(low):
        kind = "zero or negative" if positive else "negative"
        raise ParameterError(
            subject, f"{'are' if subject.endswith('counts') else 'is'} {kind} in {low.sum()} bins",
            "ignore these channels, or use chi2 with given errors",
        )  # fmt: skip
    return array
