"""The stage ``sed_catalog``: tables of the sources, of fitted models, and of their parameters."""

from __future__ import annotations

import json
from typing import Any

from xsurvey import __version__
from xsurvey.catalogs import assign_names, build_table, write_fits, write_hats
from xsurvey.engine import Stage, TaskContext
from xsurvey.pipelines.blazar.catalog_rows import PART, fit_rows, parameter_rows, source_row
from xsurvey.pipelines.blazar.parameters import BlazarCatalogParameters

_TABLES = {"sources": "hats", "sed_fits": "hats_sed_fits", "sed_parameters": "hats_sed_parameters"}
_FILES = tuple(name for table, hats in _TABLES.items() for name in (f"{table}.fits", hats))


def run_catalog(context: TaskContext) -> dict[str, Any]:
    """Join what was found of all sources into the catalog."""
    points = _records(context, "points")
    fits = _records(context, "fits")
    comparisons = {r["source"]: r for r in _records(context, "comparisons")}
    positions = [record["position"] for record in points]
    names = assign_names(
        [p["ra"] for p in positions], [p["dec"] for p in positions],
        context.section(BlazarCatalogParameters).acronym,
    )  # fmt: skip
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in _TABLES}
    for record, name in zip(points, names, strict=True):
        source = record["source"]
        own, compared = [f for f in fits if f["source"] == source], comparisons.get(source)
        rows["sources"].append(source_row(record, compared, name))
        rows["sed_fits"] += fit_rows(record, compared, name)
        rows["sed_parameters"] += parameter_rows(record, own, compared, name)
    header = {"CREATOR": f"xsurvey {__version__}"}
    for table, hats in _TABLES.items():
        parts = [PART] if table == "sources" else []
        built = build_table(rows[table], table, {}, {}, parts)
        write_fits(built, context.folder / f"{table}.fits", header)
        write_hats(built, context.folder / hats, table, header)
    return {table: len(own) for table, own in rows.items()}


def _records(context: TaskContext, name: str) -> list[dict[str, Any]]:
    paths = context.paths(name) if name in context.inputs else []
    return [json.loads(path.read_text()) for path in paths]


CATALOG_STAGE = Stage(
    "sed_catalog", "1", run_catalog, outputs=_FILES, inputs=("points",),
    optional_inputs=("fits", "comparisons"), parameters={"catalog": BlazarCatalogParameters},
    helpers=(
        "xsurvey.catalogs", "xsurvey.pipelines.blazar.catalog_rows",
        "xsurvey.pipelines.blazar.comparison_record",
    ),
    needs_all=False,
)  # fmt: skip
