"""Figures and the page of a cluster, from the results of its stages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from xsurvey.engine import Plan, RunResult
from xsurvey.errors import XSurveyError
from xsurvey.pipelines.cluster import (
    absorption,
    deprojection,
    mass,
    spectral_profile,
    surface_brightness,
)
from xsurvey.report.cluster_figures import ClusterResults, cluster_figures

_RECORDS = {
    "brightness": ("surface_brightness", surface_brightness.JSON),
    "spectral": ("spectral_profile", spectral_profile.JSON),
    "density": ("deprojection", deprojection.JSON), "mass": ("mass", mass.JSON),
    "absorption": ("absorption", absorption.JSON),
}  # fmt: skip
_LABELS = {".fits": "table", ".json": "numbers", ".npz": "samples", ".png": "figure"}


def cluster_results(plan: Plan, result: RunResult, images: Path) -> ClusterResults:
    """Return what the stages found; empty records of those that failed or were not asked for.

    Parameters
    ----------
    plan, result
    images : path
        Published images.
    """
    records: dict[str, Mapping[str, Any]] = {}
    for name, (stage, file) in _RECORDS.items():
        task = next((t for t in plan.tasks if t.stage.name == stage), None)
        if task is not None and result.outcomes[task.id].good:
            records[name] = json.loads(result.path(task, file).read_text())
    return ClusterResults(**records, images=images if images.is_dir() else None)


def figures_of(results: ClusterResults) -> dict[str, Figure] | None:
    """Return the figures, None where one cannot be made: the page says why."""
    try:
        return cluster_figures(results)
    except XSurveyError:
        return None


def file_links(folder: Path, output: Path) -> list[tuple[str, str]]:
    """Return labels and paths, relative to the page, of the files of a published folder."""
    if not folder.is_dir():
        return []
    return [
        (f"{file.stem.replace('_', ' ')} ({_LABELS[file.suffix]})",
         file.relative_to(output).as_posix())
        for file in sorted(folder.iterdir()) if file.suffix in _LABELS
    ]  # fmt: skip
