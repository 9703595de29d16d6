"""The stage ``spectropolarimetry``: Stokes spectra of all observations of a source, fitted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import InputError
from xsurvey.inference.chains import Chains
from xsurvey.io.json_values import write_json_values
from xsurvey.io.ogip.stokes import STOKES
from xsurvey.pipelines.polarization.spectra_parameters import PosteriorSection
from xsurvey.pipelines.polarization.stokes_spectra_stage import INDEX
from xsurvey.pipelines.spectropolarimetry.fit_files import PolarizationFit, fit_stokes_files
from xsurvey.pipelines.spectropolarimetry.posterior import with_posterior
from xsurvey.pipelines.spectropolarimetry.reading import StokesFiles, read_units
from xsurvey.polarization.spectra.spectropolarimetry_parameters import SpectropolarimetryParameters
from xsurvey.polarization.spectra.stokes_dataset import unit_datasets
from xsurvey.report.chain_axes import corner_figure
from xsurvey.report.plate import png_bytes
from xsurvey.report.stokes_axes import contour_figure, stokes_fit_figure
from xsurvey.spectra.fit_parameters import FluxParameters
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand

JSON = "spectropolarimetry.json"
FIGURES, CHAINS = "figures", "chains"
SPECTRA_FIGURE, CONTOURS_FIGURE, CORNER_FIGURE = "spectra.png", "contours.png", "corner.png"


def run_spectropolarimetry(context: TaskContext) -> dict[str, Any]:
    """Fit the Stokes spectra of a source, those of several observations together."""
    folders = [(f, json.loads((f / INDEX).read_text())) for f in context.paths("spectra")]
    parameters = _with_energies(context.section(SpectropolarimetryParameters), folders[0][1])
    paths, used, notes = _usable(folders, parameters)
    notes += [f"{name} is left out: {cause}" for name, cause in context.missing.items()]
    sampling = context.section(PosteriorSection)
    result = fit_stokes_files(
        StokesFiles(paths), parameters, context.section(ModelSettings),
        context.section(FluxParameters), intervals=not sampling.enabled,
    )  # fmt: skip
    figures, chain_folder = context.folder / FIGURES, context.folder / CHAINS
    figures.mkdir()
    chain_folder.mkdir()
    chains = None
    if sampling.enabled:
        result, chains = with_posterior(
            result, sampling, seed=context.seed, chain_file=chain_folder / "chain.h5"
        )
    drawn = _draw(result, chains, figures)
    record = {
        "source": folders[0][1]["source"], "observations": used,
        **result.summary, "notes": list(dict.fromkeys([*notes, *result.summary["notes"]])),
        "method": "posterior" if sampling.enabled else "profile", "figures": drawn,
    }  # fmt: skip
    write_json_values(context.folder / JSON, record)
    columns = spectropolarimetry_columns(record)
    kept = ("fit_pd", "fit_pa_deg", "fit_statistic", "fit_dof")
    return {key: columns[key] for key in kept} | {"observations": len(used)}


def _with_energies(
    parameters: SpectropolarimetryParameters, index: Mapping[str, Any]
) -> SpectropolarimetryParameters:
    """Return parameters with the energies of the fit: the mission's first detection band."""
    if parameters.energy:
        return parameters
    return parameters.model_copy(update={"energy": (EnergyBand(*index["band"]),)})


def _usable(
    folders: Sequence[tuple[Path, Mapping[str, Any]]], parameters: SpectropolarimetryParameters
) -> tuple[list[Path], list[str], list[str]]:
    """Return the spectra that can be fitted, observations they are of, and notes on the others.

    Raises
    ------
    InputError
        None can.
    """
    paths: list[Path] = []
    used: list[str] = []
    notes: list[str] = []
    errors: list[InputError] = []
    for folder, index in folders:
        for unit in index["units"]:
            own = [folder / unit["files"][stokes] for stokes in STOKES]
            try:
                (read,) = read_units(StokesFiles(own))
                unit_datasets(
                    read, rule=parameters.group, stokes_rule=parameters.stokes_group,
                    bands=parameters.energy, errors_of_file=parameters.stat == "chi2",
                )  # fmt: skip
            except InputError as error:
                errors.append(error)
                notes.append(
                    f"{index['observation']} {unit['unit']} is left out: "
                    f"{Path(error.subject).name} {error.cause}"
                )
                continue
            paths += own
            used.append(index["observation"])
    if not paths:
        raise (
            errors[0]
            if errors
            else InputError(folders[0][0], "holds no spectra", "make them again")
        )
    return paths, list(dict.fromkeys(used)), notes


