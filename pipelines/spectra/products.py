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
from xsurvey.pipelines.spectra.fits_stage import FITS
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.pipelines.spectra.targets import REGION
from xsurvey.report.data import SpectrumReport

FOLDER = "spectra"


def spectra_folders(plan: Plan, result: RunResult) -> Iterator[PublishedFolder]:
    """Yield the folder of every target with spectra: what was extracted, and the fits of it."""
    for task in _done(plan, result):
        files = files_below(result.path(task, "fits"))
        for extraction in _extractions(task):
            if result.outcomes[extraction.id].good:
                extracted = files_below(result.path(extraction, "spectra"))
                files |= {n: f for n, f in extracted.items() if f.name != INDEX}
        key = result.outcomes[task.id].key or ""
        yield PublishedFolder(f"{FOLDER}/{folder_name(task.target)}", key, files)


def _done(plan: Plan, result: RunResult) -> list[Task]:
    return [t for t in plan.tasks if t.stage.name == "spectral_fits" and result.outcomes[t.id].good]


def _extractions(task: Task) -> list[Task]:
    return [r.task for r in task.references() if isinstance(r, OutputOf)]


def spectra_of_target(plan: Plan, result: RunResult, target: str) -> list[SpectrumReport]:
    """Return what the report shows of a target: regions, then sources, the brightest first."""
    found = [task for task in _done(plan, result) if task.target == target]
    if not found:
        return []
    fits = result.path(found[0], "fits")
    entries = json.loads((fits / FITS).read_text())["fits"]
    regions = [e for e in entries if e["kind"] == REGION]
    sources = [e for e in entries if e["kind"] != REGION]
    sources.sort(key=lambda e: -(e.get("net_counts") or 0.0))
    return [_report(e, fits) for e in [*regions, *sources]]


def _report(entry: Mapping[str, Any], fits: Path) -> SpectrumReport:
    figure = fits / entry["folder"] / "fit.png"
    return SpectrumReport(
        name=entry["name"], number=entry["number"], model=entry["model"],
        status=entry["status"], cause=entry["cause"], fit=entry.get("fit"),
        counts=entry.get("counts"), net_counts=entry.get("net_counts"),
        exposure=entry.get("exposure_s"), area=entry.get("exposed_area_deg2"),
        responses=entry.get("responses") or {},
        approximate=bool(entry.get("approximate_responses")), notes=tuple(entry.get("notes") or ()),
        figure=figure if "fit" in entry and figure.is_file() else None,
    )  # fmt: skip
