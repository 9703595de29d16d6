"""Tasks on Dask workers, and what to do when a worker dies."""

import logging
import shutil
import time
from collections import deque
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from queue import Empty, Queue

from distributed import Future, KilledWorker
from distributed.scheduler import NoValidWorkerError, NoWorkerError

from xsurvey.engine.clusters.profiles import ClusterError
from xsurvey.engine.clusters.running import RunningCluster
from xsurvey.engine.store import Store
from xsurvey.engine.workers.attempt import Attempt
from xsurvey.engine.workers.worker import (
    TaskOrder,
    TaskReport,
    run_task_in_worker,
    take_report,
    write_log,
)

logger = logging.getLogger(__name__)

# a death before the task began is not its fault, but something is wrong if that goes on
_LOSSES_ALLOWED = 20
_EVENT_WAIT_S = 3.0
_LOOK_EVERY_S = 0.5
_MEMORY_TOPIC = "worker-restart-memory"


@dataclass
class _Sent:
    order: TaskOrder
    losses: int = 0
    future: Future | None = field(default=None, repr=False)


class DaskPool:
    """Hands tasks to Dask workers, and again when a worker died that was not the task's doing.

    A worker has one task at a time; the others wait here, not with it: Dask would leave them
    behind one that hangs, while other workers idle.

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
        self._backlog: deque[_Sent] = deque()
        self._sent: dict[str, _Sent] = {}
        self._ended: Queue[Future] = Queue()
        self._last_alive = time.monotonic()
        self.workers = cluster.workers
        # one more for each worker waits at hand, so that none idles while the runner thinks
        self.capacity = 2 * cluster.workers

    def submit(self, order: TaskOrder) -> None:
        """Take an order."""
        self._backlog.append(_Sent(order))
        self._dispatch()

    def wait(self) -> TaskReport:
        """Return the report of the task that ended first."""
        while True:
            try:
                future = self._ended.get(timeout=_LOOK_EVERY_S if self._backlog else None)
            except Empty:  # workers may have come
                self._dispatch()
                continue
            report = self._report(future, self._sent.pop(str(future.key)))
            self._dispatch()
            if report is not None:
                return report

    def _dispatch(self) -> None:
        """Give a task to each worker that has none."""
        if not self._backlog:
            return
        alive, now = sum(self._cluster.client.nthreads().values()), time.monotonic()
        if alive:
            self._last_alive = now
        elif now - self._last_alive > self._cluster.profile.start_timeout:
            raise self._no_workers()
        while self._backlog and len(self._sent) < alive:
            self._send(self._backlog.popleft())

    def _send(self, sent: _Sent) -> None:
        order = sent.order
        # a Dask key tells the stage (its prefix) and differs between attempts
        name = f"{order.stage.name}-{order.key[:32]}-{self._store.run}-{sent.losses}"
        sent.future = self._cluster.client.submit(
            run_task_in_worker, order, self._cluster.profile.task_timeout, key=name, pure=False
        )
        self._sent[name] = sent
        sent.future.add_done_callback(self._ended.put)

    def _no_workers(self) -> ClusterError:
        return ClusterError(
            f"cluster '{self._cluster.profile.backend}'",
            f"no worker came within {self._cluster.profile.start_timeout:g} s",
            "see why workers do not start; run again to go on",
        )

    def _report(self, future: Future, sent: _Sent) -> TaskReport | None:
        error: BaseException | None
        try:
            if future.status == "finished":
                # not asked of the worker, which may be busy with a task that lets nobody in
                report: TaskReport | None = take_report(self._store, sent.order.key)
                return report if report is not None else future.result()
            error = None if future.cancelled() else future.exception()
        except (KilledWorker, CancelledError) as lost:  # with the report, before it was fetched
            error = lost
        finally:
            future.release()
        if isinstance(error, (NoValidWorkerError, NoWorkerError)):
            raise self._no_workers()
        if error is None or isinstance(error, (KilledWorker, CancelledError)):
            return self._lost(sent)
        return TaskReport(sent.order.key, 0.0, f"not sent to a worker ({error})")

    def _lost(self, sent: _Sent) -> TaskReport | None:
        sent.losses += 1
        order, dead = sent.order, self._store.attempts(sent.order.key)
        timed_out = any(attempt.end()[0] == "timeout" for attempt in dead)
        may_go_on = len(dead) < self._cluster.profile.attempts and not timed_out
        if may_go_on and sent.losses < _LOSSES_ALLOWED:
            for attempt in dead:  # may be large
                shutil.rmtree(attempt.outputs, ignore_errors=True)
            logger.info("a worker died; %s %s goes to another", order.stage.name, order.target)
            self._backlog.appendleft(sent)
            return None
        cause = self._cause(dead) if dead else f"{sent.losses} workers died before they began it"
        write_log(self._store.log_file(order.key), _log_text(cause, dead))
        seconds = time.time() - dead[-1].began() if dead else 0.0
        for attempt in dead:
            attempt.discard()
        return TaskReport(order.key, seconds, cause)

    def _cause(self, dead: list[Attempt]) -> str:
        """Return why a task has failed at which workers died.

        It has no numbers of processes nor anything else that differs from run to run: it is part
        of the keys of tasks that go on without this one.
        """
        profile = self._cluster.profile
        ends = [attempt.end() for attempt in dead]
        if any(end == "timeout" for end, _ in ends):
            return f"took longer than {_time_text(profile.task_timeout or 0.0)} (task_timeout)"
        times = f"{len(dead)} times" if len(dead) > 1 else "once"
        end, name = ends[-1]
        if end == "crash":
            return f"its worker process crashed {times} ({name}): an error in a library"
        if end == "terminated" and self._was_out_of_memory(dead[-1].pid):
            limit = f"{profile.memory / 1e9:g} GB"
            return f"its worker process was stopped {times} at its memory limit of {limit}"
        if end == "terminated":
            return f"its worker process was asked to stop (SIGTERM) {times}"
        return (
            f"its worker process died {times} without a trace: killed by a system short of memory "
            "or by hand, or ended by a library"
        )

    def _was_out_of_memory(self, pid: int) -> bool:
        """Return whether the process was stopped for its memory; the news may be on its way."""
        end = time.monotonic() + _EVENT_WAIT_S
        while True:
            events = self._cluster.client.get_events(_MEMORY_TOPIC) or ()
            if any(event.get("pid") == pid for _, event in events):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.05)


def _log_text(cause: str, dead: list[Attempt]) -> str:
    parts = [f"{cause}\n"]
    for number, attempt in enumerate(dead, start=1):
        trace = _task_stack(attempt.trace()) or "no stack was written: it was killed at once\n"
        parts.append(f"\nattempt {number}, process {attempt.pid} on {attempt.host}\n{trace}")
    return "".join(parts)


def _task_stack(trace: str) -> str:
    """Return the stack of the thread that did the task, if it can be told from the others."""
    head, _, _ = trace.partition("\n")
    for stack in trace.split("\n\n"):
        if f"in {run_task_in_worker.__name__}\n" in stack:
            return f"{head}\n{stack.removeprefix(head).lstrip()}\n"
    return trace


def _time_text(seconds: float) -> str:
    """Return a time as a profile writes it.

    Examples
    --------
    >>> _time_text(5400.0), _time_text(2.0)
    ('1.5 h', '2 s')
    """
    unit, size = next(u for u in _UNITS if seconds >= u[1] or u[0] == "s")
    return f"{seconds / size:g} {unit}"


_UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))
