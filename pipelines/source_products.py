"""Products of the sources pipeline: the catalog, its files, the report."""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs import assign_names, build_table, open_catalog, write_fits, write_hats
from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.provenance import versions
from xsurvey.errors import printable
from xsurvey.io.atomic import atomic_output
from xsurvey.report import ReportData, TargetReport, write_report

logger = logging.getLogger(__name__)

CATALOG_NAME = "sources"
_PUBLISHED = "published.json"


def source_table(measured: Sequence[Mapping[str, Any]], acronym: str) -> Table:
    """Join the rows of several observations into one table.

    Parameters
    ----------
    measured : sequence of mapping
        Each with ``rows``, ``bands`` and ``hardness``, as `measure_sources` returns them.
    acronym : str
        Prefix of the IAU designations.
    """
    rows = [dict(row) for one in measured for row in one["rows"]]
    names = assign_names([r["ra"] for r in rows], [r["dec"] for r in rows], acronym)
    for row, name in zip(rows, names, strict=True):
        row["name"] = name
    bands: dict[str, str] = {}
    hardness: dict[str, str] = {}
    for one in measured:
        bands |= one["bands"]
        hardness |= one["hardness"]
    return build_table(rows, "sources", bands, hardness)


def write_catalog(folder: Path, measured: Sequence[Mapping[str, Any]], acronym: str) -> int:
    """Write the catalog as FITS, HATS and a DS9 region file; return the number of sources."""
    table = source_table(measured, acronym)
    header = {"CREATOR": f"xsurvey {__version__}"}
    write_fits(table, folder / "sources.fits", header)
    write_hats(table, folder / "hats", CATALOG_NAME, header)
    (folder / "sources.reg").write_text(region_text(table))
    return len(table)


def region_text(table: Table) -> str:
    """Return a DS9 region file with the aperture of every source."""
    lines = ["# Region file format: DS9", "icrs"]
    for row in table:
        colour = "green" if row["classification"] == "TRUE" else "yellow"
        name = printable(row["name"]).replace("{", "(").replace("}", ")")
        lines.append(
            f'circle({row["ra"]:.6f},{row["dec"]:.6f},{row["psf_radius"]:.3f}") '
            f"# color={colour} text={{{name}}}"
        )
    return "\n".join(lines) + "\n"


def publish(config: Config, plan: Plan, result: RunResult) -> None:
    """Bring the catalog and the report of a run below its output folder.

    A run that changed nothing since the last time leaves them as they are.
    """
    state = _state(config, result)
    marker = result.store.root / _PUBLISHED
    catalog = config.output / "catalog"
    report = config.output / "report.html"
    if marker.exists() and marker.read_text() == state and catalog.is_dir() and report.is_file():
        return
    marker.unlink(missing_ok=True)
    table = _publish_catalog(plan, result, catalog)
    write_report(report, _report_data(config, plan, result, table))
    with atomic_output(marker) as temporary:
        temporary.write_text(state)


def _state(config: Config, result: RunResult) -> str:
    """Return what decides the products: every task's key and fate, and the configuration."""
    tasks = [[*o.id, o.key, o.good, o.cause] for o in result.outcomes.values()]
    text = json.dumps([__version__, tasks, config.as_json()])
    return hashlib.sha256(text.encode()).hexdigest()


def _publish_catalog(plan: Plan, result: RunResult, folder: Path) -> Table | None:
    task = next(t for t in plan.tasks if t.stage.name == "catalog")
    if not result.outcomes[task.id].good:
        # an earlier run's catalog must not pass for this one's
        shutil.rmtree(folder, ignore_errors=True)
        return None
    with atomic_output(folder) as temporary:
        temporary.mkdir()
        for name in task.stage.outputs:
            source = result.path(task, name)
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, temporary / name)
    return open_catalog(folder / "sources.fits").query()


def _report_data(
    config: Config, plan: Plan, result: RunResult, table: Table | None
) -> ReportData:
    targets = [
        _target_report(task, plan, result, table)
        for task in plan.tasks
        if task.stage.name == "photometry" and result.outcomes[task.id].good
    ]
    outcomes = list(result.outcomes.values())
    return ReportData(
        title=f"{config.output.name}: sources", pipeline=config.pipeline, targets=targets,
        table=table, config_text=config.path.read_text(encoding="utf-8", errors="replace"),
        versions=dict(versions()),
        timings=[
            {"stage": o.id.stage, "target": o.id.target, "status": o.status, "seconds": o.seconds}
            for o in outcomes
        ],
        failures=[
            {"target": o.id.target, "stage": o.id.stage, "cause": o.cause or "", "log": ""}
            for o in outcomes if o.status == "failed"
        ],
        catalog_paths=[
            ("FITS table", "catalog/sources.fits"), ("HATS catalog", "catalog/hats"),
            ("DS9 regions", "catalog/sources.reg"),
        ] if table is not None else [],
        summary={},
    )  # fmt: skip


def _target_report(task: Task, plan: Plan, result: RunResult, table: Table | None) -> TargetReport:
    name = task.target
    by_stage = {t.stage.name: t for t in plan.tasks if t.target == name}
    summary = json.loads(result.path(by_stage["image"], "summary.json").read_text())
    field = result.path(by_stage["image"], "field")
    found = result.path(by_stage["detect"], "found")
    facts = json.loads((field / "field.json").read_text())
    band = json.loads((found / "sources.json").read_text())["bands"][0]
    rows = table[table["obs_id"] == facts["obs_id"]] if table is not None else Table()
    return TargetReport(
        name=name, title=facts["target"] or facts["obs_id"],
        facts=[tuple(pair) for pair in summary["facts"]], warnings=summary["warnings"],
        counts=field / f"counts_{band}.fits", exposure=field / f"exposure_{band}.fits",
        background=found / f"background_{band}.fits", sources=rows,
    )  # fmt: skip
