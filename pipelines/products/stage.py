"""The stage ``products``: files of the sources of one stack."""

from __future__ import annotations

import json
from typing import Any

from xsurvey.detection.found_store import read_found
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.posterior_store import read_posteriors
from xsurvey.engine import Stage, TaskContext
from xsurvey.pipelines.products.parameters import ProductParameters
from xsurvey.pipelines.products.writing import StackProducts
from xsurvey.pipelines.stack_reading import READING, STACK_INPUTS, STACK_SECTIONS, read_stack

INDEX = "index.json"


def run_products(context: TaskContext) -> dict[str, Any]:
    """Write the files of the chosen sources of a stack, and an index of them."""
    folder = context.folder / "products"
    folder.mkdir()
    measured = json.loads(context.path("measured").read_text())
    stack = read_stack(context)
    backgrounds = read_found(context.path("found")).backgrounds if stack.fields else {}
    products = StackProducts(
        folder, stack, backgrounds, measured, read_posteriors(context.path("posteriors")),
        context.section(ProductParameters), context.section(PhotometryParameters),
        context.section(DetectionParameters), context.optional_path("light_curves"),
    )  # fmt: skip
    entries = products.write()
    left_out = len(measured["rows"]) - len(products.chosen)
    index = {"target": context.target, "entries": [e.as_json() for e in entries]}
    (context.folder / INDEX).write_text(json.dumps(index, allow_nan=False))
    return {"sources": len(products.chosen), "files": len(entries), "left_out": left_out}


PRODUCTS = Stage(
    "products", "1", run_products, outputs=("products", INDEX),
    inputs=(*STACK_INPUTS, "found", "measured", "posteriors"), optional_inputs=("light_curves",),
    parameters={
        **STACK_SECTIONS, "detection": DetectionParameters, "photometry": PhotometryParameters,
        "products": ProductParameters,
    },
    helpers=(
        *READING, "xsurvey.detection.found_store", "xsurvey.detection.posterior_store",
        "xsurvey.detection.resolution", "xsurvey.imaging.cutout", "xsurvey.imaging.psf_image",
        "xsurvey.pipelines.products.entries", "xsurvey.pipelines.products.event_files",
        "xsurvey.pipelines.products.flux_files", "xsurvey.pipelines.products.image_files",
        "xsurvey.pipelines.products.places", "xsurvey.pipelines.products.posteriors",
        "xsurvey.pipelines.products.region_files", "xsurvey.pipelines.products.writing",
        "xsurvey.psf",
    ),
    needs_all=False,
)  # fmt: skip
