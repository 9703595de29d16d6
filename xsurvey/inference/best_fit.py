"""The best parameters of a likelihood, and their intervals by profile likelihood."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from xsurvey.inference.held import PenalisedObjective, profile_statistic
from xsurvey.inference.likelihood import Likelihood
from xsurvey.inference.minimise import minimise, minimise_from
from xsurvey.inference.minimum import Minimum
from xsurvey.inference.profile import profile_delta, profile_interval

logger = logging.getLogger(__name__)

_LONG_SEARCHES, _SHORT_SEARCH, _ROUGH = 2, 15, 0.1
"""Searches that are finished; iterations and tolerance of those that choose between starts."""
_APART = 0.3
"""Of a typical change: ends of short searches that are closer in all parameters are one."""
_NEGLIGIBLE = 0.01
"""Of the statistic: what a thorough search need not go after without derivatives."""
_RESTARTS = 5
"""How often an interval may find a better fit, from which all begins again."""

LikelihoodT = TypeVar("LikelihoodT", bound=Likelihood)


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
class BestFit(Generic[LikelihoodT]):
    """A best fit.

    Attributes
    ----------
    likelihood : Likelihood
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

    likelihood: LikelihoodT
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


def fit_from(
    likelihood: LikelihoodT, starts: np.ndarray, *, confidence: float = 0.6827,
    intervals: bool = True, thorough: bool = False,
) -> BestFit[LikelihoodT]:  # fmt: skip
    """Find the best parameters from several starts, and their intervals.

    Parameters
    ----------
    likelihood : Likelihood
    starts : ndarray, shape (s, k)
        The first one is what sizes of changes are taken from. The statistic is finite at one of
        them at least, unless no parameter is free.
    confidence : float
        Of the intervals.
    intervals : bool
        Whether to find them. Where one meets a better fit, all begins again from there.
    thorough : bool
        Search from the first start to the end, whatever short searches say, and then from the
        lowest ends of these that are apart. False: from the lowest two, which may be the same.

    Returns
    -------
    BestFit
        With notes on what did not converge, is not determined or lies at a limit.
    """
    parameters = likelihood.parameters
    if not len(parameters.free):
        return _nothing_free(likelihood, confidence)
    best = (_thorough_minimum if thorough else _minimum)(likelihood, starts)
    notes: list[str] = []
    found: dict[int, Interval] = {}
    negligible = _NEGLIGIBLE if thorough else 0.0
    for _ in range(_RESTARTS if intervals else 0):
        found, better = _all_intervals(likelihood, best, profile_delta(confidence), negligible)
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
    return BestFit(likelihood, best.best, statistic, best, found, confidence, tuple(notes))


def _minimum(likelihood: Likelihood, starts: np.ndarray) -> Minimum:
    """Return the lowest minimum: short searches from all starts, long ones from the best two."""
    bounds, penalty = likelihood.parameters.bounds, likelihood.penalty
    scale = typical_changes(likelihood, starts[0])
    possible = starts[np.isfinite(likelihood.statistic(starts))]
    if len(possible) > _LONG_SEARCHES:
        short = _short_searches(likelihood, possible, scale)
        possible = np.array([minimum.best for minimum in short[:_LONG_SEARCHES]])
    return minimise_from(likelihood, possible, bounds, scale, penalty, searches=len(possible))[0]


def _thorough_minimum(likelihood: Likelihood, starts: np.ndarray) -> Minimum:
    """Return the lowest minimum: long searches from the first start, and from ends apart."""
    bounds, penalty = likelihood.parameters.bounds, likelihood.penalty
    scale = typical_changes(likelihood, starts[0])
    finite = np.isfinite(likelihood.statistic(starts))
    minima = []
    if finite[0]:
        minima.append(
            minimise(likelihood, starts[0], bounds, scale, penalty, negligible=_NEGLIGIBLE)
        )
    others = starts[1:][finite[1:]]
    if len(others):
        short = _short_searches(likelihood, others, scale)
        for place in _ends_apart(minima, short, scale):
            minima.append(
                minimise(likelihood, place, bounds, scale, penalty, negligible=_NEGLIGIBLE)
            )
    return min(minima, key=lambda minimum: minimum.statistic)


