"""What is in ``OUTPUT/products`` and ``OUTPUT/maps``, and the list of all files of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mocpy import MOC

from xsurvey.catalogs.products import PRODUCTS_NAME
from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
from xsurvey.imaging.coverage import joined_area, write_coverage
from xsurvey.pipelines.products.detected import DetectedSources
from xsurvey.pipelines.products.entries import SPECTRUM, ProductEntry
from xsurvey.pipelines.products.maps import COVERAGE
from xsurvey.pipelines.products.obscore import SourceOfFiles, obscore_row, write_product_list
from xsurvey.pipelines.products.places import FOLDER, PROFILES_FOLDER, stack_folder
from xsurvey.pipelines.products.stage import INDEX
from xsurvey.pipelines.publishing import PublishedFolder
from xsurvey.pipelines.source_tables import source_id
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.pipelines.spectra.products import FOLDER as SPECTRA_FOLDER
from xsurvey.pipelines.spectra.results_stage import FITS, SPECTRAL_RESULTS

MAPS_FOLDER = "maps"
COVERAGE_NAME = "coverage_moc.fits"
Row = dict[str, Any]


@dataclass(frozen=True)
class _Folder:
    """What is published of one task, in one folder below the output folder."""

    task: Task
    key: str
    source: Path
    name: str
    entries: list[Mapping[str, Any]]

    @property
    def published(self) -> PublishedFolder:
        """The folder as it is published."""
        files = {e["path"]: self.source / e["path"] for e in self.entries}
        return PublishedFolder(self.name, self.key, files)


def product_folders(plan: Plan, result: RunResult) -> Iterator[PublishedFolder]:
    """Yield the folders of the files of sources, and of maps."""
    return (one.published for one in _folders(plan, result))


def write_lists(folder: Path, config: Config, plan: Plan, result: RunResult) -> None:
    """Write ``products.fits``, all files of a run, and ``coverage_moc.fits`` beside its catalog.

    Parameters
    ----------
    folder : path
        With ``sources.fits``, and ``detections.fits`` where the catalog has that table.
    config, plan, result
        Of the run; its files of sources, its maps and its spectra are published.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    collection = getattr(config.sections["catalog"], "acronym", "XSV")
    sources = DetectedSources(folder)

    def rows() -> Iterator[Row]:
        for one in _folders(plan, result, sources):
            yield from _folder_rows(one, sources, collection)
        yield from _spectra_rows(config, plan, result, sources, collection)

    if any(True for _ in rows()):
        write_product_list(folder / PRODUCTS_NAME, rows)
    mocs = [
        one.source / entry["path"]
        for one in _folders(plan, result, sources)
        for entry in one.entries if entry["kind"] == COVERAGE
    ]  # fmt: skip
    if mocs:
        joined = joined_area([MOC.from_fits(path) for path in mocs])
        write_coverage(joined, folder / COVERAGE_NAME)


def list_keys(plan: Plan, result: RunResult) -> list[str]:
    """Return the keys of the tasks whose files `write_lists` names."""
    stages = ("catalog", *_NAMES, SPECTRAL_RESULTS.name)
    tasks = [t for t in plan.tasks if t.stage.name in stages and result.outcomes[t.id].good]
    return [result.outcomes[t.id].key or "" for t in tasks]


def _folder_rows(
    one: _Folder, sources: Mapping[str, SourceOfFiles], collection: str
) -> Iterator[Row]:
    """Yield a row of the list for each file of a folder."""
    centre = _centre(one)
    for entry in one.entries:
        path = f"{one.name}/{entry['path']}"
        source = centre
        if entry.get("number", 0):
            source = sources[source_id(one.task.target, entry["number"])]
        yield obscore_row(entry, path, source, collection, one.task.target)


def _folders(
    plan: Plan, result: RunResult, sources: Mapping[str, SourceOfFiles] | None = None
) -> Iterator[_Folder]:
    """Yield what is to be published; of sources that are not in the catalog nothing is."""
    catalog = next((t for t in plan.tasks if t.stage.name == "catalog"), None)
    if catalog is None or not result.outcomes[catalog.id].good:
        return
    for task in plan.tasks:
        if task.stage.name not in _NAMES or not result.outcomes[task.id].good:
            continue
        if sources is None:
            sources = DetectedSources(result.path(catalog, "sources.fits").parent)
        index = json.loads(result.path(task, INDEX).read_text())
        entries = [
            e for e in index["entries"]
            if not e.get("number", 0) or source_id(task.target, e["number"]) in sources
        ]  # fmt: skip
        if entries:
            key = result.outcomes[task.id].key or ""
            name = _NAMES[task.stage.name](task.target)
            yield _Folder(task, key, result.path(task, task.stage.name), name, entries)


def _products_name(stack: str) -> str:
    return f"{FOLDER}/{stack_folder(stack)}"


def _maps_name(stack: str) -> str:
    return f"{MAPS_FOLDER}/{folder_name(stack)}"


def _profiles_name(stack: str) -> str:
    return f"{PROFILES_FOLDER}/{folder_name(stack)}"


_NAMES = {"products": _products_name, "maps": _maps_name, "profiles": _profiles_name}


def _centre(one: _Folder) -> SourceOfFiles:
    index = json.loads((one.source.parent / INDEX).read_text())
    ra, dec = index.get("centre") or (float("nan"), float("nan"))
    return SourceOfFiles("", one.task.target, ra, dec)


def _spectra_rows(
    config: Config, plan: Plan, result: RunResult, sources: Mapping[str, SourceOfFiles],
    collection: str,
) -> Iterator[Row]:  # fmt: skip
    """Yield rows of the files below ``OUTPUT/spectra`` that are of sources."""
    for task in plan.tasks:
        if task.stage.name != SPECTRAL_RESULTS.name or not result.outcomes[task.id].good:
            continue
        found = json.loads(result.path(task, FITS).read_text())["fits"]
        for line in found:
            source = sources.get(source_id(task.target, line.get("number") or 0))
            if source is None:
                continue
            inside = f"{SPECTRA_FOLDER}/{folder_name(task.target)}/{line['folder']}"
            for file in sorted((config.output / inside).rglob("*")):
                if file.is_file():
                    kind = _spectral_kind(file)
                    entry = ProductEntry(
                        line["number"], kind, "", file.stat().st_size,
                        observation=task.target,
                    )  # fmt: skip
                    path = file.relative_to(config.output).as_posix()
                    yield obscore_row(entry.as_json(), path, source, collection, task.target)


_SPECTRAL_KINDS = {
    ".pha": SPECTRUM, ".arf": "effective area", ".rmf": "response matrix",
    ".json": "spectral fit", ".png": "figure of the spectral fit", ".h5": "parameter chain",
    ".fits": "spectral flux posterior",
}  # fmt: skip


def _spectral_kind(file: Path) -> str:
    """Return what a file of a source's spectra is."""
    if file.stem.endswith("_bkg"):
        return "background spectrum"
    return _SPECTRAL_KINDS.get(file.suffix, "other")
