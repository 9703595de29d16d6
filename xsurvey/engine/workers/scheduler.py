"""What Dask's scheduler is asked, and what to tell when the connection to it is lost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client
from distributed.client import ClosedClientError

from xsurvey.engine.clusters.profiles import ClusterError
from xsurvey.engine.clusters.running import RunningCluster
from xsurvey.errors import printable

LOST_SCHEDULER = (OSError, ClosedClientError)

_EVENT_WAIT_S = 3.0
_MEMORY_TOPIC = "worker-restart-memory"


def was_out_of_memory(client: Client, pid: int) -> bool:
    """Return whether a process was stopped for its memory; the news may be on its way."""
    end = time.monotonic() + _EVENT_WAIT_S
    while True:
        events = client.get_events(_MEMORY_TOPIC) or ()
        if any(event.get("pid") == pid for _, event in events):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)


@contextmanager
def lost_scheduler(backend: str) -> Iterator[None]:
    """Tell in one line that a question to the scheduler failed.

    Raises
    ------
    ClusterError
        It did.
    """
    try:
        yield
    except LOST_SCHEDULER as error:
        reason = printable(error) or type(error).__name__
        raise ClusterError(
            f"cluster '{backend}'", f"its scheduler does not answer any more ({reason})",
            "see why it ended; run again to go on",
        ) from error  # fmt: skip


def no_workers(cluster: RunningCluster) -> ClusterError:
    """Return what to raise when there have been no workers for too long."""
    return ClusterError(
        f"cluster '{cluster.profile.backend}'",
        f"no worker came within {cluster.profile.start_timeout:g} s",
        f"see why workers do not start ({cluster.waiting()}); run again to go on",
    )


@contextmanager
def first_told() -> Iterator[None]:
    """Let what fails when a lost connection is closed not hide that it was lost.

    Raises
    ------
    ClusterError
        As in the block, whatever was raised after it.
    """
    lost: list[ClusterError] = []
    try:
        yield
    except LOST_SCHEDULER as error:
        before: BaseException | None = error
        while before is not None and not isinstance(before, ClusterError):
            before = before.__context__
        if before is None:
            raise
        lost.append(before)
    if lost:
        raise lost[0]
