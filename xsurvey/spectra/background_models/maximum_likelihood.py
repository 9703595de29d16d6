"""Most likely parameters of a background model alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.inference.minimise import minimise
from xsurvey.spectra.background_models.base import BackgroundModel
from xsurvey.spectra.statistics.cash import CStat


@dataclass(frozen=True)
class BackgroundFit:
    """Best-fit parameters (p,), their covariance (p, p) and cstat.

    Rows and columns of the covariance are NaN for parameters at a bound.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    statistic: float
    converged: bool


@dataclass(frozen=True)
class _NoticedChannels:
    """cstat of the channels that count, as the minimiser takes it."""

    model: BackgroundModel
    statistic: CStat
    noticed: np.ndarray

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        return self.model.evaluate(theta)[:, self.noticed]

    def total(self, model: np.ndarray) -> np.ndarray:
        return self.statistic.total(model)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.statistic.derivatives(model)


def fit_background(
    model: BackgroundModel, counts: np.ndarray, start: np.ndarray, noticed: np.ndarray
) -> BackgroundFit:
    """Minimise cstat of counts in channels.

    Parameters
    ----------
    model : BackgroundModel
    counts : ndarray, shape (n,)
    start : ndarray, shape (p,)
        Brought within the bounds.
    noticed : ndarray of bool, shape (n,)
        Channels that count.

    Returns
    -------
    BackgroundFit
    """
    low, high = model.bounds.T
    objective = _NoticedChannels(model, CStat(counts[noticed]), noticed)
    found = minimise(
        objective, np.clip(start, low, high), (low, high), np.maximum(0.3 * np.abs(start), 0.1)
    )
    return BackgroundFit(found.best, found.covariance, found.statistic, found.converged)
