"""What a run of the sources pipeline leaves for people: catalog folder and report."""

import hashlib
import json
import os
import shutil
from pathlib import Path

from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs import open_catalog
from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.products import record_products
from xsurvey.engine.provenance import versions
from xsurvey.io.atomic import atomic_output, remove_leftovers
from xsurvey.pipelines.products.publishing import files_are_there, publish_files, write_list
from xsurvey.pipelines.spectra.products import publish_spectra, spectra_are_there, spectra_of_target
from xsurvey.report import ReportData, TargetReport, write_report

_PUBLISHED = "published.json"


def publish(config: Config, plan: Plan, result: RunResult) -> None:
    """Bring the catalog and the report of a run below its output folder.

    A run that changed nothing since the last time leaves them as they are.
    """
    state = _state(config, result)
    marker = result.store.root / _PUBLISHED
    catalog = config.output / "catalog"
    report = config.output / "report.html"
    worked = any(outcome.status == "done" for outcome in result.outcomes.values())
    there = marker.exists() and catalog.is_dir() and report.is_file()
    there = there and spectra_are_there(config, plan, result)
    there = there and files_are_there(config, plan, result)
    if there and not worked and marker.read_text() == state:
        return
    marker.unlink(missing_ok=True)
    for path in (catalog, report, marker):
        remove_leftovers(path)
    publish_spectra(config, plan, result)
    publish_files(config, plan, result)
    table = _publish_catalog(config, plan, result, catalog)
    joined = [o.key or "" for o in result.outcomes.values() if o.good and o.id.stage == "catalog"]
    record_products(result.store, {catalog: joined})
    write_report(report, _report_data(config, plan, result, table))
    record_products(result.store, {report: result.good_keys()})
    with atomic_output(marker) as temporary:
        temporary.write_text(state)


def _state(config: Config, result: RunResult) -> str:
    """Return what decides the products: every task's key and fate, and the configuration."""
    tasks = [[*o.id, o.key, o.good, o.cause] for o in result.outcomes.values()]
    text = json.dumps([__version__, tasks, config.as_json()])
    return hashlib.sha256(text.encode()).hexdigest()


def _publish_catalog(
    config: Config, plan: Plan, result: RunResult, folder: Path
) -> Table | None:
    task = next(t for t in plan.tasks if t.stage.name == "catalog")
    if not result.outcomes[task.id].good:
        # an earlier run's catalog must not pass for this one's; rmtree leaves links alone
        shutil.rmtree(os.path.realpath(folder), ignore_errors=True)
        return None
    with atomic_output(folder) as temporary:
        temporary.mkdir()
        for name in task.stage.outputs:
            source = result.path(task, name)
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, temporary / name)
        (temporary / "provenance.json").write_text(provenance_text(result))
        write_list(temporary, config, plan, result)
    return open_catalog(folder / "sources.fits").query()


def provenance_text(result: RunResult) -> str:
    """Return the manifests of all tasks behind a catalog, as JSON.

    They hold the hashes of the input files, the parameters, seeds and versions; a task refers
    to those before it by their keys.
    """
    manifests = [result.store.manifest(key) for key in result.good_keys()]
    content = {"seed": result.seed, "tasks": manifests}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _report_data(config: Config, plan: Plan, result: RunResult, table: Table | None) -> ReportData:
    targets = [
        _target_report(task, plan, result, table)
        for task in plan.tasks
        if task.stage.name == "photometry" and result.outcomes[task.id].good
    ]
    outcomes = list(result.outcomes.values())
    logs = {(t["stage"], t["target"]): t.get("log") or "" for t in result.as_json()["tasks"]}
    return ReportData(
        title=f"{config.output.name}: sources", pipeline=config.pipeline, targets=targets,
        table=table, config_text=config.path.read_text(encoding="utf-8", errors="replace"),
        versions=dict(versions()),
        timings=[
            {"stage": o.id.stage, "target": o.id.target, "status": o.status, "seconds": o.seconds}
            for o in outcomes
        ],
        failures=[
            {"target": o.id.target, "stage": o.id.stage, "cause": o.cause or "", "log": logs[o.id]}
            for o in outcomes if o.status == "failed"
        ],
        catalog_paths=[
            ("FITS table", "catalog/sources.fits"), ("HATS catalog", "catalog/hats"),
            ("DS9 regions", "catalog/sources.reg"),
        ] if table is not None else [],
        summary={
            "started": result.started, "took": f"{result.seconds:.1f} s",
            "cluster": result.cluster, "seed": result.seed,
        },
    )  # fmt: skip


def _target_report(task: Task, plan: Plan, result: RunResult, table: Table | None) -> TargetReport:
    name = task.target
    by_stage = {t.stage.name: t for t in plan.tasks if t.target == name}
    summary = json.loads(result.path(by_stage["image"], "summary.json").read_text())
    field = result.path(by_stage["image"], "field")
    found = result.path(by_stage["detect"], "found")
    facts = json.loads((field / "field.json").read_text())
    band = json.loads((found / "sources.json").read_text())["bands"][0]
    rows = table[[name == i.rpartition("_")[0] for i in table["source_id"]]] if table else Table()
    return TargetReport(
        name=name, title=facts["target"] or facts["obs_id"],
        facts=[tuple(pair) for pair in summary["facts"]], warnings=summary["warnings"],
        counts=field / f"counts_{band}.fits", exposure=field / f"exposure_{band}.fits",
        background=found / f"background_{band}.fits", sources=rows,
        spectra=spectra_of_target(plan, result, name),
    )  # fmt: skip
