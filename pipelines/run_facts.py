"""What a report and a catalog say of the run that they are of."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from astropy.table import Table

from xsurvey.config import Config
from xsurvey.engine import RunResult
from xsurvey.engine.provenance import versions
from xsurvey.report import ReportData


def write_provenance(path: Path, result: RunResult) -> None:
    """Write the manifests of all tasks behind a catalog as JSON, one at a time.

    They hold the hashes of the input files, the parameters, seeds and versions; a task refers
    to those before it by their keys.
    """
    with path.open("w") as stream:
        stream.write(f'{{\n "seed": {json.dumps(result.seed)},\n "tasks": [')
        separator = ""
        for key in result.good_keys():
            manifest = json.dumps(result.store.manifest(key), indent=1, allow_nan=False)
            stream.write(f"{separator}\n{textwrap.indent(manifest, '  ')}")
            separator = ","
        stream.write(("\n " if separator else "") + "]\n}\n")


def run_facts(config: Config, result: RunResult) -> dict[str, Any]:
    """Return those fields of `xsurvey.report.ReportData` that are the run's, of any pipeline."""
    outcomes = list(result.outcomes.values())
    return {
        "title": f"{config.output.name}: {config.pipeline}", "pipeline": config.pipeline,
        "config_text": config.path.read_text(encoding="utf-8", errors="replace"),
        "versions": dict(versions()),
        "timings": [
            {"stage": o.id.stage, "target": o.id.target, "status": o.status, "seconds": o.seconds}
            for o in outcomes
        ],
        "failures": [
            {
                "target": o.id.target, "stage": o.id.stage, "cause": o.cause or "",
                "log": result.log_of(o) or "",
            }
            for o in result.failed
        ],
        "summary": {
            "started": result.started, "took": f"{result.seconds:.1f} s",
            "cluster": result.cluster, "seed": result.seed,
        },
    }  # fmt: skip


def run_with_catalog(
    config: Config, result: RunResult, table: Table | None, paths: Sequence[tuple[str, str]]
) -> ReportData:
    """Return what the page says of a run that has no targets of its own kind.

    Parameters
    ----------
    config, result
    table : Table or None
        Sources; None where the catalog failed.
    paths : sequence of (str, str)
        Labels of the catalog's files, and their paths below the output folder.
    """
    return ReportData(
        **run_facts(config, result), targets=[], table=table,
        catalog_paths=list(paths) if table is not None else [],
    )  # fmt: skip
