"""What a run of the pipeline ``blazar`` leaves for people: catalog, files, report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from astropy.table import Table

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.products import record_products
from xsurvey.io.atomic import atomic_output, remove_leftovers
from xsurvey.pipelines.blazar.catalog_stage import CATALOG_STAGE
from xsurvey.pipelines.blazar.comparison_stage import COMPARISON, COMPARISON_STAGE
from xsurvey.pipelines.blazar.evidence_stage import EVIDENCE, EVIDENCE_STAGE
from xsurvey.pipelines.blazar.figures_stage import FIGURES, FIGURES_STAGE
from xsurvey.pipelines.blazar.fit_stage import FIT_STAGE, names_of
from xsurvey.pipelines.blazar.points_stage import POINTS
from xsurvey.pipelines.blazar.report_data import blazar_report
from xsurvey.pipelines.blazar.spectrum_stage import SED_SPECTRA
from xsurvey.pipelines.published_catalog import (
    CATALOG,
    products_are_there,
    publish_catalog,
    run_state,
)
from xsurvey.pipelines.publishing import (
    PublishedFolder,
    are_published,
    files_below,
    publish_folders,
)
from xsurvey.pipelines.run_facts import run_facts
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.report import ReportData
from xsurvey.report.blazar import write_blazar_report

REPORT = "report.html"
SOURCES = "blazars"
_PUBLISHED = "published.json"
_CATALOG_PATHS = [
    ("Sources (FITS)", "catalog/sources.fits"), ("Sources (HATS)", "catalog/hats"),
    ("Fitted models (FITS)", "catalog/sed_fits.fits"),
    ("Fitted models (HATS)", "catalog/hats_sed_fits"),
    ("Parameters (FITS)", "catalog/sed_parameters.fits"),
    ("Parameters (HATS)", "catalog/hats_sed_parameters"),
]  # fmt: skip
OF_SOURCE: Mapping[str, Sequence[str]] = {
    POINTS.name: POINTS.outputs, COMPARISON_STAGE.name: (COMPARISON,),
    FIGURES_STAGE.name: (FIGURES,),
}  # fmt: skip
"""To ``blazars/SOURCE/all``."""
TOGETHER = "all"


def publish(config: Config, plan: Plan, result: RunResult) -> None:
    """Bring the products of a run below its output folder.

    A run that changed nothing since the last time leaves them as they are. What an earlier run
    published and this one did not make goes away.
    """
    state = run_state(config, result)
    marker = result.store.root / _PUBLISHED
    folders = published_folders(plan, result)
    worked = any(outcome.status == "done" for outcome in result.outcomes.values())
    there = marker.exists() and products_are_there(result) and are_published(result, folders)
    if there and not worked and marker.read_text() == state:
        return
    marker.unlink(missing_ok=True)
    for name in (CATALOG, REPORT):
        remove_leftovers(config.output / name)
    publish_folders(result, folders)
    table = publish_catalog(plan, result, CATALOG_STAGE.name)
    report = config.output / REPORT
    run = _run_of(config, result, table)
    write_blazar_report(report, blazar_report(config, plan, result, run, _links(folders)))
    record_products(result.store, {report: result.good_keys()})
    with atomic_output(marker) as temporary:
        temporary.write_text(state)


def published_folders(plan: Plan, result: RunResult) -> list[PublishedFolder]:
    """Return the folders of a run, each with the files of all stages that have some in it."""
    folders: dict[str, PublishedFolder] = {}
    for task in plan.tasks:
        outcome = result.outcomes[task.id]
        if not outcome.good:
            continue
        for folder, output, name in _places(task):
            path = result.path(task, output)
            below = files_below(path) if path.is_dir() else {"": path}
            files = {"/".join(p for p in (name, inside) if p): f for inside, f in below.items()}
            key = outcome.key or ""
            before = folders.get(folder, PublishedFolder(folder, key, {}))
            folders[folder] = PublishedFolder(
                folder, before.key, {**before.files, **files},
                {**before.keys_of, **dict.fromkeys(files, key)},
            )  # fmt: skip
    return list(folders.values())


def _places(task: Task) -> Iterator[tuple[str, str, str]]:
    """Yield where outputs of a task are published: folder, output, name there."""
    stage = task.stage.name
    for output in OF_SOURCE.get(stage, ()):
        yield f"{SOURCES}/{folder_name(task.target)}/{TOGETHER}", output, output
    if stage == SED_SPECTRA.name:
        source, instrument = task.target.split(" ")
        folder = f"{SOURCES}/{folder_name(source)}/spectra/{folder_name(instrument)}"
        yield from ((folder, output, output) for output in SED_SPECTRA.outputs)
    if stage not in (FIT_STAGE.name, EVIDENCE_STAGE.name):
        return
    source, model = names_of(task.target)
    folder = f"{SOURCES}/{folder_name(source)}/models/{folder_name(model)}"
    if stage == FIT_STAGE.name:
        yield from ((folder, output, output) for output in FIT_STAGE.outputs)
    else:
        width = task.target.rpartition(" ")[2]
        yield folder, EVIDENCE, f"evidence_width_{width}.json"


def _run_of(config: Config, result: RunResult, table: Table | None) -> ReportData:
    return ReportData(
        **run_facts(config, result), targets=[], table=table,
        catalog_paths=_CATALOG_PATHS if table is not None else [],
    )  # fmt: skip


def _links(folders: Sequence[PublishedFolder]) -> dict[str, list[tuple[str, str]]]:
    """Return labels and paths of the files of each source; figures are on the page."""
    found: dict[str, list[tuple[str, str]]] = {}
    for folder in folders:
        _, source, *rest = folder.name.split("/")
        found.setdefault(source, []).extend(
            (f"{rest[-1]}: {inside}" if rest[-1] != TOGETHER else inside,
             f"{folder.name}/{inside}")
            for inside in folder.files if not inside.endswith(".png")
        )  # fmt: skip
    return found
