"""What a run of the pipeline ``blazar`` leaves for people: catalog, files, report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from astropy.table import Table

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
from xsurvey.pipelines.blazar.catalog_stage import CATALOG_STAGE
from xsurvey.pipelines.blazar.comparison_stage import COMPARISON, COMPARISON_STAGE
from xsurvey.pipelines.blazar.evidence_stage import EVIDENCE, EVIDENCE_STAGE
from xsurvey.pipelines.blazar.figures_stage import FIGURES, FIGURES_STAGE
from xsurvey.pipelines.blazar.fit_stage import FIT_STAGE, names_of
from xsurvey.pipelines.blazar.points_stage import POINTS
from xsurvey.pipelines.blazar.report_data import blazar_report
from xsurvey.pipelines.blazar.spectrum_stage import SED_SPECTRA
from xsurvey.pipelines.published_run import publish_run
from xsurvey.pipelines.publishing import PublishedFolder, shared_folders
from xsurvey.pipelines.run_facts import run_with_catalog
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.report.blazar import write_blazar_report

SOURCES = "blazars"
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
    """Bring the products of a run below its output folder, as `publish_run`."""
    folders = shared_folders(plan, result, _places)

    def write_page(path: Path, table: Table | None) -> None:
        run = run_with_catalog(config, result, table, _CATALOG_PATHS)
        write_blazar_report(path, blazar_report(config, plan, result, run, _links(folders)))

    publish_run(config, plan, result, folders, CATALOG_STAGE.name, write_page)


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
