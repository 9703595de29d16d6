"""Fits of spectra: the best parameters and their intervals, and those of fluxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from xsurvey.errors import InputError
from xsurvey.inference.best_fit import BestFit, Interval, fit_from, interval_of, typical_changes
from xsurvey.inference.profile import profile_delta
from xsurvey.spectra.flux import FluxObjective, gradient_of
from xsurvey.spectra.likelihood import SpectralLikelihood
from xsurvey.spectra.starts import choose_starts

Fit = BestFit[SpectralLikelihood]
"""A best fit of spectra."""


def fit_spectra(
    likelihood: SpectralLikelihood, *, confidence: float = 0.6827, intervals: bool = True,
    starts: int = 6,
) -> Fit:  # fmt: skip
    """Find the best parameters, and their intervals.

    Parameters
    ----------
    likelihood : SpectralLikelihood
    confidence : float
        Of the intervals.
    intervals : bool
        Whether to find them.
    starts : int
        From how many places the fit starts.

    Raises
    ------
    InputError
        The model has no value at any start.
    """
    begin = choose_starts(likelihood, starts)
    if not np.isfinite(likelihood.statistic(begin)).any():
        raise _impossible(likelihood, begin[:1])
    return fit_from(likelihood, begin, confidence=confidence, intervals=intervals)


def _impossible(likelihood: SpectralLikelihood, theta: np.ndarray) -> InputError:
    """Return the error that tells where data and model contradict each other."""
    for dataset, low, high, counts in likelihood.impossible_groups(theta):
        return InputError(
            dataset.name, f"has {counts:g} counts at {low:.3g}-{high:.3g} keV, where the model "
            "gives none through the response", "narrow the energies (--energy), or change the "
            "model or its start values (--set)",
        )  # fmt: skip
    return InputError(
        "model", "predicts no counts that could give these data at the start values",
        "give other start values (--set), or another model",
    )  # fmt: skip


def flux_interval(
    fit: Fit, flux: Callable[[np.ndarray], np.ndarray], confidence: float
) -> tuple[float, Interval, str]:
    """Return a flux of the best fit and its interval.

    Parameters
    ----------
    fit : Fit
    flux : callable
        From all parameters (b, p) to the flux, shape (b,).
    confidence : float

    Returns
    -------
    value : float
    interval : Interval
        By profile likelihood: the flux held, everything else fitted.
    method : str
        ``profile``, or ``linear`` where no free norm makes the flux and errors are propagated
        linearly from the covariance.
    """
    likelihood, theta = fit.likelihood, fit.theta
    value = float(flux(fit.values[None, :])[0])
    if not len(theta):
        raise ValueError("nothing is free: a flux that is given has no interval")
    bounds, scale = likelihood.parameters.bounds, typical_changes(likelihood, theta)
    sigma = _flux_sigma(fit, flux, bounds, scale)
    index = _leading_norm(fit, flux, value)
    reference = max(value, sigma)
    linear = (value, _linear_interval(value, sigma, confidence), "linear")
    if index is None or not reference > 0:
        return linear
    objective = FluxObjective(
        likelihood, flux, index, (float(bounds[0][index]), float(bounds[1][index])), reference
    )
    start = theta.copy()
    start[index] = value / reference
    limits, sizes = (bounds[0].copy(), bounds[1].copy()), scale.copy()
    limits[0][index], limits[1][index], sizes[index] = 0.0, 1e6, 1.0
    covariance = _flux_covariance(fit, flux, index, reference, bounds, scale)
    minimum = replace(fit.minimum, best=start, covariance=covariance)
    found, better = interval_of(objective, minimum, index, limits, sizes, profile_delta(confidence))
    if better is not None:
        return linear
    interval = replace(found, lower=found.lower * reference, upper=found.upper * reference)
    return value, interval, "profile"


def _linear_interval(value: float, sigma: float, confidence: float) -> Interval:
    """Return a flux's interval by linear propagation, cut at zero."""
    half = sigma * float(np.sqrt(profile_delta(confidence)))
    return Interval(max(value - half, 0.0), value + half, value < half)


def _flux_sigma(
    fit: Fit, flux: Callable[[np.ndarray], np.ndarray], bounds: tuple[np.ndarray, np.ndarray],
    scale: np.ndarray,
) -> float:  # fmt: skip
    gradient = gradient_of(flux, fit.theta, 1e-3 * scale, fit.likelihood.parameters.expand, bounds)
    variance = gradient @ np.nan_to_num(fit.minimum.covariance) @ gradient
    return float(np.sqrt(max(variance, 0.0)))


def _flux_covariance(
    fit: Fit, flux: Callable[[np.ndarray], np.ndarray], index: int, reference: float,
    bounds: tuple[np.ndarray, np.ndarray], scale: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the covariance of the parameters in which a norm gave way to the flux."""
    gradient = gradient_of(flux, fit.theta, 1e-3 * scale, fit.likelihood.parameters.expand, bounds)
    turn = np.eye(len(fit.theta))
    turn[index] = gradient / reference
    return np.asarray(turn @ np.nan_to_num(fit.minimum.covariance) @ turn.T)


def _leading_norm(fit: Fit, flux: Callable[[np.ndarray], np.ndarray], value: float) -> int | None:
    """Return the place of the free norm that most of the flux comes from, if it is linear in it."""
    parameters = fit.likelihood.parameters
    shares = {}
    for place, column in enumerate(parameters.free):
        if not parameters.parameters[column].is_norm:
            continue
        rows = np.repeat(fit.theta[None, :], 3, axis=0)
        unit = fit.theta[place] or 1.0
        rows[:, place] = 0.0, unit, 2 * unit
        none, once, twice = flux(parameters.expand(rows))
        if once > none and abs(twice - 2 * once + none) <= 1e-9 * twice:
            shares[place] = (once - none) / (value if value > 0 else once)
    return max(shares, key=shares.__getitem__) if shares else None
