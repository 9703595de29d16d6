"""Folders, catalog and page that a run leaves, written again only where something changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from astropy.table import Table

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult
from xsurvey.engine.products import record_products
from xsurvey.io.atomic import atomic_output, remove_leftovers
from xsurvey.pipelines.published_catalog import (
    CATALOG,
    products_are_there,
    publish_catalog,
    run_state,
)
from xsurvey.pipelines.publishing import PublishedFolder, are_published, publish_folders

REPORT = "report.html"
_PUBLISHED = "published.json"


def publish_run(
    config: Config, plan: Plan, result: RunResult, folders: Sequence[PublishedFolder],
    catalog_stage: str, write_page: Callable[[Path, Table | None], None],
) -> None:  # fmt: skip
    """Bring the products of a run below its output folder.

    A run that changed nothing since the last time leaves them as they are. What an earlier run
    published and this one did not make goes away.

    Parameters
    ----------
    config, plan, result
    folders : sequence of PublishedFolder
        All of the run, but the catalog.
    catalog_stage : str
        Name of the stage that makes the catalog.
    write_page : callable
        Writes the page of the run to a path; it gets the sources too, None where the catalog
        failed.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    state = run_state(config, result)
    marker = result.store.root / _PUBLISHED
    worked = any(outcome.status == "done" for outcome in result.outcomes.values())
    there = marker.exists() and products_are_there(result) and are_published(result, folders)
    if there and not worked and marker.read_text() == state:
        return
    marker.unlink(missing_ok=True)
    for name in (CATALOG, REPORT):
        remove_leftovers(config.output / name)
    publish_folders(result, folders)
    table = publish_catalog(plan, result, catalog_stage)
    report = config.output / REPORT
    write_page(report, table)
    record_products(result.store, {report: result.good_keys()})
    with atomic_output(marker) as temporary:
        temporary.write_text(state)
