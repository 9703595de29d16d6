"""Fits of spectra without an engine: what ``xsurvey spectrum fit`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xsurvey.engine.hashes import file_sha256
from xsurvey.engine.provenance import versions
from xsurvey.errors import ParameterError
from xsurvey.inference.chains import Chains
from xsurvey.inference.fit_records import fitted_parameters
from xsurvey.inference.parameter_set import require_priors
from xsurvey.io.atomic import check_outputs
from xsurvey.io.ogip.pha import split_selection
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.pipelines.spectra.reading import (
    ReadSpectrum,
    SpectrumFiles,
    datasets_of,
    read_spectra,
)
from xsurvey.spectra.assembly import Assembly, assemble
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.fit import Fit, fit_spectra
from xsurvey.spectra.fit_parameters import FluxParameters, SpectrumFitParameters
from xsurvey.spectra.fit_result import fluxes
from xsurvey.spectra.flux import BandFlux, flux_functions
from xsurvey.spectra.goodness import goodness_record
from xsurvey.spectra.likelihood import Member
from xsurvey.spectra.models.expression import Expression, parse_expression
from xsurvey.spectra.models.installation import installation
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.simulated_goodness import simulate_goodness
from xsurvey.spectra.statistic_of import statistic_notes
from xsurvey.units import EnergyBand


@dataclass(frozen=True)
class SpectrumFit:
    """A fit of files, with all that plots and tables need.

    Attributes
    ----------
    spectra : list of ReadSpectrum
    expression : Expression
    parameters, settings, flux : StepParameters
        What was asked for.
    assembly : Assembly
    fit : Fit
    summary : dict
        For ``--json``.
    """

    spectra: list[ReadSpectrum]
    expression: Expression
    parameters: SpectrumFitParameters
    settings: ModelSettings
    flux: FluxParameters
    assembly: Assembly
    fit: Fit
    summary: dict[str, Any]


class SpectrumProblem(NamedTuple):
    """What is to be fitted.

    Attributes
    ----------
    spectra : list of ReadSpectrum
    expression : Expression
    assembly : Assembly
    """

    spectra: list[ReadSpectrum]
    expression: Expression
    assembly: Assembly


def spectrum_problem(
    files: SpectrumFiles, parameters: SpectrumFitParameters, settings: ModelSettings
) -> SpectrumProblem:
    """Return what is to be fitted to spectra.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `fit_spectrum_files`.
    """
    if parameters.model is None:
        raise ParameterError("model", "is required", "give a model, such as 'tbabs*powerlaw'")
    expression = parse_expression(parameters.model)
    spectra = read_spectra(files, parameters)
    datasets = datasets_of(spectra, parameters, mixes_energies(expression))
    instruments = [instrument_of(s.spectrum) for s in spectra]
    assembly = assemble(expression, settings, datasets, parameters, instruments)
    return SpectrumProblem(spectra, expression, assembly)


def fit_spectrum_files(
    files: SpectrumFiles, parameters: SpectrumFitParameters, settings: ModelSettings,
    flux: FluxParameters, *, seed: int = 0, outputs: Sequence[Path | None] = (),
    intervals: bool = True, evidence: bool = False,
) -> SpectrumFit:  # fmt: skip
    """Fit a model to spectra.

    Parameters
    ----------
    files : SpectrumFiles
    parameters, settings, flux : StepParameters
    seed : int
        Of simulated goodness.
    outputs : sequence of path or None
        What the caller will write: none of it may be a file that the fit reads.
    intervals : bool
        False where those of the posterior will follow.
    evidence : bool
        Whether the evidence will follow, for which all free parameters need priors.

    Raises
    ------
    OutputError
        An output cannot be written, or is an input.
    InputError
        A file cannot be used, or the model cannot give such data.
    ParameterError
        An unknown model, parameter or value.
    MissingDataError
        The model library or atomic data are not installed.
    """
    problem = spectrum_problem(files, parameters, settings)
    spectra, expression, assembly = problem
    read = [split_selection(path)[0] for s in spectra for path in s.paths]
    check_outputs(outputs, read)
    if evidence:
        require_priors(assembly.likelihood.parameters)
    fit = fit_spectra(
        assembly.likelihood, confidence=parameters.confidence,
        intervals=parameters.intervals and intervals, starts=parameters.starts,
    )  # fmt: skip
    result = SpectrumFit(spectra, expression, parameters, settings, flux, assembly, fit, {})
    summary = _summary(result, intervals) | {"provenance": _provenance(result, read, seed)}
    result = replace(result, summary=summary)
    trials = parameters.goodness_trials
    return with_goodness(result, trials, seed) if trials else result


def with_goodness(result: SpectrumFit, trials: int, seed: int) -> SpectrumFit:
    """Return a fit with its goodness by simulation.

    Parameters
    ----------
    result : SpectrumFit
    trials : int
        Spectra to simulate and fit.
    seed : int
    """
    parameters = result.parameters.model_copy(update={"goodness_trials": trials})
    provenance = dict(result.summary["provenance"])
    provenance["parameters"] = {
        **provenance["parameters"], type(parameters).__name__: parameters.normalised()
    }  # fmt: skip
    found = {"provenance": provenance, "goodness": simulate_goodness(result.fit, trials, seed)}
    return replace(result, parameters=parameters, summary=result.summary | found)


def _provenance(result: SpectrumFit, read: Sequence[Path], seed: int) -> dict[str, Any]:
    """Return what the result rests on: inputs by their hashes, versions, parameters, seed."""
    sections = (result.parameters, result.settings, result.flux)
    return {
        "inputs": {path.name: file_sha256(path) for path in dict.fromkeys(read)},
        "versions": dict(versions()), "model_library": installation().version, "seed": seed,
        "parameters": {type(s).__name__: s.normalised() for s in sections},
    }  # fmt: skip


def mixes_energies(expression: Expression) -> bool:
    """Tell whether a model mixes energies, so that it needs all of the response's."""
    return any(c.definition.kind in ("con", "acn") for c in expression.components)


