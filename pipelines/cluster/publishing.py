"""What a run of the pipeline ``cluster`` leaves for people: tables, images, spectra, report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.products import read_products, record_products
from xsurvey.io.atomic import atomic_output, remove_leftovers
from xsurvey.pipelines.cluster.parameters import TargetParameters
from xsurvey.pipelines.cluster.report import cluster_results, figures_of, file_links
from xsurvey.pipelines.published_catalog import (
    CATALOG,
    products_are_there,
    publish_catalog,
    run_state,
)
from xsurvey.pipelines.run_facts import run_with_catalog
from xsurvey.report.cluster import ClusterReport, write_cluster_report
from xsurvey.report.cluster_figures import figure_files

PROFILES, IMAGES, SPECTRA = "profiles", "images", "spectra"
FIGURES = "figures"
REPORT = "report.html"
_PUBLISHED = "published.json"
_CATALOG_STAGE = "cluster_catalog"
_CATALOG_PATHS = [("Catalog (FITS)", "catalog/sources.fits"), ("HATS catalog", "catalog/hats")]
_TABLES = {
    "surface_brightness": ("surface_brightness.json", "surface_brightness.fits"),
    "spectral_profile": ("spectral_profile.json", "spectral_profile.fits"),
    "deprojection": ("density.json", "density.fits", "density.npz"),
    "mass": ("mass.json", "thermodynamics.fits"),
}  # fmt: skip
"""Outputs of stages that are published as profiles."""


def publish(config: Config, plan: Plan, result: RunResult) -> None:
    """Bring the products of a run below its output folder.

    A run that changed nothing since the last time leaves them as they are. What an earlier run
    published and this one did not make goes away.
    """
    state = run_state(config, result)
    marker = result.store.root / _PUBLISHED
    worked = any(outcome.status == "done" for outcome in result.outcomes.values())
    if (
        not worked
        and marker.exists()
        and marker.read_text() == state
        and products_are_there(result)
    ):
        return
    marker.unlink(missing_ok=True)
    for name in (CATALOG, PROFILES, IMAGES, SPECTRA, FIGURES, REPORT):
        remove_leftovers(config.output / name)
    _publish_folder(config, result, PROFILES, list(_profiles(plan, result)))
    _publish_folder(config, result, IMAGES, list(_images(plan, result)))
    _publish_folder(config, result, SPECTRA, list(_of_stage(plan, result, "annulus_spectra")))
    table = publish_catalog(plan, result, _CATALOG_STAGE)
    results = cluster_results(plan, result, config.output / IMAGES)
    figures = figures_of(results)
    _publish_figures(config, result, figures or {})
    report = config.output / REPORT
    links = file_links(config.output / PROFILES, config.output)
    target = config.sections["target"]
    assert isinstance(target, TargetParameters)
    run = run_with_catalog(config, result, table, _CATALOG_PATHS)
    write_cluster_report(report, ClusterReport(target.name, run, results, figures, links))
    record_products(result.store, {report: result.good_keys()})
    with atomic_output(marker) as temporary:
        temporary.write_text(state)


Published = tuple[Task, Path, str]
"""A task, a file or folder of its results, and its name in the folder it is published in."""


def _good(plan: Plan, result: RunResult, stage: str) -> Iterator[Task]:
    yield from (t for t in plan.tasks if t.stage.name == stage and result.outcomes[t.id].good)


def _profiles(plan: Plan, result: RunResult) -> Iterator[Published]:
    for stage, names in _TABLES.items():
        for task in _good(plan, result, stage):
            yield from ((task, result.path(task, name), name) for name in names)


def _images(plan: Plan, result: RunResult) -> Iterator[Published]:
    for task in _good(plan, result, "mosaic"):
        folder = result.path(task, "mosaic")
        yield from ((task, path, path.name) for path in sorted(folder.glob("*.fits")))
    for task in _good(plan, result, "absorption"):
        folder = result.path(task, "corrected")
        yield from ((task, path, path.name) for path in sorted(folder.glob("*.fits")))
    for task in _good(plan, result, "surface_brightness"):
        folder = result.path(task, "residuals")
        yield from (
            (task, path, f"residuals_{path.name}") for path in sorted(folder.glob("*.fits"))
        )


def _of_stage(plan: Plan, result: RunResult, stage: str) -> Iterator[Published]:
    for task in _good(plan, result, stage):
        folder = result.path(task, "regions")
        yield from ((task, path, path.name) for path in sorted(folder.iterdir()))


def _publish_folder(
    config: Config, result: RunResult, name: str, files: Sequence[Published]
) -> None:
    folder = config.output / name
    if not files:
        if any(known.startswith(f"{name}/") for known in read_products(result.store)):
            shutil.rmtree(os.path.realpath(folder), ignore_errors=True)
            record_products(result.store, {folder: []})
        return
    with atomic_output(folder) as temporary:
        temporary.mkdir()
        for _, source, target in files:
            shutil.copyfile(source, temporary / target)
    record_products(result.store, {folder: []})
    record_products(
        result.store,
        {folder / target: [result.outcomes[t.id].key or ""] for t, _, target in files},
    )


def _publish_figures(config: Config, result: RunResult, figures: Mapping[str, Figure]) -> None:
    folder = config.output / FIGURES
    shutil.rmtree(os.path.realpath(folder), ignore_errors=True)
    if figures:
        with atomic_output(folder) as temporary:
            temporary.mkdir()
            for name, png in figure_files(figures).items():
                (temporary / name).write_bytes(png)
    record_products(result.store, {folder: result.good_keys() if figures else []})
