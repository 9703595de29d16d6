"""The stage ``catalog``: three tables of what all stacks measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import Field

from xsurvey.engine import Stage, TaskContext
from xsurvey.imaging.stack_parameters import StackParameters
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.columns import with_columns
from xsurvey.pipelines.products.columns import with_products
from xsurvey.pipelines.source_products import CATALOG_FILES, write_catalog
from xsurvey.pipelines.spectra.columns import CATALOG_PART, with_spectra
from xsurvey.pipelines.spectra.parameters import SpectraParameters


class CatalogParameters(StepParameters):
    """How the catalog is named."""

    acronym: str = Field(
        default="XSV", pattern=r"^[A-Za-z][A-Za-z0-9]{2,}$",
        description="Prefix of the IAU designations, three characters or more.",
    )  # fmt: skip


class TileGroups(StepParameters):
    """The name that tiles of the same observations have in common, by stack."""

    groups: dict[str, str] = Field(default={}, description="Stack to name.")


def run_catalog(context: TaskContext) -> dict[str, Any]:
    """Join the measurements into the catalog."""
    groups = context.section(TileGroups).groups
    measured = [json.loads(path.read_text()) for path in context.paths("measured")]
    measured = [{**one, "group": groups.get(one["target"], one["target"])} for one in measured]
    columns = _files(context, "columns")
    measured = [with_columns(one, columns) for one in measured]
    parts = []
    spectra = context.section(SpectraParameters)
    if spectra.sources:
        found = [json.loads(p.read_text()) for p in context.paths("fits")]
        fits = {one["target"]: one for one in found}
        measured = [with_spectra(one, fits.get(one["target"]), spectra) for one in measured]
        parts.append(CATALOG_PART)
    indices = [json.loads(p.read_text()) for p in _files(context, "products")]
    files = {one["target"]: one for one in indices}
    measured = [with_products(one, files.get(one["target"])) for one in measured]
    tables = write_catalog(
        context.folder, measured, context.section(CatalogParameters).acronym, parts,
        context.section(StackParameters).match_systematic,
    )  # fmt: skip
    return {
        "sources": len(tables.sources), "detections": len(tables.detections),
        "observations": len(tables.observations),
    }  # fmt: skip


def _files(context: TaskContext, name: str) -> list[Path]:
    return context.paths(name) if name in context.inputs else []


CATALOG = Stage(
    "catalog", "6", run_catalog, outputs=CATALOG_FILES, inputs=("measured",),
    optional_inputs=("columns", "fits", "products"),
    parameters={
        "catalog": CatalogParameters, "spectra": SpectraParameters, "stacking": StackParameters,
        "tiles": TileGroups,
    },
    helpers=(
        "xsurvey.catalogs", "xsurvey.pipelines.source_products",
        "xsurvey.pipelines.source_tables", "xsurvey.pipelines.spectra.columns",
        "xsurvey.pipelines.columns", "xsurvey.pipelines.products.columns",
        "xsurvey.pipelines.products.places",
    ),
    needs_all=False,
)  # fmt: skip