def _draw(result: PolarizationFit, chains: Chains | None, folder: Path) -> list[str]:
    """Draw a fit; return the names of the figures."""
    drawn = {SPECTRA_FIGURE: stokes_fit_figure(result.fit, result.summary["model"]["expression"])}
    rows = [row for row in result.summary["polarization"] if row.get("contours")]
    if rows:
        drawn[CONTOURS_FIGURE] = contour_figure(rows)
    if chains is not None:
        drawn[CORNER_FIGURE] = corner_figure(chains, result.fit.theta)
    for name, figure in drawn.items():
        (folder / name).write_bytes(png_bytes(figure))
    return list(drawn)


def spectropolarimetry_columns(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a catalog that tell a joint fit.

    Degree and angle are those of the component that is polarized, where there is one alone with
    constant polarization; the photon index, and the column density in 1e22 cm-2, that of the one
    parameter of its name.

    Parameters
    ----------
    record : mapping
        As the stage writes it.
    """
    statistic, flux = record["statistic"], record["flux"]["unabsorbed"]
    against = record["no_polarization"]
    columns: dict[str, Any] = {
        "fit_model": record["model"]["expression"], "fit_method": record["method"],
        "fit_observations": len(record["observations"]),
        "fit_statistic": statistic["value"], "fit_dof": statistic["dof"],
        "fit_p_value": (record["goodness"] or {}).get("p_value"),
        "fit_significance": None if against is None else against["significance"],
        "fit_band": f"{flux['energy_min']:g}-{flux['energy_max']:g} keV",
        **_interval("fit_flux", flux),
    }  # fmt: skip
    rows = [row for row in record["polarization"] if "pd" in row]
    only = rows[0] if len(record["polarization"]) == 1 and rows else {}
    columns |= _interval("fit_pd", only.get("pd")) | _interval("fit_pa_deg", only.get("pa_deg"))
    for name, ending in (("fit_photon_index", "phoindex"), ("fit_nh", "nh")):
        named = [r for key, r in record["parameters"].items()
                 if key.rpartition(".")[2].lower() == ending]  # fmt: skip
        columns |= _interval(name, named[0] if len(named) == 1 else None)
    return columns


def _interval(name: str, record: Mapping[str, Any] | None) -> dict[str, Any]:
    found = record or {"value": None, "lower": None, "upper": None}
    return {
        name: found["value"], f"{name}_lower": found["lower"], f"{name}_upper": found["upper"],
    }  # fmt: skip


SPECTROPOLARIMETRY = Stage(
    "spectropolarimetry", "2", run_spectropolarimetry, outputs=(JSON, FIGURES, CHAINS),
    inputs=("spectra",),
    parameters={
        "spectropolarimetry": SpectropolarimetryParameters, "spectral_models": ModelSettings,
        "flux": FluxParameters, "mcmc": PosteriorSection,
    },
    helpers=(
        "xsurvey.inference", "xsurvey.io.json_values", "xsurvey.io.ogip",
        "xsurvey.pipelines.polarization.spectra_parameters",
        "xsurvey.pipelines.polarization.stokes_spectra_stage",
        "xsurvey.pipelines.spectropolarimetry.fit_files",
        "xsurvey.pipelines.spectropolarimetry.posterior",
        "xsurvey.pipelines.spectropolarimetry.reading", "xsurvey.polarization.significance",
        "xsurvey.polarization.spectra", "xsurvey.report.chain_axes", "xsurvey.report.plate",
        "xsurvey.report.spectrum_axes", "xsurvey.report.stokes_axes", "xsurvey.spectra",
        "xsurvey.units",
    ),
    needs_all=False,
)  # fmt: skip
