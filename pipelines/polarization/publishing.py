"""What a run of the pipeline ``polarization`` leaves for people: catalog, files, report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from astropy.table import Table

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
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
from xsurvey.pipelines.published_run import publish_run
from xsurvey.pipelines.publishing import PublishedFolder, shared_folders
from xsurvey.pipelines.run_facts import run_with_catalog
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.report.polarization import write_polarization_report

SOURCES = "polarization"
_NOT_LISTED = (".png", ".pha", ".arf", ".rmf", ".mrf")
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
    """Bring the products of a run below its output folder, as `publish_run`."""
    folders = shared_folders(plan, result, _places)

    def write_page(path: Path, table: Table | None) -> None:
        run = run_with_catalog(config, result, table, _CATALOG_PATHS)
        page = polarization_report(config, plan, result, run, _links(folders))
        write_polarization_report(path, page)

    publish_run(config, plan, result, folders, CATALOG_STAGE.name, write_page)


def _places(task: Task) -> Iterator[tuple[str, str, str]]:
    """Yield where outputs of a task are published: folder, output, name there."""
    for folder, outputs in _folders_of(task):
        yield from ((folder, output, output) for output in outputs)


def _folders_of(task: Task) -> Iterator[tuple[str, Sequence[str]]]:
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
