"""Quantities that follow from the parameters of a radiative model, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey.inference.intervals import equal_tailed
from xsurvey.inference.posterior_samples import PosteriorSamples
from xsurvey.inference.profile import profile_delta
from xsurvey.sed.fitting.fit import SedFit
from xsurvey.sed.fitting.likelihood import AT_ONCE

_DRAWS = 4000
"""Samples of a posterior from which intervals are taken."""
_STEP = 1e-2
"""Of a standard deviation, for derivatives."""
_ROUNDING = 1e-12
"""Change of ln of a quantity that is no change: rows of a batch may differ in the last digits."""
_LARGEST = 300.0
"""Of sigmas of logarithms: beyond, an interval is from nothing to any number."""


def derived_at_best(fit: SedFit) -> dict[str, dict[str, Any]]:
    """Return the quantities at the best fit.

    Their intervals are those of the covariance, propagated linearly in their logarithms
    (``method`` linear); None where the covariance is not known, and of quantities that depend on
    frozen parameters alone.
    """
    best = _quantities(fit, fit.theta[None, :])
    records = {}
    rise = float(np.sqrt(profile_delta(fit.confidence)))
    sigmas = _log_sigmas(fit) if len(fit.theta) and fit.intervals else {}
    for name, unit, _ in fit.likelihood.model.quantities:
        value, sigma = float(best[name][0]), sigmas.get(name)
        known = sigma is not None and rise * sigma < _LARGEST  # not where it is NaN
        factor = float(np.exp(rise * sigma)) if known and sigma is not None else np.nan
        records[name] = {
            "value": value, "lower": value / factor if known else None,
            "upper": value * factor if known else None,
            "confidence": fit.confidence if known else None, "unit": unit,
            "method": "linear" if known else None,
        }  # fmt: skip
    return records


def derived_of_posterior(
    fit: SedFit, posterior: PosteriorSamples, confidence: float
) -> dict[str, dict[str, Any]]:
    """Return medians and equal-tailed intervals of the quantities, of the posterior.

    Quantities that depend on frozen parameters alone have no intervals.
    """
    samples = posterior.samples
    found = _quantities(fit, samples[:: max(len(samples) // _DRAWS, 1)])
    best = _quantities(fit, fit.theta[None, :])
    records = {}
    for name, unit, _ in fit.likelihood.model.quantities:
        lower, upper = equal_tailed(found[name], confidence)
        moves = np.ptp(found[name]) > _ROUNDING * np.abs(found[name]).max()
        records[name] = {
            "value": float(np.median(found[name])), "lower": lower if moves else None,
            "upper": upper if moves else None, "confidence": confidence if moves else None,
            "unit": unit, "method": "posterior" if moves else None,
            "best_fit": float(best[name][0]),
        }  # fmt: skip
    return records


def _quantities(fit: SedFit, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Return the quantities by name, (b,) each, for free parameters (b, k)."""
    full = fit.likelihood.parameters.expand(theta)
    parts = [
        fit.likelihood.model.derived(full[i : i + AT_ONCE]) for i in range(0, len(full), AT_ONCE)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _log_sigmas(fit: SedFit) -> dict[str, float]:
    """Return the standard deviation of ln of each quantity from the covariance.

    NaN where a parameter that it depends on has none, where it depends on none, and where it is
    zero or has no value.
    """
    low, high = fit.likelihood.parameters.bounds
    sigma = np.sqrt(np.diag(fit.minimum.covariance))
    step = np.where(np.isfinite(sigma), _STEP * sigma, _STEP * fit.likelihood.parameters.steps)
    rows = np.concatenate([fit.theta + np.diag(step), fit.theta - np.diag(step)])
    rows = np.clip(rows, low, high)
    k = len(fit.theta)
    widths = rows[:k].diagonal() - rows[k:].diagonal()
    return {
        name: _propagated(values[:k], values[k:], widths, fit.minimum.covariance)
        for name, values in _quantities(fit, rows).items()
    }


def _propagated(
    above: np.ndarray, below: np.ndarray, widths: np.ndarray, covariance: np.ndarray
) -> float:
    """Return sigma of ln of a quantity from its values on both sides of each parameter, (k,)."""
    if not (np.all(above > 0) and np.all(below > 0)):
        return np.nan
    change = np.log(above) - np.log(below)
    used = np.abs(change) > _ROUNDING
    if not used.any() or not np.all(widths[used] > 0):
        return np.nan
    slope = change[used] / widths[used]
    variance = float(slope @ covariance[np.ix_(used, used)] @ slope)
    return float(np.sqrt(variance)) if variance > 0 else np.nan
