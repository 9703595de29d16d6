"""Fits of spectra without an engine: what ``xsurvey spectrum fit`` does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.chains import Chains
from xsurvey.inference.diagnostics import summary as chain_summary
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested import Evidence, NestedParameters
from xsurvey.io.atomic import atomic_output, check_outputs
from xsurvey.io.ogip.pha import split_selection
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.pipelines.spectra_of_files import (
    ReadSpectrum,
    SpectrumFiles,
    datasets_of,
    read_spectra,
)
from xsurvey.report.chain_axes import corner_figure
from xsurvey.report.plate import png_bytes
from xsurvey.report.spectrum_axes import spectrum_figure
from xsurvey.spectra.assembly import Assembly, assemble
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.fit import Fit, fit_spectra
from xsurvey.spectra.fit_parameters import FluxParameters, SpectrumFitParameters
from xsurvey.spectra.fit_result import fitted_parameters, fluxes, sampled_parameters
from xsurvey.spectra.flux import flux_functions
from xsurvey.spectra.goodness import goodness_record
from xsurvey.spectra.likelihood import Member
from xsurvey.spectra.models.expression import Expression, parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.posterior import evidence_of, predictive_check, sample_posterior
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
    settings : ModelSettings
    assembly : Assembly
    fit : Fit
    chains : Chains or None
    summary : dict
        For ``--json``.
    """

    spectra: list[ReadSpectrum]
    expression: Expression
    settings: ModelSettings
    assembly: Assembly
    fit: Fit
    chains: Chains | None
    summary: dict[str, Any]


def fit_spectrum_files(
    files: SpectrumFiles, parameters: SpectrumFitParameters, settings: ModelSettings,
    flux: FluxParameters, sampling: MCMCParameters | None = None, *, seed: int = 0,
    chain_file: Path | None = None, nested: NestedParameters | None = None,
    outputs: Sequence[Path | None] = (),
) -> SpectrumFit:  # fmt: skip
    """Fit a model to spectra.

    Parameters
    ----------
    files : SpectrumFiles
    parameters, settings, flux : StepParameters
    sampling : MCMCParameters, optional
        Sample the posterior too; intervals are then those of the chain.
    seed : int
        Of the sampling.
    chain_file : path, optional
        HDF5 file of the chain, from which an interrupted run goes on.
    nested : NestedParameters, optional
        Compute the evidence too.
    outputs : sequence of path or None
        What the caller will write: none of it may be a file that the fit reads.

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
    if parameters.model is None:
        raise ParameterError("model", "is required", "give a model, such as 'tbabs*powerlaw'")
    expression = parse_expression(parameters.model)
    spectra = read_spectra(files, parameters)
    read = [split_selection(path)[0] for s in spectra for path in s.paths]
    check_outputs([*outputs, chain_file], read)
    datasets = datasets_of(spectra, parameters, mixes_energies(expression))
    instruments = [instrument_of(s.spectrum) for s in spectra]
    assembly = assemble(expression, settings, datasets, parameters, instruments)
    fit = fit_spectra(
        assembly.likelihood, confidence=parameters.confidence,
        intervals=parameters.intervals and sampling is None, starts=parameters.starts,
    )  # fmt: skip
    chains = None
    if sampling is not None:
        how = assembly.likelihood.members[0].model.description  # type: ignore[attr-defined]
        problem = _problem(spectra, parameters, settings, how)
        chains = sample_posterior(fit, sampling, seed, chain_file, problem)
    result = SpectrumFit(spectra, expression, settings, assembly, fit, chains, {})
    summary = _summary(result, parameters, flux)
    if parameters.goodness_trials:
        summary["goodness"] = simulate_goodness(fit, parameters.goodness_trials, seed)
    if chains is not None:
        summary["posterior_predictive"] = predictive_check(fit, chains, seed)
    if nested is not None:
        summary["evidence"] = _evidence_record(evidence_of(assembly.likelihood, nested, seed))
    return replace(result, summary=summary)


def _evidence_record(evidence: Evidence) -> dict[str, Any]:
    return {
        "log_evidence": evidence.log_evidence, "error": evidence.log_evidence_error,
        "information": evidence.information, "evaluations": evidence.evaluations,
        "converged": evidence.converged, "seed": evidence.seed,
        "parameters": evidence.summary(), "notes": list(evidence.warnings),
    }  # fmt: skip


def mixes_energies(expression: Expression) -> bool:
    """Tell whether a model mixes energies, so that it needs all of the response's."""
    return any(c.definition.kind in ("con", "acn") for c in expression.components)