def _ends_apart(known: list[Minimum], short: list[Minimum], scale: np.ndarray) -> list[np.ndarray]:
    """Return ends to go on from: the lowest, none beside one as low that is taken or known."""
    taken: list[Minimum] = []
    for end in short:
        lower = [m for m in known if m.statistic <= end.statistic] + taken
        if all(np.abs((end.best - m.best) / scale).max() > _APART for m in lower):
            taken.append(end)
        if len(taken) == _LONG_SEARCHES:
            break
    return [end.best for end in taken]


def _short_searches(likelihood: Likelihood, starts: np.ndarray, scale: np.ndarray) -> list[Minimum]:
    """Return where short searches from places (s, k) lead, the lowest first."""
    bounds, penalty = likelihood.parameters.bounds, likelihood.penalty
    short = [
        minimise(
            likelihood, start, bounds, scale, penalty, tolerance=_ROUGH,
            max_iterations=_SHORT_SEARCH, probe=False, polish=False,
        )
        for start in starts
    ]  # fmt: skip
    return sorted(short, key=lambda minimum: minimum.statistic)


def _nothing_free(likelihood: LikelihoodT, confidence: float) -> BestFit[LikelihoodT]:
    theta = np.empty(0)
    statistic = float(likelihood.statistic(theta[None, :])[0])
    none = np.empty(0, bool)
    minimum = Minimum(
        best=theta, statistic=statistic, covariance=np.empty((0, 0)), gradient=theta,
        at_bounds=none, undetermined=none, converged=True, message="nothing is free",
        iterations=0, evaluations=1, rows=1,
    )  # fmt: skip
    return BestFit(likelihood, theta, statistic, minimum, {}, confidence)


def typical_changes(likelihood: Likelihood, theta: np.ndarray) -> np.ndarray:
    """Return by how much the free parameters change in a fit, shape (k,)."""
    steps = likelihood.parameters.steps
    norms = [likelihood.parameters.parameters[i].is_norm for i in likelihood.parameters.free]
    size = np.abs(theta)
    return np.where(norms, np.where(size > 0, size, 1e-6), np.maximum(steps, 0.1 * size))


def _all_intervals(
    likelihood: Likelihood, best: Minimum, delta: float, negligible: float
) -> tuple[dict[int, Interval], np.ndarray | None]:
    """Return the intervals, or where one of them met a better fit."""
    bounds = likelihood.parameters.bounds
    scale = typical_changes(likelihood, best.best)
    found = {}
    for index in range(len(best.best)):
        interval, better = interval_of(likelihood, best, index, bounds, scale, delta, negligible)
        if better is not None:
            return {}, better
        found[index] = interval
    return found, None


def interval_of(
    objective: PenalisedObjective, best: Minimum, index: int,
    bounds: tuple[np.ndarray, np.ndarray], scale: np.ndarray, delta: float,
    negligible: float = 0.0,
) -> tuple[Interval, np.ndarray | None]:  # fmt: skip
    """Return the interval of one parameter by profile likelihood.

    Parameters
    ----------
    objective : PenalisedObjective
    best : Minimum
        Of the objective.
    index : int
        Of the parameter.
    bounds : pair of ndarray, shape (k,)
    scale : ndarray, shape (k,)
        By how much the parameters change typically.
    delta : float
        Rise of the statistic at the ends, see `profile_delta`.
    negligible : float
        As of `minimise`.

    Returns
    -------
    interval : Interval
    better : ndarray, shape (k,), or None
        Where a lower statistic was met: the minimum was not one, and the ends are NaN.
    """
    profile = profile_statistic(objective, best, index, bounds, scale, negligible)
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
