"""The stage ``polarization_radial``: polarization in annuli about the position of a source."""

from __future__ import annotations

from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.polarization.cell_stage import HELPERS, history, named_background, of_cells
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.pipelines.polarization.radial_files import profile_of_events
from xsurvey.pipelines.polarization.source_events import (
    OPTIONAL_INPUTS,
    READING,
    SOURCE_INPUTS,
    SOURCE_SECTIONS,
    names_of,
    read_source,
)
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.space.map_parameters import RadialParameters, RadialSection

TABLE, JSON, FIGURE = "radial.fits", "radial.json", "radial.png"


def run_radial(context: TaskContext) -> dict[str, Any]:
    """Measure the polarization in annuli about a source in one observation."""
    source = read_source(context)
    radial = radial_parameters(context)
    parameters, notes = of_cells(context.section(PolarizationParameters))
    record = profile_of_events(
        source.events, parameters, radial, background=named_background(context, source),
        output=context.folder / TABLE, figure=context.folder / FIGURE, seed=context.seed,
        history=history(context, (parameters, radial)),
    )  # fmt: skip
    name, observation = names_of(context.target)
    files = [path.name for path in context.paths("events")]
    notes += record["notes"]
    record |= {"source": name, "observation": observation, "files": files, "notes": notes}
    write_json_values(context.folder / JSON, record)
    return {"cells": len(record["annuli"])}


def radial_parameters(context: TaskContext) -> RadialParameters:
    """Return the annuli about the source, with the map of angles where the plan found it."""
    position = context.section(PolarizedSource).position
    radial = context.section(RadialSection).about(position)
    if radial.model_map is None:
        return radial
    return radial.model_copy(update={"model_map": context.path("model_map")})


RADIAL = Stage(
    "polarization_radial", "1", run_radial, outputs=(TABLE, JSON, FIGURE), inputs=SOURCE_INPUTS,
    optional_inputs=(*OPTIONAL_INPUTS, "model_map"),
    parameters={
        **SOURCE_SECTIONS, "polarization": PolarizationParameters, "radial": RadialSection,
    },
    helpers=(
        *READING, *HELPERS, "xsurvey.pipelines.polarization.radial_files",
        "xsurvey.polarization.intervals", "xsurvey.polarization.records",
        "xsurvey.report.polarization_profile_axes",
        "xsurvey.report.profile_axes",
    ),
)  # fmt: skip