def instrument_of(spectrum: PhaSpectrum) -> str:
    """Return telescope, instrument and filter: spectra of one share their cross-calibration."""
    return " ".join(str(spectrum.header.get(k, "")) for k in ("TELESCOP", "INSTRUME", "FILTER"))


def _problem(
    spectra: Sequence[ReadSpectrum], parameters: SpectrumFitParameters, settings: ModelSettings,
    evaluated_by: Mapping[str, str],
) -> str:  # fmt: skip
    """Return a key of all that decides the posterior: data, responses, model, settings."""
    key = hashlib.sha256()
    for path in (p for s in spectra for p in s.paths):
        file, row = split_selection(path)
        key.update(file.read_bytes())
        key.update(f"{row}".encode())
    key.update(json.dumps(parameters.normalised(), sort_keys=True).encode())
    key.update(settings.key.encode())
    key.update(json.dumps(dict(evaluated_by), sort_keys=True).encode())
    return key.hexdigest()


def _summary(
    result: SpectrumFit, parameters: SpectrumFitParameters, flux: FluxParameters
) -> dict[str, Any]:
    fit, chains = result.fit, result.chains
    likelihood = fit.likelihood
    members = likelihood.members
    bands = flux.flux_band or parameters.energy or (_whole(members),)
    span = (
        min(float(m.dataset.folding.edges[0]) for m in members),
        max(float(m.dataset.folding.edges[-1]) for m in members),
    )
    functions = flux_functions(
        result.expression, result.settings, bands, _redshift(result, flux), flux.distance,
        span if mixes_energies(result.expression) else None,
    )  # fmt: skip
    rows = fluxes(
        fit, functions, result.assembly.columns[0], parameters.confidence, chains,
        parameters.intervals,
    )  # fmt: skip
    notes = [n for s in result.spectra for n in s.notes] + list(result.assembly.notes)
    for member in members:
        notes += [*member.dataset.notes, *statistic_notes(member.dataset, member.statistic)]
    if parameters.untie:
        notes.append(f"fluxes are those of the first spectrum, {members[0].dataset.name}")
    notes += list(fit.notes) + (list(chains.warnings) if chains is not None else [])
    summary: dict[str, Any] = {
        "statistic": {
            "name": parameters.stat, "value": fit.statistic,
            "dof": likelihood.degrees_of_freedom,
        },
        "parameters": fitted_parameters(fit) if chains is None
        else sampled_parameters(fit, chains, parameters.confidence),
        "flux": rows[0], "fluxes": rows,
        "goodness": goodness_record(fit),
        "converged": bool(fit.minimum.converged),
        "model": {
            "expression": result.expression.text,
            "evaluated_by": members[0].model.description,  # type: ignore[attr-defined]
            **result.settings.normalised(),
        },
        "data": [_data_record(m.dataset, s) for m, s in zip(members, result.spectra, strict=True)],
        "notes": list(dict.fromkeys(notes)),
    }  # fmt: skip
    if chains is not None:
        summary["diagnostics"] = {
            "converged": chains.converged, "steps": chains.steps, "burn": chains.burn,
            "seed": chains.seed, **chains.diagnostics, "parameters": chain_summary(chains),
        }  # fmt: skip
    return summary


def _whole(members: Sequence[Member]) -> EnergyBand:
    low = min(float(m.dataset.energy_low.min()) for m in members)
    high = max(float(m.dataset.energy_high.max()) for m in members)
    return EnergyBand(max(low, 1e-3), high)


def _redshift(result: SpectrumFit, flux: FluxParameters) -> float | None:
    if flux.luminosity_redshift is not None:
        return flux.luminosity_redshift
    values = result.fit.values[result.assembly.columns[0]]
    found = {
        float(value) for p, value in zip(result.expression.parameters, values, strict=True)
        if p.name.lower().endswith(".redshift") and value > 0
    }  # fmt: skip
    return found.pop() if len(found) == 1 else None


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


def draw(result: SpectrumFit, plot: Path | None, corner: Path | None) -> None:
    """Write the figures that were asked for (PNG)."""
    likelihood = result.fit.likelihood
    if plot is not None:
        models = [m[0] for m in likelihood.source_by_member(result.fit.theta[None, :])]
        datasets = [member.dataset for member in likelihood.members]
        figure = spectrum_figure(datasets, models, result.expression.text)
        with atomic_output(plot) as temporary:
            temporary.write_bytes(png_bytes(figure))
    if corner is not None and result.chains is not None:
        with atomic_output(corner) as temporary:
            temporary.write_bytes(png_bytes(corner_figure(result.chains)))
