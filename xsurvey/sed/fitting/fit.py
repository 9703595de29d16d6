"""Fits of spectral energy distributions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.best_fit import BestFit, fit_from
from xsurvey.inference.parameter_set import ParameterSet, apply_settings
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.fitting.likelihood import SedLikelihood
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.fitting.starts import choose_starts
from xsurvey.sed.models.base import RadiativeModel
from xsurvey.sed.models.polarized import ADDED, polarized_source
from xsurvey.sed.polarization.measurements import PolarizationMeasurements
from xsurvey.sed.tables.points import SedPoints

SedFit = BestFit[SedLikelihood]
"""A best fit of a spectral energy distribution."""

_ORDERED = (
    ("gamma_min", "gamma_max"), ("R_in", "R_out"), ("proton_gamma_min", "log10_proton_gamma_max")
)  # fmt: skip
"""Parameters of which the first is below the second, or models have no value."""
_LOG10 = "log10_"
"""How the names of parameters begin whose values are logarithms."""
_NOTHING_MOVES = (
    "no free parameter changes the model at the points: the fit ends where it began; give other "
    "start values (--set), or other points"
)


def sed_likelihood(
    model: RadiativeModel, points: SedPoints, parameters: SedFitParameters,
    polarization: PolarizationMeasurements | None = None,
) -> SedLikelihood:  # fmt: skip
    """Return the likelihood of a model with its parameters as the user sets them.

    With measured polarization the model has further parameters, those of `PolarizedSource`, and the
    likelihood is a `JointLikelihood`.

    Raises
    ------
    ParameterError
        Unknown parameters, or values that cannot be; polarization of a model that has none; fewer
        numbers than free parameters of which nothing else is known.
    """
    if polarization is None:
        likelihood = SedLikelihood(model, points, _as_set(model, parameters))
    else:
        source = polarized_source(
            model, angle_deg=polarization.angle_deg(), cells=parameters.cells
        )  # fmt: skip
        likelihood = JointLikelihood(source, points, polarization, _as_set(source, parameters))
    _check_numbers(likelihood, parameters)
    return likelihood


def _check_numbers(likelihood: SedLikelihood, parameters: SedFitParameters) -> None:
    """Raise where there are fewer numbers than parameters without a prior that tells something.

    Those are the user's and, with polarization, its own, but not those that models bring along.
    """
    rows = likelihood.parameters
    known = {rows.index(text.partition("=")[0]) for text in parameters.prior}
    if isinstance(likelihood, JointLikelihood):
        known |= set(range(len(rows) - ADDED, len(rows)))
    unknown = [rows.parameters[i].name for i in rows.free if i not in known]
    if likelihood.bins < len(unknown):
        what = "numbers" if isinstance(likelihood, JointLikelihood) else "points"
        raise ParameterError(
            "freeze", f"{likelihood.bins} {what}, limits not counted, do not determine "
            f"{len(unknown)} free parameters: {', '.join(unknown)}",
            "freeze some (--freeze NAME=VALUE), or give priors (--prior)",
        )  # fmt: skip


def _as_set(model: RadiativeModel, parameters: SedFitParameters) -> ParameterSet:
    rows = apply_settings(
        ParameterSet(model.parameters), values=parameters.set, freeze=parameters.freeze,
        thaw=parameters.thaw, links=parameters.link, limits=parameters.limits,
        priors=parameters.prior,
    )  # fmt: skip
    return _priors_within_limits(rows)


def _priors_within_limits(rows: ParameterSet) -> ParameterSet:
    """Cut priors, which models bring along, to limits that the user narrowed."""
    return ParameterSet(
        replace(p, prior=p.prior.truncated(*p.limits)) if p.prior is not None else p
        for p in rows.parameters
    )


def fit_sed(
    likelihood: SedLikelihood, *, confidence: float = 0.6827, intervals: bool = True,
    starts: int = 6,
) -> SedFit:  # fmt: skip
    """Find the best parameters, and their intervals by profile likelihood.

    Parameters
    ----------
    likelihood : SedLikelihood
    confidence : float
        Of the intervals.
    intervals : bool
        Whether to find them.
    starts : int
        From how many places the fit starts. Unless it is one, parameters that the model freezes but
        the user fits are first held where they start: the end of that fit is a further place, so
        that what a parameter is thawed for is no worse than without it.

    Returns
    -------
    SedFit
        With a note where no free parameter changes the model at the points.

    Raises
    ------
    ParameterError
        The model has no value at any start, for its values are in the wrong order.
    InputError
        It has none for another reason.
    """
    begin = choose_starts(likelihood, starts)
    if not np.isfinite(likelihood.statistic(begin)).any():
        _check_order(likelihood)
        raise InputError(
            "model", "has no value at the points for the start values",
            "give other start values (--set)",
        )  # fmt: skip
    if starts > 1:
        begin = np.concatenate((begin, _with_thawed_held(likelihood, starts)))
    fit = fit_from(likelihood, begin, confidence=confidence, intervals=intervals, thorough=True)
    still = len(fit.theta) and fit.minimum.undetermined.all()
    if still and np.array_equal(fit.theta, likelihood.parameters.start):
        return replace(fit, notes=(*fit.notes, _NOTHING_MOVES))
    return fit


def _with_thawed_held(likelihood: SedLikelihood, starts: int) -> np.ndarray:
    """Return where a fit ends that holds what the model freezes, (1, k); (0, k) if it has no use.

    Data say little of such parameters: valleys along them are long and bent, and searches that
    follow them from elsewhere end in other minima.
    """
    rows = likelihood.parameters
    as_model = likelihood.model.parameters
    thawed = np.array([as_model[i].frozen for i in rows.free], bool)
    theta = rows.start[None, :]
    if not thawed.any() or thawed.all():
        return theta[:0]
    held = {rows.free[i] for i in np.flatnonzero(thawed)}
    simpler = likelihood.with_parameters(
        ParameterSet(
            replace(p, frozen=True) if i in held else p for i, p in enumerate(rows.parameters)
        )
    )
    places = choose_starts(simpler, starts)
    if not np.isfinite(simpler.statistic(places)).any():
        return theta[:0]
    theta[0, ~thawed] = fit_from(simpler, places, intervals=False, thorough=True).theta
    return theta


def _check_order(likelihood: SedLikelihood) -> None:
    """Raise where the start has a lowest value that is not below the highest."""
    rows = likelihood.parameters
    values = dict(zip((p.name for p in rows.parameters), rows.values, strict=True))
    for low, high in _ORDERED:
        if low in values and _log10(low, values[low]) >= _log10(high, values[high]):
            power = "10^" if high.startswith(_LOG10) else ""
            raise ParameterError(
                low, f"{values[low]:g} is not below {power}{high}, {power}{values[high]:g}",
                "give other values (--freeze or --set)",
            )  # fmt: skip


def _log10(name: str, value: float) -> float:
    return value if name.startswith(_LOG10) else float(np.log10(value))
