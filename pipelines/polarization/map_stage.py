"""The stage ``polarization_map``: the polarization of every pixel of an observation."""

from __future__ import annotations

from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.polarization.cell_stage import HELPERS, history, named_background, of_cells
from xsurvey.pipelines.polarization.map_files import map_of_events
from xsurvey.pipelines.polarization.source_events import (
    OPTIONAL_INPUTS,
    READING,
    SOURCE_INPUTS,
    SOURCE_SECTIONS,
    read_source,
)
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.space.map_parameters import MapSection

TABLE, JSON, FIGURE = "map.fits", "map.json", "map.png"


def run_map(context: TaskContext) -> dict[str, Any]:
    """Map the polarization of an observation; its background is that of the source given."""
    source = read_source(context)
    mapping = context.section(MapSection)
    parameters, notes = of_cells(context.section(PolarizationParameters))
    record = map_of_events(
        source.events, parameters, mapping, background=named_background(context, source),
        output=context.folder / TABLE, figure=context.folder / FIGURE, vectors=mapping.vectors,
        seed=context.seed, history=history(context, (parameters, mapping)),
    )  # fmt: skip
    files = [path.name for path in context.paths("events")]
    record |= {"observation": context.target, "files": files, "notes": [*notes, *record["notes"]]}
    write_json_values(context.folder / JSON, record)
    return {"pixels": [one["pixels"] for one in record["bins"]]}


MAP = Stage(
    "polarization_map", "1", run_map, outputs=(TABLE, JSON, FIGURE), inputs=SOURCE_INPUTS,
    optional_inputs=OPTIONAL_INPUTS,
    parameters={
        **SOURCE_SECTIONS, "polarization": PolarizationParameters, "map": MapSection,
    },
    helpers=(
        *READING, *HELPERS, "xsurvey.pipelines.polarization.map_files",
        "xsurvey.report.display", "xsurvey.report.polarization_maps",
        "xsurvey.report.sky_axes",
    ),
)  # fmt: skip
