"""Joint fits of files of Stokes spectra: what ``xsurvey polarization fit`` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xsurvey.engine.hashes import file_sha256
from xsurvey.engine.provenance import versions
from xsurvey.errors import ParameterError
from xsurvey.inference.chains import Chains
from xsurvey.inference.fit_records import fitted_parameters
from xsurvey.io.atomic import check_outputs
from xsurvey.io.ogip.pha import split_selection
from xsurvey.pipelines.spectropolarimetry.reading import StokesFiles, read_units
from xsurvey.polarization.spectra.linear_stokes import polarization_in_bins, summed_stokes
from xsurvey.polarization.spectra.polarized_terms import parse_polarized
from xsurvey.polarization.spectra.spectropolarimetry import (
    fit_polarization,
    without_energy_dependence,
    without_polarization,
)
from xsurvey.polarization.spectra.spectropolarimetry_parameters import (
    SpectropolarimetryParameters,
    energy_edges,
)
from xsurvey.polarization.spectra.spectropolarimetry_result import (
    comparison_record,
    energies_of_unphysical_degree,
    polarization_curve,
    polarization_records,
    stokes_records,
)
from xsurvey.polarization.spectra.stokes_likelihood import (
    StokesAssembly,
    StokesMember,
    assemble_stokes,
    members_of,
)
from xsurvey.polarization.spectra.stokes_units import PolarimeterUnit
from xsurvey.spectra.fit import Fit
from xsurvey.spectra.fit_parameters import FluxParameters
from xsurvey.spectra.fit_result import fluxes
from xsurvey.spectra.flux import flux_functions
from xsurvey.spectra.goodness import goodness_record
from xsurvey.spectra.models.installation import installation
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.statistic_of import statistic_notes
from xsurvey.units import EnergyBand


@dataclass(frozen=True)
class PolarizationFit:
    """A joint fit of files, with all that figures need.

    Attributes
    ----------
    units : list of PolarimeterUnit
    parameters, settings, flux : StepParameters
        What was asked for.
    assembly : StokesAssembly
    fit : Fit
    summary : dict
        For ``--json``.
    """

    units: list[PolarimeterUnit]
    parameters: SpectropolarimetryParameters
    settings: ModelSettings
    flux: FluxParameters
    assembly: StokesAssembly
    fit: Fit
    summary: dict[str, Any]


def fit_stokes_files(
    files: StokesFiles, parameters: SpectropolarimetryParameters, settings: ModelSettings,
    flux: FluxParameters, *, outputs: Sequence[Path | None] = (), intervals: bool = True,
) -> PolarizationFit:  # fmt: skip
    """Fit a polarized model to Stokes spectra.

    Parameters
    ----------
    files : StokesFiles
    parameters, settings, flux : StepParameters
    outputs : sequence of path or None
        What the caller will write: none of it may be a file that the fit reads.
    intervals : bool
        False where those of the posterior will follow.

    Raises
    ------
    OutputError
        An output cannot be written, or is an input.
    InputError
        A file cannot be used, spectra do not belong together, or the model cannot give such data.
    ParameterError
        An unknown model, parameter or value.
    MissingDataError
        The model library or atomic data are not installed.
    """
    if parameters.model is None:
        raise ParameterError(
            "model", "is required", "give a model, such as 'tbabs*(polconst*powerlaw)'"
        )
    expression = parse_polarized(parameters.model)
    units = read_units(files)
    read = [split_selection(p)[0] for unit in units for one in unit.spectra for p in one.paths]
    check_outputs(outputs, read)
    assembly = assemble_stokes(expression, settings, units, parameters)
    fit = fit_polarization(
        assembly, confidence=parameters.confidence,
        intervals=parameters.intervals and intervals, starts=parameters.starts,
    )  # fmt: skip
    result = PolarizationFit(units, parameters, settings, flux, assembly, fit, {})
    return replace(result, summary=_summary(result, read, intervals))


def polarization_parts(
    result: PolarizationFit, records: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the keys of the summary that follow from the records of parameters."""
    contours = result.parameters.contours
    return {
        "parameters": records,
        "polarization": polarization_records(result.assembly, result.fit, records, contours),
    }


