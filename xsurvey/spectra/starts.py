"""Where fits start: norms that suit the counts, and other places that look promising."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from xsurvey.spectra.likelihood import SpectralLikelihood
from xsurvey.spectra.linear_norms import likely_norms

_DECADES_DOWN, _DECADES_UP = 2.0, 1.0
"""Spread of parameters that cannot be negative, about their start value."""
_SPREAD = 3.0
"""Spread of the others, or their start value's size where that is more."""
_TRIED, _TRIED_BY_LIBRARY = 256, 48
"""Places that are looked at."""
_LEVELS = 6
"""Values of each parameter of components that take calls of the library."""
_APART = 0.08
"""Least distance of two chosen places, in parts of the spread of one parameter."""


def with_likely_norms(likelihood: SpectralLikelihood, theta: np.ndarray) -> np.ndarray:
    """Return starts with all free norms such that the counts are likely, the rest as it is.

    Parameters
    ----------
    likelihood : SpectralLikelihood
    theta : ndarray, shape (b, k)

    Returns
    -------
    ndarray, shape (b, k)
        Within the limits; norms as they were where the model has no counts.
    """
    parameters = likelihood.parameters
    norms = np.flatnonzero([parameters.parameters[i].is_norm for i in parameters.free])
    if not len(norms):
        return theta
    counts, behind = _to_explain(likelihood)
    bare = np.array(theta, float)
    bare[:, norms] = 0.0
    with_one = np.repeat(bare, len(norms), axis=0)
    unit = np.where(theta[:, norms] > 0, theta[:, norms], 1.0)
    with_one[np.arange(len(with_one)), np.tile(norms, len(theta))] = unit.ravel()
    known = np.clip(np.nan_to_num(likelihood.evaluate(bare)), 0, None)
    found = np.nan_to_num(likelihood.evaluate(with_one)).reshape(len(theta), len(norms), -1)
    templates = np.clip(found - known[:, None, :], 0, None)
    factors = likely_norms(counts, known + behind, templates, _equal_shares(counts, templates))
    rows = np.array(theta, float)
    rows[:, norms] = factors * unit
    return np.clip(rows, *parameters.bounds)


def _equal_shares(counts: np.ndarray, templates: np.ndarray) -> np.ndarray:
    """Return factors with which each component alone would give its share of the counts."""
    sums = templates.sum(axis=2)
    share = max(float(counts.sum()), 1.0) / templates.shape[1]
    return np.divide(share, sums, out=np.ones_like(sums), where=sums > 0)


def _to_explain(likelihood: SpectralLikelihood) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts of all spectra, and of these what the background is expected to give.

    In the order of `SpectralLikelihood.evaluate`, shape (M,) each.
    """
    counts, behind = [], []
    for member in likelihood.members:
        own = member.poisson_counts
        if own is None:
            own = np.clip(member.dataset.counts, 0, None)
        counts.append(own)
        expected = np.zeros(len(own))
        background = member.dataset.background
        if background is not None and member.background is None:
            expected = member.dataset.background_scale * np.clip(background.counts, 0, None)
        behind.append(expected)
    return np.concatenate(counts), np.concatenate(behind)


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
    slow = _slow_components(likelihood)
    for k, i in enumerate(parameters.free):
        parameter = parameters.parameters[i]
        if parameter.component in slow:
            # few values, so that the library is called once for each
            unit[:, k] = (np.floor(unit[:, k] * _LEVELS) + 0.5) / _LEVELS
        value = theta[k]
        if parameter.is_norm:
            rows[:, k] = value
        elif parameter.minimum >= 0 and value > 0:
            exponent = -_DECADES_DOWN + (_DECADES_DOWN + _DECADES_UP) * unit[:, k]
            rows[:, k] = value * 10**exponent
        else:
            rows[:, k] = value + max(_SPREAD, abs(value)) * (2 * unit[:, k] - 1)
    return np.clip(rows, low, high)


def choose_starts(likelihood: SpectralLikelihood, starts: int) -> np.ndarray:
    """Return the start values and the best of many places around them, shape (s, k).

    Every place gets the norms with which the counts are most likely, so that places are compared
    by their shapes. Places near one that was chosen are passed over.
    """
    theta = with_likely_norms(likelihood, likelihood.parameters.start[None, :])
    if starts == 1 or not theta.shape[1]:
        return theta
    tried = _TRIED_BY_LIBRARY if _slow_components(likelihood) else _TRIED
    spread = candidates(likelihood, theta[0], max(tried, starts))
    rows = with_likely_norms(likelihood, spread)
    statistic = likelihood.statistic(rows)
    shapes = _shape_coordinates(likelihood, rows, theta[0])
    chosen: list[int] = []
    for place in np.argsort(statistic, kind="stable"):
        if len(chosen) == starts - 1 or not np.isfinite(statistic[place]):
            break
        away = np.abs(shapes[chosen] - shapes[place]).max(axis=1, initial=0.0)
        if not chosen or not shapes.shape[1] or away.min() > _APART:
            chosen.append(int(place))
    return np.concatenate((theta, rows[chosen]))


def _slow_components(likelihood: SpectralLikelihood) -> set[str]:
    """Return the components that are evaluated by calls of the library."""
    return {
        component
        for member in likelihood.members
        for component, how in member.model.description.items()
        if "library" in how.partition(",")[0]
    }


def _shape_coordinates(
    likelihood: SpectralLikelihood, rows: np.ndarray, centre: np.ndarray
) -> np.ndarray:
    """Return places in units of the spread, without norms, shape (b, k')."""
    parameters = likelihood.parameters
    columns = []
    for k, i in enumerate(parameters.free):
        parameter, value = parameters.parameters[i], centre[k]
        if parameter.is_norm:
            continue
        if parameter.minimum >= 0 and value > 0:
            decades = np.log10(np.clip(rows[:, k], value * 1e-9, None) / value)
            columns.append(decades / (_DECADES_DOWN + _DECADES_UP))
        else:
            columns.append((rows[:, k] - value) / (2 * max(_SPREAD, abs(value))))
    return np.stack(columns, axis=1) if columns else np.empty((len(rows), 0))
