"""Dask's performance report of a run: when which worker was at what, as an HTML page."""

import importlib.util
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask

from xsurvey.engine.watching.performance_page import readable
from xsurvey.errors import OutOfTime
from xsurvey.io.atomic import atomic_output

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

_LENGTH_KEY = "distributed.scheduler.dashboard.tasks.task-stream-length"
_TASKS_SHOWN = 10_000
_PATIENCE_S = 15.0


@contextmanager
def performance_report(client: "Client", path: Path) -> Iterator[None]:
    """Write what workers did in the block, if what draws it is installed.

    The page needs nothing from the network, and names no folders. It is a service: where it
    cannot be had, that is a warning. It is written after a run that came to its limit of time,
    but not after one that was interrupted, which is to stop at once.

    Parameters
    ----------
    client : distributed.Client
        The connection to the scheduler.
    path : path
        The page to write.
    """
    if importlib.util.find_spec("bokeh") is None:
        yield
        return
    begun = _attempted(path, lambda: _begin(client))
    try:
        yield
    except OutOfTime:
        _attempted(path, lambda: _write(client, path, begun))
        raise
    _attempted(path, lambda: _write(client, path, begun))


def _attempted(path: Path, action: Any) -> Any:
    try:
        return action()
    except Exception as error:  # whatever goes wrong in it must not fail the run
        reason = str(error) or type(error).__name__
        logger.warning("%s: not written (%s); the run itself is not affected", path, reason)
        return None


def _begin(client: "Client") -> tuple[float, int]:
    began = time.time()
    count = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.monitor.count)
    with dask.config.set({_LENGTH_KEY: _TASKS_SHOWN}):
        client.get_task_stream(start=0, stop=0)  # from now on the scheduler keeps them
    return began, int(count)


def _write(client: "Client", path: Path, begun: tuple[float, int] | None) -> None:
    scheduler: Any = client.scheduler
    if begun is None or scheduler is None:  # that was told
        return
    page = client.sync(
        scheduler.performance_report, start=begun[0], last_count=begun[1],
        code="xsurvey run", mode="inline", callback_timeout=_PATIENCE_S,
    )  # fmt: skip
    with atomic_output(path) as temporary:
        temporary.write_text(readable(page))
    logger.info("performance report: %s", path)
