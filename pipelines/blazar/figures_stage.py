"""The stage ``sed_figures``: spectra and polarization of a source with its models, and corners."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from xsurvey.engine import Stage, TaskContext
from xsurvey.pipelines.blazar.light_file import read_light
from xsurvey.pipelines.blazar.sample_file import read_samples
from xsurvey.pipelines.blazar.source_files import own_points, read_points
from xsurvey.report.chain_axes import corner_figure
from xsurvey.report.light import light_png
from xsurvey.report.plate import PAPER_DPI, png_bytes
from xsurvey.report.sed_light_axes import models_figure
from xsurvey.sed.fitting.predicted_light import PredictedLight
from xsurvey.sed.fitting.sed_parameters import SedPointParameters
from xsurvey.sed.polarization.table import read_polarization
from xsurvey.sed.tables.points import select_points
from xsurvey.sed.tables.table import read_sed

FIGURES, PAPER = "figures", "light"
MODELS, SED_OF, CORNER_OF = "models", "sed_{}", "corner_{}"


def run_figures(context: TaskContext) -> dict[str, Any]:
    """Draw the models of a source, each on black and, for papers, on white."""
    folder = context.folder / FIGURES
    (folder / PAPER).mkdir(parents=True)
    fits = [json.loads(path.read_text()) for path in context.paths("fits")]
    light = {
        str(fit["name"]): read_light(path)
        for fit, path in zip(fits, context.paths("light"), strict=True)
    }
    drawn = _spectra(context, light)
    for fit, path in zip(fits, context.paths("samples"), strict=True):
        posterior, _ = read_samples(path)
        if len(posterior.samples):
            best = np.array([fit["parameters"][name]["best_fit"] for name in posterior.names])
            drawn[CORNER_OF.format(fit["name"])] = corner_figure(posterior, best)
    for name, figure in drawn.items():
        (folder / f"{name}.png").write_bytes(png_bytes(figure))
        (folder / PAPER / f"{name}.png").write_bytes(light_png(png_bytes(figure, PAPER_DPI)))
    return {"figures": list(drawn)}


def _spectra(context: TaskContext, light: dict[str, PredictedLight]) -> dict[str, Figure]:
    """Return the figure of all models together, where there are several, and of each."""
    record = read_points(context)
    sed = read_sed(context.path("sed"))
    points = select_points(
        sed, own_points(context.section(SedPointParameters), record["instruments"])
    )
    measured = read_polarization(context.path("polarization")) if record["polarization"] else None
    title = f"{context.target}, z = {record['redshift']:g}"
    figures = {}
    if len(light) > 1:
        figures[MODELS] = models_figure(light, sed, points, measured, title)
    for name, one in light.items():
        figures[SED_OF.format(name)] = models_figure(
            {name: one}, sed, points, measured, f"{title}: {name}"
        )
    return figures


FIGURES_STAGE = Stage(
    "sed_figures", "1", run_figures, outputs=(FIGURES,),
    inputs=("sed", "polarization", "points", "fits", "light", "samples"),
    parameters={"points": SedPointParameters},
    helpers=(
        "xsurvey.inference.posterior_samples", "xsurvey.pipelines.blazar.light_file",
        "xsurvey.pipelines.blazar.sample_file", "xsurvey.pipelines.blazar.source_files",
        "xsurvey.report.chain_axes",
        "xsurvey.report.light", "xsurvey.report.plate", "xsurvey.report.sed_axes",
        "xsurvey.report.sed_light_axes", "xsurvey.report.sed_polarization_axes",
        "xsurvey.report.sed_style", "xsurvey.sed.fitting.predicted_light",
        "xsurvey.sed.polarization", "xsurvey.sed.tables",
    ),
    needs_all=False,
)  # fmt: skip
