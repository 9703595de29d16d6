"""Fits of spectral energy distributions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xsurvey.errors import InputError
from xsurvey.inference.best_fit import BestFit, fit_from
from xsurvey.inference.parameter_set import ParameterSet, apply_settings
from xsurvey.sed.joint_likelihood import JointLikelihood
from xsurvey.sed.likelihood import SedLikelihood
from xsurvey.sed.models.base import RadiativeModel
from xsurvey.sed.models.polarized import polarized_source
from xsurvey.sed.points import SedPoints
from xsurvey.sed.polarization.measurements import PolarizationMeasurements
from xsurvey.sed.sed_parameters import SedFitParameters
from xsurvey.sed.starts import choose_starts

SedFit = BestFit[SedLikelihood]
"""A best fit of a spectral energy distribution."""


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
        Unknown parameters, or values that cannot be; polarization of a model that has none.
    """
    if polarization is None:
        return SedLikelihood(model, points, _as_set(model, parameters))
    source = polarized_source(model, angle_deg=polarization.angle_deg(), cells=parameters.cells)
    return JointLikelihood(source, points, polarization, _as_set(source, parameters))


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
        From how many places the fit starts.

    Raises
    ------
    InputError
        The model has no value at any start.
    """
    begin = choose_starts(likelihood, starts)
    if not np.isfinite(likelihood.statistic(begin)).any():
        raise InputError(
            "model", "has no value at the points for the start values",
            "give other start values (--set)",
        )  # fmt: skip
    return fit_from(likelihood, begin, confidence=confidence, intervals=intervals, thorough=True)
