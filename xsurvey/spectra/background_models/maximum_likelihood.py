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

    Rows and columns of the covariance are NaN for parameters at a bound, or of which the counts
    tell nothing.
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
    # well damped at first: full steps from a rough start make lines collapse into one channel
    damping, converged = 1.0, False
    for _ in range(_ITERATIONS):
        gradient, fisher = _normal_equations(model, statistic, at, noticed)
        free = ~(((at <= low) & (gradient > 0)) | ((at >= high) & (gradient < 0)))
        new, trial = value, at
        while damping < _HIGHEST_DAMPING:
            step = np.clip(at + _step(gradient, fisher, free, damping), low, high) - at
            trial = at + step
            new = float(statistic.total(model.evaluate(trial)[0, noticed]))
            predicted = -float(gradient @ step + 0.5 * step @ fisher @ step)
            gain = (value - new) / predicted if predicted > 0 else 0.0
            damping *= 0.2 if gain > 0.75 else 4.0 if not gain > 0.25 else 1.0
            if new <= value:
                break
        else:
            new, trial = value, at
        # a step that was held back by damping says nothing of the minimum
        converged = value - new < _CONVERGED and (damping < 1 or new == value)
        at, value = trial, new
        if converged:
            break
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
    """Return the inverse of half the curvature, NaN for parameters that it does not tell of."""
    covariance = np.full(fisher.shape, np.nan)
    inside = inside & (np.diag(fisher) > 0)
    block = np.ix_(inside, inside)
    scale = np.sqrt(np.diag(fisher)[inside])
    scaled = fisher[block] / np.outer(scale, scale)
    covariance[block] = 2 * np.linalg.pinv(scaled, hermitian=True) / np.outer(scale, scale)
    return covariance
