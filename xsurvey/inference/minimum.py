"""What a minimiser finds, and the covariance at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_DEGENERATE = 1e-10
_SHARE = 1e-2


@dataclass(frozen=True)
class Minimum:
    """The lowest value of a statistic.

    Attributes
    ----------
    best : ndarray, shape (k,)
        Where it is.
    statistic : float
        Its value, the priors' penalty included.
    covariance : ndarray, shape (k, k)
        Twice the inverse of the second derivatives, for a statistic -2 ln L. Rows and columns of
        parameters at bounds, and of those that the data do not determine, are NaN.
    gradient : ndarray, shape (k,)
        Of the statistic.
    at_bounds : ndarray of bool, shape (k,)
        Parameters that a bound keeps from going on.
    undetermined : ndarray of bool, shape (k,)
        Parameters on which the statistic does not depend, alone or in combination with others.
    converged : bool
        Whether the tolerance was reached.
    message : str
        How it ended.
    iterations : int
        Steps of the minimiser.
    evaluations : int
        Batches of the model that were evaluated.
    rows : int
        Models that were evaluated, in all batches.
    """

    best: np.ndarray
    statistic: float
    covariance: np.ndarray
    gradient: np.ndarray
    at_bounds: np.ndarray
    undetermined: np.ndarray
    converged: bool
    message: str
    iterations: int
    evaluations: int
    rows: int

    @property
    def sigma(self) -> np.ndarray:
        """Standard deviations, shape (k,); NaN as in ``covariance``."""
        return np.sqrt(np.diag(self.covariance))

    def spread(self, scale: np.ndarray) -> np.ndarray:
        """Return the covariance with ``scale`` (k,) squared where it is NaN: to start walkers."""
        unknown = np.isnan(np.diag(self.covariance))
        filled = np.where(np.isnan(self.covariance), 0.0, self.covariance)
        filled[unknown, unknown] = np.asarray(scale, float)[unknown] ** 2
        return filled


def covariance_of(hessian: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 2 H^-1 of the free parameters, and which of them are not determined.

    Parameters
    ----------
    hessian : ndarray, shape (k, k)
        Second derivatives of a statistic -2 ln L.
    free : ndarray of bool, shape (k,)

    Returns
    -------
    covariance : ndarray, shape (k, k)
        NaN for what is not free or not determined.
    undetermined : ndarray of bool, shape (k,)
    """
    k = len(hessian)
    covariance, undetermined = np.full((k, k), np.nan), np.zeros(k, bool)
    undetermined[free] = ~(np.diag(hessian)[free] > 0)
    used = np.flatnonzero(free & ~undetermined)
    if not len(used):
        return covariance, undetermined
    root = 1 / np.sqrt(np.diag(hessian)[used])
    values, vectors = np.linalg.eigh(hessian[np.ix_(used, used)] * np.outer(root, root))
    null = values < _DEGENERATE * values[-1]
    lost = (vectors[:, null] ** 2).sum(axis=1) > _SHARE
    undetermined[used[lost]] = True
    inverse = (vectors[:, ~null] / values[~null]) @ vectors[:, ~null].T
    good = used[~lost]
    scaled = 2 * inverse * np.outer(root, root)
    covariance[np.ix_(good, good)] = scaled[np.ix_(~lost, ~lost)]
    return covariance, undetermined
