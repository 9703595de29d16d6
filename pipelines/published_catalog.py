"""The folder ``catalog`` that a run leaves, and whether all that was published is there still."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs import open_catalog
from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult
from xsurvey.engine.products import read_products, record_products
from xsurvey.io.atomic import atomic_output
from xsurvey.pipelines.run_facts import write_provenance

CATALOG = "catalog"
"""Name of the folder."""


def run_state(config: Config, result: RunResult) -> str:
    """Return what decides the products: every task's key and fate, and the configuration."""
    tasks = [[*o.id, o.key, o.good, o.cause] for o in result.outcomes.values()]
    text = json.dumps([__version__, tasks, config.as_json()])
    return hashlib.sha256(text.encode()).hexdigest()


def products_are_there(result: RunResult) -> bool:
    """Tell whether all that was published is still there, with its sizes."""
    known, output = read_products(result.store), result.store.root.parent
    return bool(known) and all(
        (output / name).is_file() and (output / name).stat().st_size == about.get("size")
        for name, about in known.items()
    )


def publish_catalog(plan: Plan, result: RunResult, stage: str) -> Table | None:
    """Bring the outputs of the stage that makes the catalog into its folder.

    Parameters
    ----------
    plan, result
    stage : str
        Its name.

    Returns
    -------
    Table or None
        Sources; None where the stage failed, and then there is no folder.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    folder = result.store.root.parent / CATALOG
    good = (t for t in plan.tasks if t.stage.name == stage and result.outcomes[t.id].good)
    task = next(good, None)
    if task is None:
        # an earlier run's catalog must not pass for this one's
        shutil.rmtree(os.path.realpath(folder), ignore_errors=True)
        record_products(result.store, {folder: []})
        return None
    with atomic_output(folder) as temporary:
        temporary.mkdir()
        for name in task.stage.outputs:
            source = result.path(task, name)
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, temporary / name)
        write_provenance(temporary / "provenance.json", result)
    record_products(result.store, {folder: [result.outcomes[task.id].key or ""]})
    return open_catalog(folder / "sources.fits").query()
