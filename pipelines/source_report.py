"""What a run of the sources pipeline leaves for people: catalog folder and report."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table

from xsurvey.catalogs.products import PRODUCTS_NAME
from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.plan import OutputOf, TaskId
from xsurvey.engine.products import record_products
from xsurvey.io.atomic import atomic_output, remove_leftovers
from xsurvey.pipelines.catalog_rows import StackRows
from xsurvey.pipelines.columns import said_of
from xsurvey.pipelines.products.publishing import (
    COVERAGE_NAME,
    list_keys,
    product_folders,
    write_lists,
)
from xsurvey.pipelines.products.report_data import brightest_of, profiles_of, sensitivity_of
from xsurvey.pipelines.published_catalog import run_state
from xsurvey.pipelines.publishing import PublishedFolder, are_published, publish_folders
from xsurvey.pipelines.run_facts import run_facts, write_provenance
from xsurvey.pipelines.spectra.products import spectra_folders, spectra_of_target
from xsurvey.report import ReportData, TargetReport, write_report
from xsurvey.report.data import NotShown

_PUBLISHED = "published.json"
_SIMULATED = "SIMULATED"
"""What `simulate` writes for the name of an object: it has none."""
_MOST_TARGETS, _MOST_SOURCES = 200, 50_000
"""What the page shows before it leaves the rest to the catalog."""


def publish(config: Config, plan: Plan, result: RunResult) -> None:
    """Bring the catalog and the report of a run below its output folder.

    A run that changed nothing since the last time leaves them as they are.
    """
    state = run_state(config, result)
    marker = result.store.root / _PUBLISHED
    catalog = config.output / "catalog"
    report = config.output / "report.html"
    worked = any(outcome.status == "done" for outcome in result.outcomes.values())
    there = marker.exists() and catalog.is_dir() and report.is_file()
    folders = list(_folders(plan, result))
    there = there and are_published(result, folders)
    if there and not worked and marker.read_text() == state:
        return
    marker.unlink(missing_ok=True)
    for path in (catalog, report, marker):
        remove_leftovers(path)
    publish_folders(result, folders)
    rows = _publish_catalog(config, plan, result, catalog)
    joined = [o.key or "" for o in result.outcomes.values() if o.good and o.id.stage == "catalog"]
    record_products(result.store, {catalog: joined})
    lists = [catalog / name for name in (PRODUCTS_NAME, COVERAGE_NAME)]
    keys = list_keys(plan, result)
    record_products(result.store, {path: keys for path in lists if path.is_file()})
    write_report(report, _report_data(config, plan, result, rows))
    record_products(result.store, {report: result.good_keys()})
    with atomic_output(marker) as temporary:
        temporary.write_text(state)


def _folders(plan: Plan, result: RunResult) -> Iterator[PublishedFolder]:
    """Yield all that is published beside the catalog and the report."""
    yield from spectra_folders(plan, result)
    yield from product_folders(plan, result)


def _publish_catalog(
    config: Config, plan: Plan, result: RunResult, folder: Path
) -> StackRows | None:
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
        write_provenance(temporary / "provenance.json", result)
        write_lists(temporary, config, plan, result)
    return StackRows(folder / "sources.fits")


def _report_data(
    config: Config, plan: Plan, result: RunResult, rows: StackRows | None
) -> ReportData:
    shown: list[TargetReport] = []
    others: list[str] = []
    for task in plan.tasks:
        if task.stage.name != "photometry" or not result.outcomes[task.id].good:
            continue
        counts = sum(len(one.sources) for one in shown)
        if len(shown) >= _MOST_TARGETS or counts >= _MOST_SOURCES:
            others.append(task.target)
        elif (target := _target_report(task, plan, result, rows)) is not None:
            shown.append(target)
    return ReportData(
        **run_facts(config, result), targets=shown, not_shown=_not_shown(others, rows),
        table=rows.empty if rows is not None else None,
        catalog_paths=[
            ("Sources (FITS)", "catalog/sources.fits"),
            ("Detections (FITS)", "catalog/detections.fits"),
            ("Observations (FITS)", "catalog/observations.fits"),
            ("HATS catalog", "catalog/hats"), ("DS9 regions", "catalog/sources.reg"),
            *_lists(config),
        ] if rows is not None else [],
    )  # fmt: skip


def _not_shown(targets: Sequence[str], rows: StackRows | None) -> NotShown:
    counts = [rows.counts(name) if rows is not None else (0, 0) for name in targets]
    return NotShown(targets, sum(all_ for all_, _ in counts), sum(m for _, m in counts))


def _lists(config: Config) -> list[tuple[str, str]]:
    known = (("Files (ObsCore)", PRODUCTS_NAME), ("Coverage (MOC)", COVERAGE_NAME))
    folder = config.output / "catalog"
    return [(label, f"catalog/{name}") for label, name in known if (folder / name).is_file()]


def _target_report(
    task: Task, plan: Plan, result: RunResult, catalog: StackRows | None
) -> TargetReport | None:
    """Return what the report shows of a stack, None of one where nothing was exposed."""
    name = task.target
    mosaic = result.path(plan.by_id[TaskId("detect", name)], "mosaic")
    images = sorted(mosaic.glob("counts_*.fits"))
    if not images:
        return None
    band = images[0].stem.removeprefix("counts_")
    seen = _observations(task, plan, result)
    facts = [tuple(pair) for pair in seen[0].facts] if len(seen) == 1 else [
        ("observations", str(len(seen))), *((one.name, one.line()) for one in seen)
    ]  # fmt: skip
    warnings = [
        text if len(seen) == 1 else f"{one.name}: {text}" for one in seen for text in one.warnings
    ]
    measured = json.loads(result.path(task, "measured.json").read_text())
    more, notes = said_of(name, _column_files(name, plan, result))
    facts += more
    warnings += [*measured["notes"], *notes]
    warnings += [f"goes on without {n}, which failed" for n in measured["missing"]]
    rows = catalog.of(name) if catalog is not None else Table()
    spectra = spectra_of_target(plan, result, name)
    return TargetReport(
        name=name, title=" + ".join(dict.fromkeys(one.title for one in seen)),
        facts=facts, warnings=warnings,
        counts=images[0], exposure=mosaic / f"exposure_{band}.fits",
        background=mosaic / f"background_{band}.fits", sources=rows,
        spectra=spectra, **sensitivity_of(plan, result, name),
        brightest=brightest_of(plan, result, name, rows, spectra),
        profiles=profiles_of(plan, result, name),
    )  # fmt: skip


def _column_files(stack: str, plan: Plan, result: RunResult) -> list[Path]:
    """Return the files with which stages add columns to the rows of a stack."""
    given = plan.by_id[TaskId("source_rows", stack)].inputs["columns"]
    assert not isinstance(given, (Path, OutputOf))
    return [
        result.path(one.task, one.name) for one in given
        if isinstance(one, OutputOf) and result.outcomes[one.task.id].good
    ]  # fmt: skip


@dataclass(frozen=True)
class _Seen:
    """What the report says of an observation."""

    name: str
    title: str
    facts: list[list[str]]
    warnings: list[str]

    def line(self) -> str:
        """Return the most important facts in a line."""
        known = {label: value for label, value in self.facts}
        wanted = ("mission", "obs id", "dates", "pointing", "field centre", "livetime")
        return "; ".join(known[label] for label in wanted if label in known)


def _observations(task: Task, plan: Plan, result: RunResult) -> list[_Seen]:
    """Return the observations of a stack whose images were made."""
    images = [plan.by_id[i] for i in plan.upstream[task.id] if i.stage == "image"]
    found = []
    for image in sorted(images, key=plan.tasks.index):
        if not result.outcomes[image.id].good:
            continue
        summary = json.loads(result.path(image, "summary.json").read_text())
        facts = json.loads((result.path(image, "field") / "field.json").read_text())
        named = facts["target"] or facts["obs_id"]
        title = "Simulated field" if named == _SIMULATED else named
        found.append(_Seen(image.target, title, summary["facts"], summary["warnings"]))
    return found
