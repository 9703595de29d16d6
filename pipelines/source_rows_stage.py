"""The stage ``source_rows``: what a stack gives to the catalog, columns of all stages together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.pipelines.columns import with_columns
from xsurvey.pipelines.products.columns import with_products
from xsurvey.pipelines.source_pieces import piece_of, write_piece
from xsurvey.pipelines.spectra.columns import CATALOG_PART, with_spectra
from xsurvey.pipelines.spectra.parameters import SpectraParameters

ROWS = "rows"
"""Name of the output: a folder, as `xsurvey.pipelines.source_pieces` describes it."""


def run_source_rows(context: TaskContext) -> dict[str, Any]:
    """Put together what was measured of the sources of a stack."""
    measured = json.loads(context.path("measured").read_text())
    measured = with_columns(measured, _files(context, "columns"))
    parts = []
    spectra = context.section(SpectraParameters)
    if spectra.sources:
        measured = with_spectra(measured, _one(_files(context, "fits")), spectra)
        parts.append(CATALOG_PART)
    measured = with_products(measured, _one(_files(context, "products")))
    write_piece(context.folder / ROWS, piece_of(measured, parts))
    return {"sources": len(measured["rows"])}


def _files(context: TaskContext, name: str) -> list[Path]:
    return context.paths(name) if name in context.inputs else []


def _one(found: list[Path]) -> Any:
    """Return the content of the file of a stage, None where that failed or was not asked for."""
    return json.loads(found[0].read_text()) if found else None


SOURCE_ROWS = Stage(
    "source_rows", "1", run_source_rows, outputs=(ROWS,), inputs=("measured",),
    optional_inputs=("columns", "fits", "products"), parameters={"spectra": SpectraParameters},
    helpers=(
        "xsurvey.catalogs.build", "xsurvey.catalogs.columns", "xsurvey.catalogs.schema",
        "xsurvey.pipelines.columns", "xsurvey.pipelines.products.columns",
        "xsurvey.pipelines.products.places", "xsurvey.pipelines.source_pieces",
        "xsurvey.pipelines.spectra.columns",
    ),
    needs_all=False,
)  # fmt: skip
