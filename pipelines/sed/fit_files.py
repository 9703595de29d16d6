"""Fits of tables of spectral energy distributions: what ``xsurvey sed fit`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scipy import stats

from xsurvey.engine.hashes import file_sha256
from xsurvey.engine.provenance import versions
from xsurvey.errors import ParameterError
from xsurvey.inference.fit_records import fitted_parameters
from xsurvey.inference.parameter_set import require_priors
from xsurvey.io.atomic import check_outputs
from xsurvey.sed.derived import derived_at_best
from xsurvey.sed.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.fit import SedFit, fit_sed, sed_likelihood
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.points import SedPoints, select_points
from xsurvey.sed.sed_parameters import SedFitParameters
from xsurvey.sed.table import read_sed

_UNLIKELY = 1e-4
"""Probability of a chi-square below which a note tells of it."""


@dataclass(frozen=True)
class SedFileFit:
    """A fit of a file, with all that figures need.

    Attributes
    ----------
    path : path
    sed : SpectralEnergyDistribution
        All points of the file.
    parameters : SedFitParameters
        What was asked for.
    redshift : float
    fit : SedFit
    summary : dict
        For ``--json``.
    """

    path: Path
    sed: SpectralEnergyDistribution
    parameters: SedFitParameters
    redshift: float
    fit: SedFit
    summary: dict[str, Any]

    @property
    def points(self) -> SedPoints:
        """The points that were fitted."""
        return self.fit.likelihood.points


def fit_sed_file(
    path: Path, parameters: SedFitParameters, *, seed: int = 0,
    outputs: Sequence[Path | None] = (), intervals: bool = True, evidence: bool = False,
) -> SedFileFit:  # fmt: skip
    """Fit a radiative model to a table.

    Parameters
    ----------
    path : path
    parameters : SedFitParameters
    seed : int
        Of what comes later; recorded.
    outputs : sequence of path or None
        What the caller will write: the table must not be among it.
    intervals : bool
        False where those of the posterior will follow.
    evidence : bool
        Whether the evidence will follow, for which all free parameters need priors.

    Raises
    ------
    OutputError
        An output cannot be written, or is the input.
    InputError
        The table cannot be used, or the model has no value.
    ParameterError
        An unknown model, parameter, instrument or value; no redshift.
    """
    check_outputs(outputs, [path])
    sed = read_sed(path)
    points = select_points(sed, parameters)
    redshift, notes = _redshift(sed, parameters)
    model = radiative_model(
        parameters.model, electrons=parameters.electrons, redshift=redshift,
        self_absorption=parameters.self_absorption, targets=parameters.target,
        line=parameters.line, black_body=parameters.black_body,
    )  # fmt: skip
    likelihood = sed_likelihood(model, points, parameters)
    if evidence:
        require_priors(likelihood.parameters)
    fit = fit_sed(
        likelihood, confidence=parameters.confidence,
        intervals=parameters.intervals and intervals, starts=parameters.starts,
    )  # fmt: skip
    result = SedFileFit(path, sed, parameters, redshift, fit, {})
    return replace(result, summary=_summary(result, notes, seed))


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
    all_notes = [*result.points.notes, *notes, *likelihood.model.notes, *fit.notes]
    dof = likelihood.degrees_of_freedom
    if dof < 1:
        all_notes.append(
            f"{likelihood.bins} points do not determine {len(fit.theta)} free parameters"
        )
    elif stats.chi2.sf(fit.statistic, dof) < _UNLIKELY:
        all_notes.append(
            f"chi2 is {fit.statistic / dof:.3g} for a degree of freedom: the points contradict the "
            "model, or each other, within these errors, and intervals are too narrow; give "
            "systematic errors (--systematic, --systematic-default), or another model"
        )
    if result.points.limits:
        all_notes.append(
            "the statistic has -2 ln of the probabilities of upper limits too; degrees of freedom "
            "are of measured points alone"
        )
    return {
        "statistic": {"name": "chi2", "value": fit.statistic, "dof": dof},
        "parameters": fitted_parameters(fit),
        "derived": derived_at_best(fit),
        "diagnostics": {"r_hat": None, "ess": None, "acceptance": None},
        "converged": bool(fit.minimum.converged),
        "model": {
            "name": parameters.model, "electrons": parameters.electrons,
            "self_absorption": parameters.self_absorption, "redshift": result.redshift,
            "targets": list(parameters.target),
        },
        "data": _data_record(result),
        "notes": list(dict.fromkeys(all_notes)),
        "provenance": {
            "inputs": {result.path.name: file_sha256(result.path)}, "versions": dict(versions()),
            "seed": seed, "parameters": {type(parameters).__name__: parameters.normalised()},
        },
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
