"""Joint fits of annuli: best parameters, intervals, and the sky's scatter where it is estimated."""

from __future__ import annotations

import logging
from collections.abc import Collection

import numpy as np

from xsurvey.errors import InputError
from xsurvey.inference.best_fit import Interval, typical_changes
from xsurvey.inference.held import Held
from xsurvey.inference.minimum import Minimum
from xsurvey.inference.profile import profile_delta, profile_interval
from xsurvey.profiles.annuli_likelihood import AnnuliLikelihood, AnnuliProblem
from xsurvey.profiles.annuli_starts import start_of
from xsurvey.profiles.cell_search import Bent, minimise_in_cells, with_covariance
from xsurvey.profiles.outskirts import OUTSKIRTS
from xsurvey.profiles.sky_model import estimated_scatter
from xsurvey.spectra.fit import Fit

logger = logging.getLogger(__name__)

_TOLERANCE, _ROUGH, _PROFILE_TOLERANCE, _END = 1e-4, 1e-2, 1e-3, 1e-2
"""Of the statistic of best fits, rough ones and profiles, and of the ends of intervals, in their
lengths."""
_RESTARTS = 5
NUISANCE = ("sky_scatter", "particles", OUTSKIRTS)
"""Components whose parameters get no intervals."""


def fit_annuli(
    problem: AnnuliProblem, two_temperatures: Collection[int] = (), *,
    start: np.ndarray | None = None, intervals: bool | None = None, rough: bool = False,
) -> Fit:  # fmt: skip
    """Fit the spectra of all regions jointly.

    Parameters
    ----------
    problem : AnnuliProblem
        Whose scatter of the sky is known: see `settle_scatter`.
    two_temperatures : collection of int
        Annuli with a second plasma, by place among the annuli.
    start : ndarray, shape (k,), optional
        Free parameters to start from.
    intervals : bool, optional
        Whether to find intervals; as the problem's parameters have it if not given.
    rough : bool
        To compare statistics only: no intervals, and the covariance of parameters on bends of the
        model is not looked at.

    Returns
    -------
    Fit
        Intervals are of the gas and of the sky's components.

    Raises
    ------
    InputError
        The model cannot give these counts at any start.
    """
    likelihood = problem.likelihood(two_temperatures)
    own = problem.parameters
    if start is None:
        start = start_of(likelihood, plasma_components(problem, two_temperatures))
    start = np.clip(start, *likelihood.parameters.bounds)
    if not np.isfinite(likelihood.statistic(start[None, :])[0]):
        raise InputError(
            "spectra of annuli", "have counts where the model gives none",
            "narrow the energies, or give particles there",
        )  # fmt: skip
    bent = _bent(likelihood, start)
    if rough:
        best = minimise_in_cells(bent, start, _ROUGH)
    else:
        best = with_covariance(bent, minimise_in_cells(bent, start, _TOLERANCE))
    found: dict[int, Interval] = {}
    notes: list[str] = []
    wanted = not rough and (own.intervals if intervals is None else intervals)
    for attempt in range(_RESTARTS if wanted else 0):
        found, better = _intervals(likelihood, best, own.confidence)
        if better is None:
            break
        logger.info("an interval found a better fit: beginning again from there")
        bent = _bent(likelihood, better)
        best = with_covariance(bent, minimise_in_cells(bent, better, _TOLERANCE))
        if attempt == _RESTARTS - 1:
            notes.append("intervals kept finding better fits: the best fit is not certain")
    if not best.converged:
        notes.append(f"the fit did not converge ({best.message})")
    names = np.array(likelihood.parameters.free_names)
    if best.at_bounds.any():
        notes.append(f"the best fit is at a limit: {', '.join(names[best.at_bounds])}")
    statistic = float(likelihood.statistic(best.best[None, :])[0])
    return Fit(likelihood, best.best, statistic, best, found, own.confidence, tuple(notes))


def plasma_components(problem: AnnuliProblem, two_temperatures: Collection[int]) -> list[str]:
    """Return the names of the plasmas in annuli, second ones behind their first."""
    return [
        problem.component(i, cool)
        for i in range(len(problem.annuli))
        for cool in ((False, True) if i in two_temperatures else (False,))
    ]


