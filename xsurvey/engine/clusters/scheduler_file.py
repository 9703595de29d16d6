"""Workers of a Dask that runs already; it is left running."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Client

from xsurvey.engine.clusters.dask_settings import dask_settings, silent_dask
from xsurvey.engine.clusters.profiles import ClusterError
from xsurvey.engine.clusters.queue_profiles import SchedulerFileProfile
from xsurvey.engine.clusters.queues import wait_for_workers
from xsurvey.engine.clusters.running import RunningCluster

_CONNECT_S = 30


@contextmanager
def start_scheduler_file(
    profile: SchedulerFileProfile, workers: int | None, jobs: Path | None = None
) -> Iterator[RunningCluster]:
    """Connect to the scheduler, and wait for a worker of its.

    While the run lasts the scheduler leaves it to the run to count deaths of workers, and thinks
    none dead that is silent, as in a library; then it is set as it was.

    Raises
    ------
    ClusterError
        The scheduler does not answer, or no worker came in time.
    """
    path = Path(os.path.expanduser(profile.scheduler_file))
    subject = f"cluster '{profile.backend}'"
    if not path.is_file():
        raise ClusterError(
            subject, f"{path} does not exist",
            f"start one with `dask scheduler --scheduler-file {path}`, and workers",
        )  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(silent_dask())
        stack.enter_context(dask.config.set(dask_settings(profile)))
        try:
            address = json.loads(path.read_text())["address"]
            client = stack.enter_context(Client(str(address), timeout=_CONNECT_S))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ClusterError(
                subject, f"the scheduler of {path} does not answer ({error})",
                "is it running, and are its keys (TLS) in your Dask configuration?",
            ) from error  # fmt: skip
        before = client.run_on_scheduler(_set, allowed_failures=0, worker_ttl=None)
        stack.callback(client.run_on_scheduler, _set, **before)
        wait_for_workers(client, profile, lambda: f"none is with the scheduler of {path}", _nothing)
        count = len(client.nthreads())
        yield RunningCluster(
            client, profile, min(count, workers or count),
            why_waiting=lambda: f"none is with the scheduler of {path}",
        )  # fmt: skip


def _set(dask_scheduler: Any = None, **values: Any) -> dict[str, Any]:
    """Set attributes of the scheduler, in its process, and return what they were."""
    before = {name: getattr(dask_scheduler, name) for name in values}
    for name, value in values.items():
        setattr(dask_scheduler, name, value)
    return before


def _nothing() -> None:
    """Check nothing: workers may come at any time."""
