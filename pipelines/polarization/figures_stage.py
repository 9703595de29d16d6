"""The stage ``polarization_figures``: the figures of a source, of what all stages found of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from xsurvey.engine import Stage, TaskContext
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.report.light import light_png
from xsurvey.report.plate import PAPER_DPI, png_bytes
from xsurvey.report.polarization_sources import polarization_figures, polarization_results
from xsurvey.report.polarization_time import angle_figure

logger = logging.getLogger(__name__)

FOLDER = "figures"
ANGLE = "angle"


def run_figures(context: TaskContext) -> dict[str, Any]:
    """Draw the figures of a source, each on black and, for papers, on white."""
    folder = context.folder / FOLDER
    folder.mkdir()
    drawn = _figures(context)
    for name, figure in drawn.items():
        (folder / f"{name}.png").write_bytes(png_bytes(figure))
        (folder / f"{name}_light.png").write_bytes(light_png(png_bytes(figure, PAPER_DPI)))
    return {"figures": list(drawn)}


def _figures(context: TaskContext) -> dict[str, Figure]:
    records = _read(context, "records")
    pooled = _read(context, "pooled")
    fits = dict(zip([context.target], _read(context, "fit"), strict=False))
    (source,) = polarization_results(records, pooled=pooled, fits=fits, names=[context.target])
    figures = dict(polarization_figures(source))
    companion = next(iter(_read(context, "companion")), None)
    for behaviour in _read(context, "behaviour"):
        observation = str(behaviour["observation"])
        title = f"{context.target}, {observation}"
        figures[angle_name(observation)] = angle_figure(behaviour, companion, title)
    return figures


def angle_name(observation: str) -> str:
    """Return the name of the figure of angle against time of an observation."""
    return f"{ANGLE}_{folder_name(observation)}"


def _read(context: TaskContext, name: str) -> list[Mapping[str, Any]]:
    """Return the records of an input, none where it is not there."""
    paths: list[Path] = context.paths(name) if name in context.inputs else []
    return [json.loads(path.read_text()) for path in paths]


FIGURES = Stage(
    "polarization_figures", "1", run_figures, outputs=(FOLDER,), inputs=(),
    optional_inputs=("records", "pooled", "behaviour", "companion", "fit"),
    helpers=(
        "xsurvey.pipelines.spectra.places", "xsurvey.report.light", "xsurvey.report.plate",
        "xsurvey.report.polarization_energy_axes", "xsurvey.report.polarization_sources",
        "xsurvey.report.polarization_time", "xsurvey.report.stokes_plane",
    ),
    needs_all=False,
)  # fmt: skip
