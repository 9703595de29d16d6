"""Where fits start: norms scaled to the counts, and other places that look promising."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.likelihood import SpectralLikelihood

_DECADES_DOWN, _DECADES_UP = 2.0, 1.0
"""Spread of parameters that cannot be negative, about their start value."""
_SPREAD = 3.0
"""Spread of the others, or their start value's size where that is more."""
_NORM_SPREAD = 1.0
"""Decades, of norms against each other."""


def scaled_norms(likelihood: SpectralLikelihood, theta: np.ndarray) -> np.ndarray:
    """Return starts with all free norms scaled so that the model has as many counts as the data.

    Parameters
    ----------
    likelihood : SpectralLikelihood
    theta : ndarray, shape (b, k)

    Returns
    -------
    ndarray, shape (b, k)
        As it was where the model has no counts.
    """
    parameters = likelihood.parameters
    norms = np.array([parameters.parameters[i].is_norm for i in parameters.free], dtype=bool)
    if not norms.any():
        return theta
    wanted = sum(
        float((m.dataset.counts - _background(m.dataset)).sum()) for m in likelihood.members
    )
    model = likelihood.source_counts(theta)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = max(wanted, 1.0) / model
    ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)
    scaled = theta.copy()
    scaled[:, norms] *= ratio[:, None]
    return np.clip(scaled, *parameters.bounds)


def _background(dataset: Dataset) -> np.ndarray:
    background = dataset.background
    if background is None:
        return np.zeros(1)
    return dataset.background_scale * background.counts


def candidates(likelihood: SpectralLikelihood, theta: np.ndarray, count: int) -> np.ndarray:
    """Return places spread around a start, the same ones each time.

    Parameters
    ----------
    theta : ndarray, shape (k,)
    count : int

    Returns
    -------
    ndarray, shape (count, k)
    """
    parameters = likelihood.parameters
    low, high = parameters.bounds
    # a Sobol sequence without its first point, which is a corner
    engine = qmc.Sobol(len(theta), scramble=False)
    unit = engine.random(1 << int(np.ceil(np.log2(count + 1))))[1 : count + 1]
    rows = np.empty_like(unit)
    for k, i in enumerate(parameters.free):
        parameter = parameters.parameters[i]
        value = theta[k]
        if parameter.is_norm:
            rows[:, k] = value * 10 ** (_NORM_SPREAD * (2 * unit[:, k] - 1))
        elif parameter.minimum >= 0 and value > 0:
            exponent = -_DECADES_DOWN + (_DECADES_DOWN + _DECADES_UP) * unit[:, k]
            rows[:, k] = value * 10**exponent
        else:
            rows[:, k] = value + max(_SPREAD, abs(value)) * (2 * unit[:, k] - 1)
    return np.clip(rows, low, high)


def choose_starts(likelihood: SpectralLikelihood, starts: int, tried: int = 64) -> np.ndarray:
    """Return the start values and the best of many places around them, shape (s, k)."""
    theta = scaled_norms(likelihood, likelihood.parameters.start[None, :])
    if starts == 1 or not theta.shape[1]:
        return theta
    spread = scaled_norms(likelihood, candidates(likelihood, theta[0], max(tried, starts)))
    statistic = likelihood.statistic(spread)
    best = np.argsort(statistic, kind="stable")[: starts - 1]
    return np.concatenate((theta, spread[best[np.isfinite(statistic[best])]]))
