"""Tasks on Dask workers, and what to do when a worker dies."""

import logging
from dataclasses import dataclass, field

from distributed import Future, KilledWorker, as_completed
from distributed.scheduler import NoValidWorkerError, NoWorkerError

from xsurvey.engine.cluster import ClusterError, RunningCluster
from xsurvey.engine.store import Store
from xsurvey.engine.worker import TaskOrder, TaskReport, run_task_in_worker

logger = logging.getLogger(__name__)

# a death before the task began is not its fault, but something is wrong if that goes on
_LOSSES_ALLOWED = 20


@dataclass
class _Sent:
    order: TaskOrder
    losses: int = 0
    future: Future | None = field(default=None, repr=False)


class DaskPool:
    """Hands tasks to Dask workers, and again when a worker died that was not the task's doing.

    Parameters
    ----------
    cluster : RunningCluster
        The workers.
    store : Store
        Where to see whether a lost task had begun.
    """

    def __init__(self, cluster: RunningCluster, store: Store) -> None:
        self._cluster = cluster
        self._store = store
        self._sent: dict[str, _Sent] = {}
        self._completed = as_completed()
        # one more for each worker waits at hand, so that none idles while the client thinks
        self.capacity = 2 * cluster.workers

    def submit(self, order: TaskOrder) -> None:
        """Take an order."""
        self._send(_Sent(order))

    def wait(self) -> TaskReport:
        """Return the report of the task that ended first."""
        while True:
            future = next(self._completed)
            sent = self._sent.pop(future.key)
            report = self._report(future, sent)
            if report is not None:
                return report

    def _send(self, sent: _Sent) -> None:
        order = sent.order
        # a Dask key tells the stage (its prefix) and differs between attempts
        name = f"{order.stage.name}-{order.key[:32]}-{sent.losses}"
        sent.future = self._cluster.client.submit(run_task_in_worker, order, key=name, pure=False)
        self._sent[name] = sent
        self._completed.add(sent.future)

    def _report(self, future: Future, sent: _Sent) -> TaskReport | None:
        if future.status == "finished":
            report: TaskReport = future.result()
            future.release()
            return report
        error = None if future.cancelled() else future.exception()
        future.release()
        if isinstance(error, (NoValidWorkerError, NoWorkerError)):
            wait = f"{self._cluster.profile.start_timeout:g} s"
            raise ClusterError(
                f"cluster '{self._cluster.profile.backend}'", f"no worker came within {wait}",
                "see why workers do not start; run again to go on",
            )  # fmt: skip
        if error is None or isinstance(error, KilledWorker):
            return self._lost(sent)
        return TaskReport(sent.order.key, 0.0, f"not sent to a worker ({error})")

    def _lost(self, sent: _Sent) -> TaskReport | None:
        sent.losses += 1
        order, begun = sent.order, self._store.attempts(sent.order.key)
        if begun < self._cluster.profile.attempts and sent.losses < _LOSSES_ALLOWED:
            logger.info("a worker died; %s %s goes to another", order.stage.name, order.target)
            self._send(sent)
            return None
        memory = self._cluster.profile.memory / 1e9
        return TaskReport(
            sent.order.key, 0.0, f"its worker process died {max(begun, 1)} times: a crash in a "
            f"library, or more memory than the worker's {memory:g} GB",
        )  # fmt: skip
