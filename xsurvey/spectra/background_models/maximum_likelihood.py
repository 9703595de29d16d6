"""Most likely parameters of a background model alone: a small bounded Levenberg-Marquardt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.spectra.background_models.base import BackgroundModel
from xsurvey.spectra.statistics.cash import CStat

_ITERATIONS = 200
_CONVERGED = 1e-6  # of cstat
_STEP = 1e-5
_HIGHEST_DAMPING = 1e12


@dataclass(frozen=True)
class BackgroundFit:
    """Best-fit parameters (p,), their covariance (p, p) and cstat.

    Rows and columns of the covariance are NaN for parameters at a bound.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    statistic: float
    converged: bool


def fit_background(
    model: BackgroundModel, counts: np.ndarray, start: np.ndarray, noticed: np.ndarray
) -> BackgroundFit:
    """Minimise cstat of counts in channels.

    Parameters
    ----------
    model : BackgroundModel
    counts : ndarray, shape (n,)
    start : ndarray, shape (p,)
    noticed : ndarray of bool, shape (n,)
        Channels that count.

    Returns
    -------
    BackgroundFit
    """
    statistic = CStat(counts[noticed])
    low, high = model.bounds.T
    at = np.clip(start, low, high)
    value = float(statistic.total(model.evaluate(at)[0, noticed]))
    damping, converged = 1e-3, False
    for _ in range(_ITERATIONS):
        gradient, fisher = _normal_equations(model, statistic, at, noticed)
        free = ~(((at <= low) & (gradient > 0)) | ((at >= high) & (gradient < 0)))
        improved = False
        while not improved and damping < _HIGHEST_DAMPING:
            trial = np.clip(at + _step(gradient, fisher, free, damping), low, high)
            new = float(statistic.total(model.evaluate(trial)[0, noticed]))
            improved = new <= value
            damping = max(damping / 10, 1e-12) if improved else damping * 10
        if not improved or value - new < _CONVERGED:
            converged = True
            if improved:
                at, value = trial, new
            break
        at, value = trial, new
    _, fisher = _normal_equations(model, statistic, at, noticed)
    return BackgroundFit(at, _covariance(fisher, (at > low) & (at < high)), value, converged)


def _normal_equations(
    model: BackgroundModel, statistic: CStat, at: np.ndarray, noticed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient (p,) and Fisher curvature (p, p) of cstat."""
    low, high = model.bounds.T
    step = _STEP * np.maximum(np.abs(at), 1.0)
    up, down = np.minimum(at + step, high) - at, np.maximum(at - step, low) - at
    sets = np.concatenate((at[None], at + np.diag(up), at + np.diag(down)))
    values = model.evaluate(sets)[:, noticed]
    p = at.size
    jacobian = (values[1 : p + 1] - values[p + 1 :]) / (up - down)[:, None]
    first, second = statistic.derivatives(values[0])
    return jacobian @ first, (jacobian * second) @ jacobian.T


def _step(gradient: np.ndarray, fisher: np.ndarray, free: np.ndarray, damping: float) -> np.ndarray:
    step = np.zeros_like(gradient)
    if free.any():
        matrix = fisher[np.ix_(free, free)]
        scale = np.maximum(np.diag(matrix), 1e-12)
        step[free] = -np.linalg.lstsq(matrix + damping * np.diag(scale), gradient[free])[0]
    return step


def _covariance(fisher: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the inverse of half the curvature, NaN for parameters that lie at a bound."""
    covariance = np.full(fisher.shape, np.nan)
    block = np.ix_(inside, inside)
    scale = np.sqrt(np.maximum(np.diag(fisher)[inside], 1e-30))
    scaled = fisher[block] / np.outer(scale, scale)
    covariance[block] = 2 * np.linalg.pinv(scaled, hermitian=True) / np.outer(scale, scale)
    return covariance
