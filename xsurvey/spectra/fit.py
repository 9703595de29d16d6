"""Fits of spectra: the best parameters and their intervals by profile likelihood."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from xsurvey.errors import InputError
from xsurvey.inference.minimise import minimise, minimise_from
from xsurvey.inference.minimum import Minimum
from xsurvey.inference.profile import profile_delta, profile_interval
from xsurvey.spectra.flux import FluxObjective, gradient_of
from xsurvey.spectra.likelihood import SpectralLikelihood
from xsurvey.spectra.profile import PenalisedObjective, profile_statistic
from xsurvey.spectra.starts import choose_starts

logger = logging.getLogger(__name__)

_LONG_SEARCHES, _SHORT_SEARCH, _ROUGH = 2, 15, 0.1
"""Searches that are finished; iterations and tolerance of those that choose between starts."""
_RESTARTS = 5
"""How often an interval may find a better fit, from which all begins again."""


@dataclass(frozen=True)
class Interval:
    """An interval, with what is odd about its ends.

    Attributes
    ----------
    lower, upper : float
    lower_at_limit, upper_at_limit : bool
        Whether the end is a limit of the parameter rather than of the data.
    """

    lower: float
    upper: float
    lower_at_limit: bool = False
    upper_at_limit: bool = False


@dataclass(frozen=True)
class Fit:
    """A best fit.

    Attributes
    ----------
    likelihood : SpectralLikelihood
    theta : ndarray, shape (k,)
        The free parameters.
    statistic : float
        Without what priors add.
    minimum : Minimum
        As the optimiser left it.
    intervals : dict of int to Interval
        By place among the free parameters; empty if they were not asked for.
    confidence : float
        Of the intervals.
    notes : tuple of str
    """

    likelihood: SpectralLikelihood
    theta: np.ndarray
    statistic: float
    minimum: Minimum
    intervals: dict[int, Interval]
    confidence: float
    notes: tuple[str, ...] = ()

    @property
    def values(self) -> np.ndarray:
        """All parameters at the best fit, shape (p,)."""
        return self.likelihood.parameters.expand(self.theta[None, :])[0]


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
    parameters = likelihood.parameters
    begin = choose_starts(likelihood, starts)
    if not np.isfinite(likelihood.statistic(begin)).any():
        raise _impossible(likelihood, begin[:1])
    if not len(parameters.free):
        return _nothing_free(likelihood, confidence)
    best = _minimum(likelihood, begin)
    notes: list[str] = []
    found: dict[int, Interval] = {}
    for _ in range(_RESTARTS if intervals else 0):
        found, better = _all_intervals(likelihood, best, profile_delta(confidence))
        if better is None:
            break
        logger.info("an interval found a better fit: beginning again from there")
        best = _minimum(likelihood, better[None, :])
    else:
        if intervals:
            notes.append("intervals kept finding better fits: the best fit is not certain")
    if not best.converged:
        notes.append(f"the fit did not converge ({best.message})")
    names = np.array(parameters.free_names)
    if best.undetermined.any():
        lost = ", ".join(names[best.undetermined])
        notes.append(f"the data do not determine {lost}: freeze one of them, or give it a prior")
    if best.at_bounds.any():
        notes.append(f"the best fit is at a limit: {', '.join(names[best.at_bounds])}")
    statistic = float(likelihood.statistic(best.best[None, :])[0])
    return Fit(likelihood, best.best, statistic, best, found, confidence, tuple(notes))


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


def _minimum(likelihood: SpectralLikelihood, starts: np.ndarray) -> Minimum:
    """Return the lowest minimum: short searches from all starts, long ones from the best two."""
    bounds, penalty = likelihood.parameters.bounds, likelihood.penalty
    scale = typical_changes(likelihood, starts[0])
    possible = starts[np.isfinite(likelihood.statistic(starts))]
    if len(possible) > _LONG_SEARCHES:
        short = [
            minimise(
                likelihood, start, bounds, scale, penalty, tolerance=_ROUGH,
                max_iterations=_SHORT_SEARCH, probe=False, polish=False,
            )
            for start in possible
        ]  # fmt: skip
        short.sort(key=lambda minimum: minimum.statistic)
        possible = np.array([minimum.best for minimum in short[:_LONG_SEARCHES]])
    return minimise_from(likelihood, possible, bounds, scale, penalty, searches=len(possible))[0]


def _nothing_free(likelihood: SpectralLikelihood, confidence: float) -> Fit:
    theta = np.empty(0)
    statistic = float(likelihood.statistic(theta[None, :])[0])
    none = np.empty(0, bool)
    minimum = Minimum(
        best=theta, statistic=statistic, covariance=np.empty((0, 0)), gradient=theta,
        at_bounds=none, undetermined=none, converged=True, message="nothing is free",
        iterations=0, evaluations=1, rows=1,
    )  # fmt: skip
    return Fit(likelihood, theta, statistic, minimum, {}, confidence)


def typical_changes(likelihood: SpectralLikelihood, theta: np.ndarray) -> np.ndarray:
    """Return by how much the free parameters change in a fit, shape (k,)."""
    steps = likelihood.parameters.steps
    norms = [likelihood.parameters.parameters[i].is_norm for i in likelihood.parameters.free]
    size = np.abs(theta)
    return np.where(norms, np.where(size > 0, size, 1e-6), np.maximum(steps, 0.1 * size))


def _all_intervals(
    likelihood: SpectralLikelihood, best: Minimum, delta: float
) -> tuple[dict[int, Interval], np.ndarray | None]:
    """Return the intervals, or where one of them met a better fit."""
    bounds = likelihood.parameters.bounds
    scale = typical_changes(likelihood, best.best)
    found = {}
    for index in range(len(best.best)):
        interval, better = _interval(likelihood, best, index, bounds, scale, delta)
        if better is not None:
            return {}, better
        found[index] = interval
    return found, None


def _interval(
    objective: PenalisedObjective, best: Minimum, index: int,
    bounds: tuple[np.ndarray, np.ndarray], scale: np.ndarray, delta: float,
) -> tuple[Interval, np.ndarray | None]:  # fmt: skip
    profile = profile_statistic(objective, best, index, bounds, scale)
    places: dict[float, np.ndarray] = {}

    def statistic(value: float) -> float:
        found, places[value] = profile(value)
        return found

    guess = np.sqrt(best.covariance[index, index]) if len(best.covariance) else np.nan
    if not (np.isfinite(guess) and guess > 0):
        guess = float(scale[index])
    result = profile_interval(
        statistic, float(best.best[index]), best.statistic, float(guess),
        (float(bounds[0][index]), float(bounds[1][index])), delta,
    )  # fmt: skip
    if result.better is not None:
        return Interval(np.nan, np.nan), places[result.better[0]]
    return Interval(result.lower, result.upper, result.lower_at_bound, result.upper_at_bound), None


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
    found, better = _interval(objective, minimum, index, limits, sizes, profile_delta(confidence))
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
