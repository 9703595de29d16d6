"""The stage ``sed_spectra``: flux points of the spectra of an instrument, without absorption."""

from __future__ import annotations

from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.io.json_values import write_json_values
from xsurvey.parameters import text_naming_keys
from xsurvey.pipelines.blazar.spectrum_files import check_declared, files_in
from xsurvey.pipelines.blazar.spectrum_parameters import BlazarSpectrum
from xsurvey.pipelines.sed.points_files import FluxPointResult, flux_points_of_files
from xsurvey.report.flux_point_axes import flux_point_figure
from xsurvey.report.light import light_png
from xsurvey.report.plate import PAPER_DPI, png_bytes
from xsurvey.sed.flux_points.table import write_flux_points
from xsurvey.spectra.models.settings import ModelSettings

FLUX_POINTS, SPECTRUM_FIT = "points.ecsv", "spectrum.json"
SPECTRUM_FIGURES, SPECTRUM_FIGURE, PAPER = "figures", "points.png", "light"


def spectrum_target(source: str, instrument: str) -> str:
    """Return the target of a task of a source and an instrument; neither name has spaces."""
    return f"{source} {instrument}"


def run_spectrum(context: TaskContext) -> dict[str, Any]:
    """Fit a model to the spectra of an instrument, and make flux points of them."""
    source, instrument = context.target.split(" ")
    spectrum = context.section(BlazarSpectrum)
    result = flux_points_of_files(
        files_in(context), spectrum.fitting(context.optional_path("components")),
        context.section(ModelSettings), spectrum.points(instrument), seed=context.seed,
    )  # fmt: skip
    check_declared(context, [path for read in result.fit.spectra for path in read.paths])
    write_flux_points(result.table, context.folder / FLUX_POINTS)
    summary = result.summary
    record = {
        **summary, "source": source, "object": summary["source"], "instrument": instrument,
        "notes": [
            text_naming_keys(note, context.parameters.values()) for note in summary["notes"]
        ],
    }  # fmt: skip
    write_json_values(context.folder / SPECTRUM_FIT, record)
    _draw(context, result, f"{source}, {instrument}: {summary['model']['expression']}")
    statistic = summary["statistic"]
    return {
        "points": sum(d["points"] for d in summary["data"]),
        "limits": sum(d["limits"] for d in summary["data"]),
        "statistic": statistic["value"], "dof": statistic["dof"],
    }  # fmt: skip


def _draw(context: TaskContext, result: FluxPointResult, title: str) -> None:
    folder = context.folder / SPECTRUM_FIGURES
    (folder / PAPER).mkdir(parents=True)
    figure = flux_point_figure(result.points, result.curves(), title)
    (folder / SPECTRUM_FIGURE).write_bytes(png_bytes(figure))
    (folder / PAPER / SPECTRUM_FIGURE).write_bytes(light_png(png_bytes(figure, PAPER_DPI)))


SED_SPECTRA = Stage(
    "sed_spectra", "1", run_spectrum,
    outputs=(FLUX_POINTS, SPECTRUM_FIT, SPECTRUM_FIGURES), inputs=("files",),
    optional_inputs=("background", "arf", "rmf", "named", "components"),
    parameters={"spectrum": BlazarSpectrum, "spectral_models": ModelSettings},
    helpers=(
        "xsurvey.inference", "xsurvey.io.json_values", "xsurvey.io.ogip",
        "xsurvey.pipelines.blazar.spectrum_files", "xsurvey.pipelines.blazar.spectrum_parameters",
        "xsurvey.pipelines.sed.points_files", "xsurvey.pipelines.spectra.fit_files",
        "xsurvey.pipelines.spectra.reading", "xsurvey.report.flux_point_axes",
        "xsurvey.report.light", "xsurvey.report.plate", "xsurvey.report.sed_style",
        "xsurvey.sed.flux_points", "xsurvey.sed.tables.flux_units", "xsurvey.spectra",
    ),
)  # fmt: skip