def instrument_of(spectrum: PhaSpectrum) -> str:
    """Return telescope, instrument and filter: spectra of one share their cross-calibration."""
    return " ".join(str(spectrum.header.get(k, "")) for k in ("TELESCOP", "INSTRUME", "FILTER"))


def flux_rows(
    result: SpectrumFit, chains: Chains | None = None, intervals: bool = True
) -> list[dict[str, Any]]:
    """Return the fluxes of a fit in the bands that were asked for, or else in that of the fit."""
    rows = fluxes(
        result.fit, band_fluxes(result), result.assembly.columns[0], result.parameters.confidence,
        chains, intervals,
    )  # fmt: skip
    for row in rows:
        if "luminosity" in row:
            distance = result.flux.distance
            row["luminosity"] |= {"redshift": _redshift(result), "distance_mpc": distance}
    return rows


def band_fluxes(result: SpectrumFit) -> list[dict[str, BandFlux]]:
    """Return the functions that give the fluxes of `flux_rows`."""
    members = result.fit.likelihood.members
    whole = _whole(members)
    bands = result.flux.flux_band or [
        # --energy 0-7 is for channels; photons have an energy
        EnergyBand(band.minimum if band.minimum > 0 else whole.minimum, band.maximum)
        for band in result.parameters.energy or (whole,)
    ]
    span = (
        min(float(m.dataset.folding.edges[0]) for m in members),
        max(float(m.dataset.folding.edges[-1]) for m in members),
    )
    return flux_functions(
        result.expression, result.settings, bands, _redshift(result), result.flux.distance,
        span if mixes_energies(result.expression) else None,
    )  # fmt: skip


def _summary(result: SpectrumFit, intervals: bool) -> dict[str, Any]:
    fit, parameters = result.fit, result.parameters
    members = fit.likelihood.members
    rows = flux_rows(result, None, parameters.intervals and intervals)
    notes = [n for s in result.spectra for n in s.notes] + list(result.assembly.notes)
    for member in members:
        notes += [*member.dataset.notes, *statistic_notes(member.dataset, member.statistic)]
    if parameters.untie:
        notes.append(f"fluxes are those of the first spectrum, {members[0].dataset.name}")
    if "luminosity" in rows[0] and result.flux.luminosity_redshift is None:
        notes += _redshift_notes(result)
    return {
        "statistic": {
            "name": parameters.stat, "value": fit.statistic,
            "dof": fit.likelihood.degrees_of_freedom,
        },
        "parameters": fitted_parameters(fit),
        "flux": rows[0], "fluxes": rows,
        "goodness": goodness_record(fit),
        "converged": bool(fit.minimum.converged),
        "model": {
            "expression": result.expression.text, "evaluated_by": evaluated_by(result),
            **result.settings.normalised(),
        },
        "data": [_data_record(m.dataset, s) for m, s in zip(members, result.spectra, strict=True)],
        "notes": list(dict.fromkeys([*notes, *fit.notes])),
    }  # fmt: skip


def evaluated_by(result: SpectrumFit) -> Mapping[str, str]:
    """Return how each component of the model was evaluated."""
    return result.fit.likelihood.members[0].model.description


def _whole(members: Sequence[Member]) -> EnergyBand:
    low = min(float(m.dataset.energy_low.min()) for m in members)
    high = max(float(m.dataset.energy_high.max()) for m in members)
    return EnergyBand(max(low, 1e-3), high)


def _redshift(result: SpectrumFit) -> float | None:
    if result.flux.luminosity_redshift is not None:
        return result.flux.luminosity_redshift
    values = result.fit.values[result.assembly.columns[0]]
    found = {
        float(value) for p, value in zip(result.expression.parameters, values, strict=True)
        if p.name.lower().endswith(".redshift") and value > 0
    }  # fmt: skip
    return found.pop() if len(found) == 1 else None


def _redshift_notes(result: SpectrumFit) -> list[str]:
    """Tell that a fitted redshift is held for luminosities."""
    free = {name.lower() for name in result.fit.likelihood.parameters.free_names}
    fitted = [n for n in free if n.endswith(".redshift")]
    if not fitted or result.flux.distance is not None:
        return []
    return [f"luminosities are for the best redshift, {_redshift(result):.6g}: their intervals do "
            "not have its uncertainty"]  # fmt: skip


def _data_record(dataset: Dataset, read: ReadSpectrum) -> dict[str, Any]:
    background = dataset.background
    record: dict[str, Any] = {
        "spectrum": dataset.name, "files": [p.name for p in read.paths],
        "counts": float(dataset.counts.sum()), "exposure_s": dataset.exposure,
        "groups": len(dataset.counts), "energy_min": float(dataset.energy_low.min()),
        "energy_max": float(dataset.energy_high.max()),
    }  # fmt: skip
    if background is not None:
        record["background_counts"] = float(background.counts.sum())
        record["background_scale"] = float(np.mean(dataset.background_scale))
    return record
