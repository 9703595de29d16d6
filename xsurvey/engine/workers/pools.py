"""Who does the tasks: this process, or the workers of a cluster."""

import logging
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from xsurvey.engine.clusters.profiles import ClusterProfile, load_profile
from xsurvey.engine.clusters.running import start_cluster
from xsurvey.engine.store import Store
from xsurvey.engine.workers.limits import TimeLimit, out_of_time
from xsurvey.engine.workers.listener import NobodyListens, PoolListener
from xsurvey.engine.workers.usage import Place
from xsurvey.engine.workers.worker import TaskOrder, TaskReport, run_task

logger = logging.getLogger(__name__)

PERFORMANCE_NAME = "performance.html"


class Pool(Protocol):
    """Takes orders and gives reports, in any order."""

    workers: int
    """How many tasks are done at a time; 0 if this process itself does them."""

    @property
    def capacity(self) -> int:
        """How many orders to have with it at a time."""

    @property
    def ends(self) -> float | None:
        """The Unix time at which the run has to stop; None for never."""

    def submit(self, order: TaskOrder) -> None:
        """Take an order."""

    def wait(self) -> TaskReport:
        """Return the report of one of the orders taken, when there is one."""

    def has_news(self) -> bool:
        """Return whether a report is there, without waiting for one.

        To be called now and then by who has other work: it keeps the workers busy meanwhile.
        """


class SerialPool:
    """Does each task in this process when asked for its report: for tests and debugging.

    Nobody is there to stop a task: limits of time and memory do not hold, and a crash ends all.
    But none begins for which the time left is too short.
    """

    workers = 0
    capacity = 1

    def __init__(
        self, listener: PoolListener | None = None, deadline: TimeLimit | None = None
    ) -> None:
        self._orders: deque[TaskOrder] = deque()
        self._listener: PoolListener = listener or NobodyListens()
        self._deadline = deadline
        self._longest: dict[str, float] = {}

    @property
    def ends(self) -> float | None:
        """The Unix time after which no task begins."""
        return self._deadline.latest if self._deadline else None

    def submit(self, order: TaskOrder) -> None:
        """Take an order."""
        self._orders.append(order)

    def wait(self) -> TaskReport:
        """Do the oldest order."""
        order, place = self._orders.popleft(), Place(socket.gethostname())
        stage = order.stage.name
        seconds = max(order.expected_seconds or 0.0, self._longest.get(stage, 0.0))
        if self._deadline is not None and not self._deadline.allows(time.time(), seconds):
            raise out_of_time(self._deadline, 0)
        self._listener.given(order, place)
        report = run_task(order)
        self._longest[stage] = max(self._longest.get(stage, 0.0), report.seconds)
        return replace(report, place=place)

    def has_news(self) -> bool:
        """Return False: nothing is done but when waited for."""
        return False


@contextmanager
def open_pool(
    cluster: str | ClusterProfile,
    workers: int | None,
    store: Store,
    listener: PoolListener | None = None,
    began: float | None = None,
    needs: Mapping[str, int] | None = None,
) -> Iterator[Pool]:
    """Start what does the tasks: a cluster, or with 0 workers nothing but this process.

    Parameters
    ----------
    cluster : str or ClusterProfile
        Which workers.
    workers : int or None
        How many.
    store : Store
        Where results go.
    listener : PoolListener, optional
        Is told where tasks go.
    began : float, optional
        The Unix time from which the profile's ``time_limit`` counts; now if not given.
    needs : mapping of str to int, optional
        The memory in bytes that tasks of a stage need, of stages that say so.
    """
    profile = load_profile(cluster) if isinstance(cluster, str) else cluster
    deadline = _deadline(profile, time.time() if began is None else began)
    if workers == 0:
        yield SerialPool(listener, deadline)
        return
    from xsurvey.engine.watching.performance import performance_report  # noqa: PLC0415
    from xsurvey.engine.workers.dask_pool import DaskPool  # noqa: PLC0415 - half a second, when needed
    from xsurvey.engine.workers.scheduler import first_told  # noqa: PLC0415

    sized = profile.sized_to(max((needs or {}).values(), default=0))
    with (
        first_told(),
        start_cluster(sized, workers, store.root / "jobs" / store.run, deadline) as running,
        performance_report(running.client, store.output / PERFORMANCE_NAME),
    ):
        pool = DaskPool(running, store, listener, deadline, workers or profile.workers)
        try:
            pool.warn_of(needs or {})
            yield pool
        finally:
            pool.close()


def _deadline(profile: ClusterProfile, began: float) -> TimeLimit | None:
    if profile.time_limit is None:
        return None
    return TimeLimit("time limit", began, began + profile.time_limit, profile.walltime_margin)
