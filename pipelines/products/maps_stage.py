"""The stage ``maps``: images of a stack for everybody, and what part of the sky it covers."""

from __future__ import annotations

import json
from typing import Any

from xsurvey.detection.found_store import read_found
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.engine import Stage, TaskContext
from xsurvey.pipelines.products.maps import centre, stack_maps, write_maps
from xsurvey.pipelines.products.stage import INDEX
from xsurvey.pipelines.stack_reading import READING, STACK_INPUTS, STACK_SECTIONS, read_stack


def run_maps(context: TaskContext) -> dict[str, Any]:
    """Write the maps of a stack, and an index of them."""
    stack = read_stack(context)
    folder = context.folder / "maps"
    folder.mkdir()
    index: dict[str, Any] = {"target": context.target, "entries": []}
    if stack.fields:  # else a corner of a survey that no observation exposed
        backgrounds = read_found(context.path("found")).backgrounds
        maps = stack_maps(stack, backgrounds, context.section(DetectionParameters))
        entries, curves = write_maps(folder, stack, maps)
        index |= {"entries": [e.as_json() for e in entries], "centre": centre(stack)}
        index["curves"] = curves
    (context.folder / INDEX).write_text(json.dumps(index, allow_nan=False))
    return {"maps": len(index["entries"])}


MAPS = Stage(
    "maps", "1", run_maps, outputs=("maps", INDEX), inputs=(*STACK_INPUTS, "found"),
    parameters={**STACK_SECTIONS, "detection": DetectionParameters},
    helpers=(
        *READING, "xsurvey.detection.aperture", "xsurvey.detection.found_store",
        "xsurvey.detection.matched_filter",
        "xsurvey.detection.poisson_tail", "xsurvey.detection.profiles",
        "xsurvey.detection.resolution", "xsurvey.detection.sensitivity",
        "xsurvey.detection.significance", "xsurvey.imaging.stack_images",
        "xsurvey.imaging.coverage", "xsurvey.pipelines.products.entries",
        "xsurvey.pipelines.products.maps", "xsurvey.psf",
    ),
    needs_all=False,
)  # fmt: skip
