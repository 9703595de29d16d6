"""The stage ``polarization_catalog``: tables of the sources, and of their polarization."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from astropy.table import Table
from astropy.units import Unit

from xsurvey import __version__
from xsurvey.catalogs import assign_names, build_table, write_fits, write_hats
from xsurvey.engine import Stage, TaskContext
from xsurvey.pipelines.polarization.catalog_rows import (
    PART,
    SUMS,
    fit_columns,
    in_order,
    polarization_rows,
    source_row,
)
from xsurvey.pipelines.polarization.parameters import PolarizationCatalogParameters
from xsurvey.pipelines.polarization.stokes_files import POOLED

_FILES = ("sources.fits", "hats", "polarization.fits", "hats_polarization")


def run_catalog(context: TaskContext) -> dict[str, Any]:
    """Join what was measured of all sources into the catalog."""
    records = in_order(_records(context, "results"))
    together = [r for r in records if r["observation"] == POOLED]
    names = _names(together, context.section(PolarizationCatalogParameters).acronym)
    fits = {r["source"]: r for r in _records(context, "fits")}
    sources = [
        source_row(r, names[r["source"]]) | fit_columns(fits.get(r["source"])) for r in together
    ]
    rows = [
        row for r in records if r["source"] in names
        for row in polarization_rows(r, names[r["source"]])
    ]  # fmt: skip
    header = {"CREATOR": f"xsurvey {__version__}"}
    tables = {
        "sources": build_table(sources, "sources", {}, {}, [PART]),
        "polarization": _with_units(build_table(rows, "polarization", {})),
    }
    for name, hats in (("sources", "hats"), ("polarization", "hats_polarization")):
        write_fits(tables[name], context.folder / f"{name}.fits", header)
        write_hats(tables[name], context.folder / hats, name, header)
    return {"sources": len(sources), "rows": len(rows)}


def _records(context: TaskContext, name: str) -> list[dict[str, Any]]:
    paths = context.paths(name) if name in context.inputs else []
    return [json.loads(path.read_text()) for path in paths]


def _names(records: Sequence[Mapping[str, Any]], acronym: str) -> dict[str, str]:
    positions = [r["position"] for r in records]
    names = assign_names([p["ra"] for p in positions], [p["dec"] for p in positions], acronym)
    return {r["source"]: name for r, name in zip(records, names, strict=True)}


def _with_units(table: Table) -> Table:
    """Return a table whose sums are per cm2 where all its rows are corrected for the acceptance."""
    if len(table) and table["acceptance_correction"].all():
        for name in SUMS:
            table[name].unit = Unit("ct / cm2")
    return table


CATALOG = Stage(
    "polarization_catalog", "1", run_catalog, outputs=_FILES, inputs=("results",),
    optional_inputs=("fits",),
    parameters={"catalog": PolarizationCatalogParameters},
    helpers=(
        "xsurvey.catalogs", "xsurvey.pipelines.polarization.catalog_rows",
        "xsurvey.polarization.stokes",
    ),
    needs_all=False,
)  # fmt: skip
