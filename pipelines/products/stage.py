"""The stage ``products``: files of the sources of one stack."""

from __future__ import annotations

import json
from typing import Any

from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.engine import Stage, TaskContext
from xsurvey.missions.selection import SelectionParameters
from xsurvey.pipelines.products.parameters import ProductParameters
from xsurvey.pipelines.products.reading import read_backgrounds, read_stack
from xsurvey.pipelines.products.writing import StackProducts

INDEX = "index.json"


def run_products(context: TaskContext) -> dict[str, Any]:
    """Write the files of the chosen sources of a stack, and an index of them."""
    folder = context.folder / "products"
    folder.mkdir()
    measured = json.loads(context.path("measured").read_text())
    products = StackProducts(
        folder, read_stack(context), read_backgrounds(context), measured,
        context.section(ProductParameters), context.section(PhotometryParameters),
    )  # fmt: skip
    entries = products.write()
    left_out = len(measured["rows"]) - len(products.chosen)
    index = {"target": context.target, "entries": [e.as_json() for e in entries]}
    (context.folder / INDEX).write_text(json.dumps(index, allow_nan=False))
    return {"sources": len(products.chosen), "files": len(entries), "left_out": left_out}


PRODUCTS = Stage(
    "products", "1", run_products, outputs=("products", INDEX),
    inputs=("events", "fields", "found", "measured"),
    parameters={
        "selection": SelectionParameters, "photometry": PhotometryParameters,
        "products": ProductParameters,
    },
    helpers=(
        "xsurvey.events", "xsurvey.good_times", "xsurvey.imaging.cutout",
        "xsurvey.imaging.psf_image", "xsurvey.io.fits_file", "xsurvey.missions",
        "xsurvey.pipelines.products.entries", "xsurvey.pipelines.products.event_files",
        "xsurvey.pipelines.products.flux_files", "xsurvey.pipelines.products.image_files",
        "xsurvey.pipelines.products.places", "xsurvey.pipelines.products.posteriors",
        "xsurvey.pipelines.products.reading", "xsurvey.pipelines.products.region_files",
        "xsurvey.pipelines.products.writing", "xsurvey.psf",
    ),
)  # fmt: skip
