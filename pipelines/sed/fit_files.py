"""Fits of tables of spectral energy distributions: what ``xsurvey sed fit`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from scipy import stats

from xsurvey.engine.hashes import file_sha256
from xsurvey.engine.provenance import versions
from xsurvey.errors import ParameterError
from xsurvey.inference.fit_records import fitted_parameters
from xsurvey.inference.parameter_set import require_priors
from xsurvey.io.atomic import check_outputs
from xsurvey.pipelines.sed.measured_polarization import measured_polarization
from xsurvey.pipelines.sed.surroundings import Surroundings, other_inputs, surround
from xsurvey.sed.fitting.derived import derived_at_best
from xsurvey.sed.fitting.fit import SedFit, fit_sed, sed_likelihood
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.fitting.likelihood import SedLikelihood
from xsurvey.sed.fitting.polarization_record import polarization_record
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.models.registry import options_record, radiative_model
from xsurvey.sed.polarization.measurements import PolarizationMeasurements, together
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.tables.points import SedPoints, select_points
from xsurvey.sed.tables.table import read_sed

_UNLIKELY = 1e-4
"""Probability of a chi-square below which a note tells of it."""


@dataclass(frozen=True)
class SedFileFit:
    """A fit of a file, with all that figures need.

    Attributes
    ----------
    path : path
    polarization : tuple of path
        Files of polarization.
    sed : SpectralEnergyDistribution
        All points of the file.
    parameters : SedFitParameters
        What was asked for.
    redshift : float
    surroundings : Surroundings
        What is before the source and beside it.
    fit : SedFit
    summary : dict
        For ``--json``.
    """

    path: Path
    polarization: tuple[Path, ...]
    sed: SpectralEnergyDistribution
    parameters: SedFitParameters
    redshift: float
    surroundings: Surroundings
    fit: SedFit
    summary: dict[str, Any]

    @property
    def points(self) -> SedPoints:
        """The points that were fitted."""
        return self.fit.likelihood.points


class SedProblem(NamedTuple):
    """What is to be fitted: a table, and a model with what is around it.

    Attributes
    ----------
    sed : SpectralEnergyDistribution
        All points of the file.
    redshift : float
    surroundings : Surroundings
    likelihood : SedLikelihood
        A `JointLikelihood` where there is polarization.
    notes : list of str
    """

    sed: SpectralEnergyDistribution
    redshift: float
    surroundings: Surroundings
    likelihood: SedLikelihood
    notes: list[str]


def sed_problem(
    path: Path, parameters: SedFitParameters, polarization: Sequence[Path] = ()
) -> SedProblem:
    """Return what is to be fitted to a table, and to measured polarization.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `fit_sed_file`.
    """
    return problem_of(read_sed(path), parameters, _measured(polarization, parameters))


def problem_of(
    sed: SpectralEnergyDistribution, parameters: SedFitParameters,
    measured: PolarizationMeasurements | None = None,
) -> SedProblem:  # fmt: skip
    """Return what is to be fitted to points, and to measured polarization, that were read.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `fit_sed_file`.
    """
    points = select_points(sed, parameters)
    redshift, notes = _redshift(sed, parameters)
    model = radiative_model(
        parameters.model, electrons=parameters.electrons, redshift=redshift,
        self_absorption=parameters.self_absorption, targets=parameters.target,
        line=parameters.line, black_body=parameters.black_body,
    )  # fmt: skip
    surroundings = surround(model, points, parameters)
    likelihood = sed_likelihood(surroundings.model, points, parameters, measured)
    return SedProblem(sed, redshift, surroundings, likelihood, notes)


def fit_sed_file(
    path: Path, parameters: SedFitParameters, *, polarization: Sequence[Path] = (), seed: int = 0,
    outputs: Sequence[Path | None] = (), intervals: bool = True, evidence: bool = False,
) -> SedFileFit:  # fmt: skip
    """Fit a radiative model to a table, and to measured polarization.

    Parameters
    ----------
    path : path
    parameters : SedFitParameters
    polarization : sequence of path
        Tables of polarization, or results of ours, as `measured_polarization`.
    seed : int
        Of what comes later; recorded.
    outputs : sequence of path or None
        What the caller will write: no file that is read must be among it.
    intervals : bool
        False where those of the posterior will follow.
    evidence : bool
        Whether the evidence will follow, for which all free parameters need priors.

    Raises
    ------
    OutputError
        An output cannot be written, or is the input.
    InputError
        A table cannot be used, or the model has no value.
    ParameterError
        An unknown model, parameter, instrument or value; no redshift; polarization of a model that
        has none, a file of it twice, or cells without it.
    MissingDataError
        The optical depths of the background light are not installed.
    """
    check_outputs(outputs, [path, *polarization, *other_inputs(parameters)])
    problem = sed_problem(path, parameters, polarization)
    likelihood = problem.likelihood
    if evidence:
        require_priors(likelihood.parameters)
    fit = fit_sed(
        likelihood, confidence=parameters.confidence,
        intervals=parameters.intervals and intervals, starts=parameters.starts,
    )  # fmt: skip
    result = SedFileFit(
        path, tuple(polarization), problem.sed, parameters, problem.redshift,
        problem.surroundings, fit, {},
    )  # fmt: skip
    return replace(result, summary=_summary(result, problem.notes, seed))


def _measured(
    paths: Sequence[Path], parameters: SedFitParameters
) -> PolarizationMeasurements | None:
    """Return the polarization of all files; None where there is none."""
    if not paths:
        if parameters.cells is not None:
            raise ParameterError(
                "cells", "is of polarization, and there is none", "give --polarization too"
            )
        return None
    if len({path.resolve() for path in paths}) < len(paths):
        raise ParameterError("polarization", "a file is given twice", "give it once")
    return together([measured_polarization(path) for path in paths])


def _redshift(
    sed: SpectralEnergyDistribution, parameters: SedFitParameters
) -> tuple[float, list[str]]:
    """Return the redshift, with a note where it is not that of the table."""
    given = parameters.redshift
    if given is None and sed.redshift is None:
        raise ParameterError(
            "redshift", f"is needed, and {sed.name} does not tell it", "give --redshift"
        )
    if given is None:
        return float(sed.redshift or 0.0), []
    if sed.redshift is None or given == sed.redshift:
        return given, []
    return given, [f"the redshift is {given:g}, and not that of the table, {sed.redshift:g}"]


def _summary(result: SedFileFit, notes: Sequence[str], seed: int) -> dict[str, Any]:
    fit, parameters = result.fit, result.parameters
    likelihood = fit.likelihood
    all_notes = [
        *result.points.notes, *notes, *likelihood.model.notes, *result.surroundings.notes,
        *fit.notes,
    ]  # fmt: skip
    statistic = _statistic(fit)
    dof = statistic["dof"]
    polarization = polarization_record(fit)
    if isinstance(likelihood, JointLikelihood):
        all_notes += likelihood.measurements.notes
    if dof < 1:
        all_notes.append(
            f"{likelihood.bins} {'points' if polarization is None else 'numbers'} do not "
            f"determine {len(fit.theta)} free parameters"
        )
    elif stats.chi2.sf(fit.statistic, dof) < _UNLIKELY:
        all_notes.append(
            f"{statistic['name']} is {fit.statistic / dof:.3g} for a degree of freedom: the "
            "points contradict the model, or each other, within these errors, and intervals are "
            "too narrow; give systematic errors (--systematic, --systematic-default), or another "
            "model"
        )
    if result.points.limits:
        all_notes.append(
            "the statistic has -2 ln of the probabilities of upper limits too; degrees of freedom "
            "are of measured points alone"
        )
    return {
        "statistic": statistic,
        "parameters": fitted_parameters(fit),
        "derived": derived_at_best(fit),
        "diagnostics": {"r_hat": None, "ess": None, "acceptance": None},
        "converged": bool(fit.minimum.converged),
        "model": {
            "name": parameters.model,
            **options_record(parameters.model, parameters.electrons, parameters.self_absorption),
            "redshift": result.redshift,
            "targets": list(parameters.target), **result.surroundings.record,
        },
        "data": _data_record(result),
        **({} if polarization is None else {"polarization": polarization}),
        "notes": list(dict.fromkeys(all_notes)),
        "provenance": {
            "inputs": {name: file_sha256(path) for name, path in input_names(result).items()},
            "versions": dict(versions()),
            "seed": seed, "parameters": {type(parameters).__name__: parameters.normalised()},
        },
    }  # fmt: skip


def input_names(result: SedFileFit) -> dict[str, Path]:
    """Return the files by their names; with folders, where several have one name."""
    paths = (result.path, *result.polarization, *other_inputs(result.parameters))
    names = [path.name for path in paths]
    return {
        path.name if names.count(path.name) == 1 else str(path): path for path in paths
    }  # fmt: skip


def _statistic(fit: SedFit) -> dict[str, Any]:
    """Return the statistic; of fluxes and polarization together with its two parts."""
    likelihood = fit.likelihood
    dof = likelihood.degrees_of_freedom
    if not isinstance(likelihood, JointLikelihood):
        return {"name": "chi2", "value": fit.statistic, "dof": dof}
    parts = likelihood.parts(likelihood.evaluate(fit.theta[None, :]))
    chi2, polarization = (float(part[0]) for part in parts)
    return {
        "name": "chi2 + polarization", "value": fit.statistic, "dof": dof,
        "parts": {"chi2": chi2, "polarization": polarization},
    }  # fmt: skip


def _data_record(result: SedFileFit) -> dict[str, Any]:
    points = result.points
    used = dict.fromkeys(points.instruments)
    return {
        "file": result.path.name, "source": result.sed.source,
        "points": len(points) - points.limits, "limits": points.limits,
        "left_out": len(result.sed) - len(points),
        "frequency_min": float(points.frequency[0]), "frequency_max": float(points.frequency[-1]),
        "instruments": {
            name: {
                "points": points.instruments.count(name), "systematic": points.systematics[name],
            }
            for name in used
        },
    }  # fmt: skip
