"""The stage ``sed_comparison``: the models of a source compared."""

from __future__ import annotations

import json
from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.blazar.comparison_record import comparison_record
from xsurvey.pipelines.blazar.parameters import ComparedModelsParameters

COMPARISON = "comparison.json"


def run_comparison(context: TaskContext) -> dict[str, Any]:
    """Compare the models of a source; those that failed are in it, without numbers."""
    record = comparison_record(
        context.target, list(context.section(ComparedModelsParameters).compared),
        _records(context, "fits"), _records(context, "evidences"), context.missing,
    )  # fmt: skip
    write_json_values(context.folder / COMPARISON, record)
    favoured = record["favoured"] or {"name": None, "ln_bayes": None, "ln_bayes_error": None}
    return {
        "fitted": sum(row["fitted"] for row in record["models"]), "favoured": favoured["name"],
        "ln_bayes": favoured["ln_bayes"], "ln_bayes_error": favoured["ln_bayes_error"],
    }  # fmt: skip


def _records(context: TaskContext, name: str) -> list[dict[str, Any]]:
    paths = context.paths(name) if name in context.inputs else []
    return [json.loads(path.read_text()) for path in paths]


COMPARISON_STAGE = Stage(
    "sed_comparison", "2", run_comparison, outputs=(COMPARISON,),
    # a source none of whose models could be fitted has its rows, too
    inputs=("points",), optional_inputs=("fits", "evidences"),
    parameters={"models": ComparedModelsParameters},
    helpers=(
        "xsurvey.io.json_values", "xsurvey.pipelines.blazar.comparison_record",
        "xsurvey.sed.fitting.model_comparison",
    ),
    needs_all=False,
)  # fmt: skip
