"""The stage ``catalog``: three tables of what all stacks measured."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from xsurvey.engine import Stage, TaskContext
from xsurvey.imaging.stack_parameters import StackParameters
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.source_pieces import open_piece
from xsurvey.pipelines.source_products import CATALOG_FILES, write_catalog
from xsurvey.pipelines.source_rows_stage import ROWS


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
    """Join what all stacks give into the catalog."""
    pieces = [open_piece(path) for path in context.paths(ROWS)]
    return write_catalog(
        context.folder, pieces, context.section(CatalogParameters).acronym,
        context.section(TileGroups).groups, context.section(StackParameters).match_systematic,
    )  # fmt: skip


CATALOG = Stage(
    "catalog", "6", run_catalog, outputs=CATALOG_FILES, inputs=(ROWS,),
    parameters={
        "catalog": CatalogParameters, "stacking": StackParameters, "tiles": TileGroups,
    },
    helpers=(
        "xsurvey.catalogs", "xsurvey.pipelines.source_products",
        "xsurvey.pipelines.source_gathering", "xsurvey.pipelines.source_join",
        "xsurvey.pipelines.source_linking", "xsurvey.pipelines.source_pieces",
        "xsurvey.pipelines.source_records",
    ),
    needs_all=False,
)  # fmt: skip
