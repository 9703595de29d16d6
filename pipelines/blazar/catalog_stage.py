"""The stage ``sed_catalog``: tables of the sources, of fitted models, and of their parameters."""

from __future__ import annotations

import json
from typing import Any

from xsurvey import __version__
from xsurvey.catalogs import assign_names, build_table, write_fits, write_hats
from xsurvey.engine import Stage, TaskContext
from xsurvey.pipelines.blazar.catalog_rows import (
    PART,
    fit_rows,
    fit_rows_without_points,
    parameter_rows,
    source_row,
    source_row_without_points,
)
from xsurvey.pipelines.blazar.parameters import (
    BlazarCatalogParameters,
    BlazarSourcesParameters,
    ComparedModelsParameters,
)

_TABLES = {"sources": "hats", "sed_fits": "hats_sed_fits", "sed_parameters": "hats_sed_parameters"}
_FILES = tuple(name for table, hats in _TABLES.items() for name in (f"{table}.fits", hats))


def run_catalog(context: TaskContext) -> dict[str, Any]:
    """Join what was found of all sources into the catalog; those without points have rows, too."""
    places = context.section(BlazarSourcesParameters).places
    models = list(context.section(ComparedModelsParameters).compared)
    points = {r["source"]: r for r in _records(context, "points")}
    fits = _records(context, "fits")
    comparisons = {r["source"]: r for r in _records(context, "comparisons")}
    positions = [place.position for place in places.values()]
    names = assign_names(
        [p.ra for p in positions], [p.dec for p in positions],
        context.section(BlazarCatalogParameters).acronym,
    )  # fmt: skip
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in _TABLES}
    for (source, place), name in zip(places.items(), names, strict=True):
        record = points.get(source)
        if record is None:
            about = (source, place.position._asdict(), place.redshift)
            rows["sources"].append(source_row_without_points(*about, name))
            rows["sed_fits"] += fit_rows_without_points(*about, models, name)
            continue
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
    "sed_catalog", "2", run_catalog, outputs=_FILES,
    # none is needed: a catalog has all sources that were asked for
    optional_inputs=("points", "fits", "comparisons"),
    parameters={
        "sources": BlazarSourcesParameters, "models": ComparedModelsParameters,
        "catalog": BlazarCatalogParameters,
    },
    helpers=(
        "xsurvey.catalogs", "xsurvey.pipelines.blazar.catalog_rows",
        "xsurvey.pipelines.blazar.comparison_record",
    ),
    needs_all=False,
)  # fmt: skip
