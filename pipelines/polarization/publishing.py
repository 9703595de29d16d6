"""What a run of the pipeline ``polarization`` leaves for people: catalog, files, report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from astropy.table import Table

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.products import record_products
from xsurvey.io.atomic import atomic_output, remove_leftovers
from xsurvey.pipelines.polarization.behaviour_stage import BEHAVIOUR, BEHAVIOUR_FILE
from xsurvey.pipelines.polarization.catalog_stage import CATALOG as CATALOG_STAGE
from xsurvey.pipelines.polarization.companion_stage import COMPANION, COMPANION_FILE
from xsurvey.pipelines.polarization.figures_stage import FIGURES as FIGURES_STAGE
from xsurvey.pipelines.polarization.figures_stage import FOLDER as FIGURES
from xsurvey.pipelines.polarization.map_stage import MAP
from xsurvey.pipelines.polarization.pooled_stage import POOLED_STAGE
from xsurvey.pipelines.polarization.radial_stage import RADIAL
from xsurvey.pipelines.polarization.report_data import polarization_report
from xsurvey.pipelines.polarization.source_events import names_of
from xsurvey.pipelines.polarization.spectropolarimetry_stage import CHAINS, SPECTROPOLARIMETRY
from xsurvey.pipelines.polarization.spectropolarimetry_stage import FIGURES as FIT_FIGURES
from xsurvey.pipelines.polarization.spectropolarimetry_stage import JSON as FIT
from xsurvey.pipelines.polarization.stokes_files import JSON, POOLED, TABLE
from xsurvey.pipelines.polarization.stokes_spectra_stage import FOLDER as SPECTRA
from xsurvey.pipelines.polarization.stokes_spectra_stage import STOKES_SPECTRA
from xsurvey.pipelines.polarization.stokes_stage import STOKES
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
from xsurvey.report.polarization import write_polarization_report

REPORT = "report.html"
SOURCES = "polarization"
_NOT_LISTED = (".png", ".pha", ".arf", ".rmf", ".mrf")
_PUBLISHED = "published.json"
_CATALOG_PATHS = [
    ("Sources (FITS)", "catalog/sources.fits"), ("Sources (HATS)", "catalog/hats"),
    ("Polarization (FITS)", "catalog/polarization.fits"),
    ("Polarization (HATS)", "catalog/hats_polarization"),
]  # fmt: skip

# what stages have to show, files or folders; a line here publishes what a new stage makes
OF_SOURCE_AND_OBSERVATION: Mapping[str, Sequence[str]] = {
    STOKES.name: (JSON, TABLE), BEHAVIOUR.name: (BEHAVIOUR_FILE,),
    RADIAL.name: RADIAL.outputs,
    STOKES_SPECTRA.name: (SPECTRA,),
}  # fmt: skip
"""To ``polarization/SOURCE/OBSERVATION``."""
OF_SOURCE: Mapping[str, Sequence[str]] = {
    POOLED_STAGE.name: (JSON, TABLE), SPECTROPOLARIMETRY.name: (FIT, FIT_FIGURES, CHAINS),
    FIGURES_STAGE.name: (FIGURES,),
}  # fmt: skip
"""To ``polarization/SOURCE/all``."""
OF_OBSERVATION: Mapping[str, Sequence[str]] = {MAP.name: MAP.outputs}
"""To ``fields/OBSERVATION``."""


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
    _write_report(report, config, plan, result, table)
    record_products(result.store, {report: result.good_keys()})
    with atomic_output(marker) as temporary:
        temporary.write_text(state)


def published_folders(plan: Plan, result: RunResult) -> list[PublishedFolder]:
    """Return the folders of a run, each with the files of all stages that have some in it."""
    files: dict[str, dict[str, Path]] = {}
    keys: dict[str, dict[str, str]] = {}
    for task in plan.tasks:
        if not result.outcomes[task.id].good:
            continue
        for folder, outputs in _places(task):
            for name in outputs:
                path = result.path(task, name)
                below = files_below(path) if path.is_dir() else {"": path}
                found = {"/".join(p for p in (name, inside) if p): f for inside, f in below.items()}
                files.setdefault(folder, {}).update(found)
                key = result.outcomes[task.id].key or ""
                keys.setdefault(folder, {}).update(dict.fromkeys(found, key))
    return [
        PublishedFolder(folder, next(iter(keys[folder].values()), ""), files[folder], keys[folder])
        for folder in files
    ]


def _places(task: Task) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield where the outputs of a task are published, and which of them."""
    stage = task.stage.name
    if stage in OF_SOURCE_AND_OBSERVATION:
        source, observation = names_of(task.target)
        folder = f"{SOURCES}/{folder_name(source)}/{folder_name(observation)}"
        yield folder, OF_SOURCE_AND_OBSERVATION[stage]
    if stage in OF_SOURCE:
        yield f"{SOURCES}/{folder_name(task.target)}/{POOLED}", OF_SOURCE[stage]
    if stage == COMPANION.name:
        yield f"{SOURCES}/companion", (COMPANION_FILE,)
    if stage in OF_OBSERVATION:
        yield f"fields/{folder_name(task.target)}", OF_OBSERVATION[stage]


def _write_report(
    path: Path, config: Config, plan: Plan, result: RunResult, table: Table | None
) -> None:
    """Write the page of the run."""
    run = ReportData(
        **run_facts(config, result), targets=[], table=table,
        catalog_paths=_CATALOG_PATHS if table is not None else [],
    )  # fmt: skip
    links = _links(published_folders(plan, result))
    write_polarization_report(path, polarization_report(config, plan, result, run, links))


def _links(folders: Sequence[PublishedFolder]) -> dict[str, list[tuple[str, str]]]:
    """Return labels and paths of the files of each source.

    Figures are on the page, and spectra listed in their index.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for folder in folders:
        parts = folder.name.split("/")
        source = parts[1] if parts[0] == SOURCES and len(parts) == 3 else ""
        found.setdefault(source, []).extend(
            (f"{parts[-1]}: {inside}", f"{folder.name}/{inside}")
            for inside in folder.files
            if not inside.endswith(_NOT_LISTED)
        )
    return found
