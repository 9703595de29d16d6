"""The folder ``OUTPUT/spectra``: OGIP files, results and figures of every fit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.plan import OutputOf
from xsurvey.pipelines.publishing import PublishedFolder, files_below
from xsurvey.pipelines.spectra.extraction_stage import INDEX
from xsurvey.pipelines.spectra.fits_stage import FITS_FOLDER
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.pipelines.spectra.results_stage import FITS, SPECTRAL_RESULTS
from xsurvey.pipelines.spectra.targets import REGION
from xsurvey.report.data import SpectrumReport

FOLDER = "spectra"


def spectra_folders(plan: Plan, result: RunResult) -> Iterator[PublishedFolder]:
    """Yield the folder of every target with spectra: what was extracted, and the fits of it."""
    for task in _done(plan, result):
        files = {FITS: result.path(task, FITS)} | _of_parts(task, result)
        for extraction in _inputs(task, "spectra"):
            if result.outcomes[extraction.id].good:
                extracted = files_below(result.path(extraction, "spectra"))
                files |= {n: f for n, f in extracted.items() if f.name != INDEX}
        key = result.outcomes[task.id].key or ""
        yield PublishedFolder(f"{FOLDER}/{folder_name(task.target)}", key, files)


def _done(plan: Plan, result: RunResult) -> list[Task]:
    name = SPECTRAL_RESULTS.name
    return [t for t in plan.tasks if t.stage.name == name and result.outcomes[t.id].good]


def _inputs(task: Task, name: str) -> list[Task]:
    value = task.inputs[name]
    references = [value] if isinstance(value, (Path, OutputOf)) else value
    return [r.task for r in references if isinstance(r, OutputOf)]


def _of_parts(task: Task, result: RunResult) -> dict[str, Path]:
    """Return the files of all fits of a stack, by their paths below its folder."""
    files: dict[str, Path] = {}
    for family in _inputs(task, "lines"):
        for folder in result.paths(family, FITS_FOLDER):
            files |= files_below(folder)
    return files


def spectra_of_target(plan: Plan, result: RunResult, target: str) -> list[SpectrumReport]:
    """Return what the report shows of a target: regions, then sources, the brightest first."""
    found = [task for task in _done(plan, result) if task.target == target]
    if not found:
        return []
    entries = json.loads(result.path(found[0], FITS).read_text())["fits"]
    files = _of_parts(found[0], result)
    regions = [e for e in entries if e["kind"] == REGION]
    sources = [e for e in entries if e["kind"] != REGION]
    sources.sort(key=lambda e: -(e.get("net_counts") or 0.0))
    return [_report(e, files.get(f"{e['folder']}/fit.png")) for e in [*regions, *sources]]


def _report(entry: Mapping[str, Any], figure: Path | None) -> SpectrumReport:
    return SpectrumReport(
        name=entry["name"], number=entry["number"], model=entry["model"],
        status=entry["status"], cause=entry["cause"], fit=entry.get("fit"),
        counts=entry.get("counts"), net_counts=entry.get("net_counts"),
        exposure=entry.get("exposure_s"), area=entry.get("exposed_area_deg2"),
        responses=entry.get("responses") or {},
        approximate=bool(entry.get("approximate_responses")), notes=tuple(entry.get("notes") or ()),
        figure=figure if "fit" in entry else None,
    )  # fmt: skip
