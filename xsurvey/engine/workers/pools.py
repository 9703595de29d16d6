"""Who does the tasks: this process, or the workers of a cluster."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from xsurvey.engine.clusters.profiles import ClusterProfile
from xsurvey.engine.clusters.running import start_cluster
from xsurvey.engine.store import Store
from xsurvey.engine.workers.worker import TaskOrder, TaskReport, run_task


class Pool(Protocol):
    """Takes orders and gives reports, in any order."""

    workers: int
    """How many tasks are done at a time; 0 if this process itself does them."""

    capacity: int
    """How many orders to have with it at a time."""

    def submit(self, order: TaskOrder) -> None:
        """Take an order."""

    def wait(self) -> TaskReport:
        """Return the report of one of the orders taken, when there is one."""


class SerialPool:
    """Does each task in this process when asked for its report: for tests and debugging.

    Nobody is there to stop a task: limits of time and memory do not hold, and a crash ends all.
    """

    workers = 0
    capacity = 1

    def __init__(self) -> None:
        self._orders: deque[TaskOrder] = deque()

    def submit(self, order: TaskOrder) -> None:
        """Take an order."""
        self._orders.append(order)

    def wait(self) -> TaskReport:
        """Do the oldest order."""
        return run_task(self._orders.popleft())


@contextmanager
def open_pool(cluster: str | ClusterProfile, workers: int | None, store: Store) -> Iterator[Pool]:
    """Start what does the tasks: a cluster, or with 0 workers nothing but this process."""
    if workers == 0:
        yield SerialPool()
        return
    from xsurvey.engine.workers.dask_pool import DaskPool  # noqa: PLC0415 - half a second, when needed

    with start_cluster(cluster, workers, store.root / "jobs" / store.run) as running:
        yield DaskPool(running, store)