def flux_rows(
    result: PolarizationFit, chains: Chains | None = None, intervals: bool = True
) -> list[dict[str, Any]]:
    """Return the fluxes of a fit in the bands that were asked for, or else in that of the fit."""
    whole = result.assembly.expression.whole
    members = members_of(result.fit.likelihood, "I")
    low = min(float(m.dataset.energy_low.min()) for m in members)
    high = max(float(m.dataset.energy_high.max()) for m in members)
    bands = result.flux.flux_band or [
        EnergyBand(band.minimum if band.minimum > 0 else max(low, 1e-3), band.maximum)
        for band in result.parameters.energy or (EnergyBand(max(low, 1e-3), high),)
    ]
    mixes = any(c.definition.kind == "con" for c in whole.expression.components)
    edges = members[0].dataset.folding.edges
    functions = flux_functions(
        whole.expression, result.settings, bands, result.flux.luminosity_redshift,
        result.flux.distance, (float(edges[0]), float(edges[-1])) if mixes else None,
    )  # fmt: skip
    columns = result.assembly.columns[0][whole.columns]
    return fluxes(result.fit, functions, columns, result.parameters.confidence, chains, intervals)


def _summary(result: PolarizationFit, read: Sequence[Path], intervals: bool) -> dict[str, Any]:
    fit, parameters, assembly = result.fit, result.parameters, result.assembly
    likelihood = fit.likelihood
    members = members_of(likelihood, "I", "Q", "U")
    rows = flux_rows(result, None, parameters.intervals and intervals)
    edges = energy_edges(parameters.ebins)
    return {
        "statistic": {
            "name": parameters.stat, "value": fit.statistic,
            "dof": likelihood.degrees_of_freedom, "parts": _parts(members, fit),
        },
        **polarization_parts(result, fitted_parameters(fit)),
        "no_polarization": comparison_record(without_polarization(assembly, fit)),
        "constant_polarization": comparison_record(without_energy_dependence(assembly, fit)),
        "summed_channels": stokes_records(summed_stokes(likelihood))[0],
        "energy_bins": stokes_records(polarization_in_bins(likelihood, fit.values, edges)),
        "polarization_curve": polarization_curve(fit),
        "flux": rows[0], "fluxes": rows,
        "goodness": goodness_record(fit),
        "converged": bool(fit.minimum.converged),
        "model": {
            "expression": assembly.expression.expression.text,
            "evaluated_by": dict(members[0].model.description), **result.settings.normalised(),
        },
        "data": [_data_record(m) for m in members],
        "notes": _notes(result),
        "provenance": {
            "inputs": {name: file_sha256(path) for name, path in _input_names(read).items()},
            "versions": dict(versions()), "model_library": installation().version,
            "parameters": {
                type(s).__name__: s.normalised()
                for s in (parameters, result.settings, result.flux)
            },
        },
    }  # fmt: skip


def _input_names(read: Sequence[Path]) -> dict[str, Path]:
    """Return files by their names; with folders, where several have one name."""
    paths = list(dict.fromkeys(read))
    same = Counter(path.name for path in paths)
    return {str(p) if same[p.name] > 1 else p.name: p for p in paths}


def _parts(members: Sequence[StokesMember], fit: Fit) -> list[dict[str, Any]]:
    """Return the statistic of each spectrum."""
    full = fit.values[None, :]
    return [
        {"unit": m.unit, "stokes": m.stokes, "name": m.statistic.name, "bins": m.statistic.bins,
         "value": float(m.statistic.total(m.expected(full))[0])}
        for m in members
    ]  # fmt: skip


def _data_record(member: StokesMember) -> dict[str, Any]:
    data = member.dataset
    net, error = member.net
    return {
        "spectrum": data.name, "unit": member.unit, "stokes": member.stokes,
        "counts": float(data.counts.sum()), "net": float(net.sum()),
        "net_err": float((error**2).sum() ** 0.5), "exposure_s": data.exposure,
        "groups": len(data.counts), "energy_min": float(data.energy_low.min()),
        "energy_max": float(data.energy_high.max()),
    }  # fmt: skip


def _notes(result: PolarizationFit) -> list[str]:
    fit = result.fit
    notes = [n for unit in result.units for one in unit.spectra for n in one.notes]
    notes += result.assembly.notes
    for member in members_of(fit.likelihood, "I", "Q", "U"):
        notes += member.dataset.notes
        if member.stokes == "I" and result.parameters.chi2_variance != "file":
            notes += statistic_notes(member.dataset, member.statistic)
    if result.parameters.untie:
        notes.append("fluxes, and polarization by energy, are those of the first unit")
    beyond = energies_of_unphysical_degree(fit)
    if beyond is not None:
        notes.append(f"the best fit has a degree above 1 at {beyond[0]:.3g} to {beyond[1]:.3g} keV")
    return list(dict.fromkeys([*notes, *fit.notes]))