def settle_scatter(problem: AnnuliProblem) -> tuple[AnnuliProblem, Fit | None]:
    """Return a problem in which the sky's scatter is known, and the fit that it is from.

    Where it is not given, regions of the sky are fitted with deviations of up to some ten per cent
    each, and the scatter is that of the deviations: see
    `xsurvey.profiles.sky_model.estimated_scatter`.

    Raises
    ------
    InputError
        It is not given, and no sector of the sky has three regions of the sky.
    """
    if problem.sky.scatter is not None:
        return problem, None
    regions = problem.spectra.layout.regions
    by_sector: dict[int, list[int]] = {}
    for place, region in enumerate(regions):
        if region.kind == "sky":
            by_sector.setdefault(region.sky_sector, []).append(place)
    places = max(by_sector.values(), key=len, default=[])
    if len(places) < 3:
        estimated_scatter(np.zeros(len(places)), np.ones(len(places)))
    fit = fit_annuli(problem, intervals=False)
    names = fit.likelihood.parameters.free_names
    columns = [names.index(f"sky_scatter.{problem.names[i]}") for i in places]
    deviation = fit.theta[columns]
    # a common deviation is the sky's brightness itself
    centring = np.eye(len(columns)) - 1 / len(columns)
    covariance = np.nan_to_num(fit.minimum.covariance[np.ix_(columns, columns)])
    variance = np.diag(centring @ covariance @ centring) * len(columns) / (len(columns) - 1)
    scatter = estimated_scatter(deviation, np.sqrt(np.clip(variance, 1e-8, None)))
    return problem.with_scatter(scatter), fit


def _bent(likelihood: AnnuliLikelihood, theta: np.ndarray) -> Bent:
    lower, upper = likelihood.parameters.bounds
    scale = typical_changes(likelihood, theta)
    return Bent(likelihood, lower, upper, scale, likelihood.free_kinks)


def _intervals(
    likelihood: AnnuliLikelihood, best: Minimum, confidence: float
) -> tuple[dict[int, Interval], np.ndarray | None]:
    """Return the intervals, or where one of them met a better fit."""
    bent = _bent(likelihood, best.best)
    found = {}
    for index, column in enumerate(likelihood.parameters.free):
        if likelihood.parameters.parameters[column].component in NUISANCE:
            continue
        interval, better = _interval(bent, best, index, profile_delta(confidence))
        if better is not None:
            return {}, better
        found[index] = interval
    return found, None


def _interval(
    bent: Bent, best: Minimum, index: int, delta: float
) -> tuple[Interval, np.ndarray | None]:
    places: dict[float, np.ndarray] = {}
    others = np.arange(len(best.best)) != index
    variance = best.covariance[index, index]
    known = bool(np.isfinite(variance) and variance > 0)
    slope = np.nan_to_num(best.covariance[index] / variance)[others] if known else 0.0
    kinks = {i - (i > index): values for i, values in bent.kinks.items() if i != index}

    def statistic(value: float) -> float:
        held = Held(bent.objective, index, value)
        rest = Bent(held, bent.lower[others], bent.upper[others], bent.scale[others], kinks)
        start = np.clip(
            best.best[others] + slope * (value - best.best[index]), rest.lower, rest.upper
        )
        if not np.isfinite(held.total(held.evaluate(start[None, :]))[0]):
            start = best.best[others]
            if not np.isfinite(held.total(held.evaluate(start[None, :]))[0]):
                return np.inf
        minimum = minimise_in_cells(rest, start, _PROFILE_TOLERANCE)
        places[value] = np.insert(minimum.best, index, value)
        return minimum.statistic

    result = profile_interval(
        statistic, float(best.best[index]), best.statistic,
        float(np.sqrt(variance)) if known else float(bent.scale[index]),
        (float(bent.lower[index]), float(bent.upper[index])), delta, _END,
    )  # fmt: skip
    if result.better is not None:
        return Interval(np.nan, np.nan), places[result.better[0]]
    return Interval(result.lower, result.upper, result.lower_at_bound, result.upper_at_bound), None
