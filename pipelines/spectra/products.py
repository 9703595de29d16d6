"""The folder ``OUTPUT/spectra``: OGIP files, results and figures of every fit."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.plan import OutputOf
from xsurvey.engine.products import read_products, record_products
from xsurvey.io.atomic import atomic_output, remove_leftovers
from xsurvey.pipelines.spectra.extraction_stage import INDEX
from xsurvey.pipelines.spectra.fits_stage import FITS
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.pipelines.spectra.targets import REGION
from xsurvey.report.data import SpectrumReport

FOLDER = "spectra"


def publish_spectra(config: Config, plan: Plan, result: RunResult) -> None:
    """Bring the spectra of a run below its output folder; those of an earlier one go away."""
    folder = config.output / FOLDER
    remove_leftovers(folder)
    done = _done(plan, result)
    if not done:
        _remove_earlier(folder, result)
        return
    with atomic_output(folder) as temporary:
        temporary.mkdir()
        for task in done:
            _copy(result, task, temporary / folder_name(task.target))
    record_products(result.store, {
        folder / folder_name(task.target): [result.outcomes[task.id].key or ""] for task in done
    })  # fmt: skip


def _done(plan: Plan, result: RunResult) -> list[Task]:
    return [t for t in plan.tasks if t.stage.name == "spectral_fits" and result.outcomes[t.id].good]


def spectra_are_there(config: Config, plan: Plan, result: RunResult) -> bool:
    """Tell whether the folder of every target with spectra exists."""
    folder = config.output / FOLDER
    return all((folder / folder_name(task.target)).is_dir() for task in _done(plan, result))


def _remove_earlier(folder: Path, result: RunResult) -> None:
    """Remove a folder that an earlier run made, and no other."""
    if any(name.startswith(f"{FOLDER}/") for name in read_products(result.store)):
        shutil.rmtree(os.path.realpath(folder), ignore_errors=True)
        record_products(result.store, {folder: []})


def _copy(result: RunResult, task: Task, folder: Path) -> None:
    fits = result.path(task, "fits")
    shutil.copytree(fits, folder)
    for extraction in _extractions(task):
        if not result.outcomes[extraction.id].good:
            continue
        extracted = result.path(extraction, "spectra")
        for path in sorted(extracted.rglob("*")):
            if path.is_file() and path.name != INDEX:
                copy = folder / path.relative_to(extracted)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


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
