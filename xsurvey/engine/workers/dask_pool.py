"""Tasks on Dask workers, and what to do when a worker dies."""

import contextlib
import logging
import math
import shutil
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import replace
from queue import Empty, Queue
from typing import Any

from distributed import Future, KilledWorker
from distributed.scheduler import NoValidWorkerError, NoWorkerError

from xsurvey.engine.clusters.running import RunningCluster
from xsurvey.engine.store import Store
from xsurvey.engine.workers.attempt import Attempt
from xsurvey.engine.workers.limits import TimeLimit, nearest_limit, out_of_time
from xsurvey.engine.workers.listener import NobodyListens, PoolListener
from xsurvey.engine.workers.loss import cause_of_death, how_often, log_of_death, too_big
from xsurvey.engine.workers.roster import Look, Roster
from xsurvey.engine.workers.scheduler import (
    LOST_SCHEDULER,
    lost_scheduler,
    no_workers,
    was_out_of_memory,
)
from xsurvey.engine.workers.sent import Sent as _Sent
from xsurvey.engine.workers.usage import Place
from xsurvey.engine.workers.worker import (
    TaskOrder,
    TaskReport,
    find_report,
    run_task_in_worker,
    take_report,
    write_log,
)

logger = logging.getLogger(__name__)

# a death before the task began is not its fault, but something is wrong if that goes on
_LOSSES_ALLOWED = 20
_SOON_S = 0.5
_SELDOM_S = 5.0
_PAUSE = 20.0
_PASSED_OVER_MOST = 500
# how long a file system may take to show what a worker has written, and a worker to answer
_LATE_S = 5.0
_ANSWER_S = 10.0
_UNSEEN = (
    "its worker left no result that can be seen here; OUTPUT must be on a disk that all nodes share"
)
_WORKERS_TOPIC = "all"


class DaskPool:
    """Hands tasks to Dask workers, and again when a worker died that was not the task's doing.

    It chooses the worker itself. A worker has one task at a time; the others wait here, not with
    it: Dask would leave them behind one that hangs, while other workers idle.

    Parameters
    ----------
    cluster : RunningCluster
        The workers.
    store : Store
        Where to see whether a lost task had begun.
    listener : PoolListener, optional
        Is told where tasks go, and of workers that were lost.
    deadline : TimeLimit, optional
        When the run is to stop, should its cluster have no end of its own before.
    most : int, optional
        How many tasks there may be under way, where the cluster may have more workers.
    """

    def __init__(
        self, cluster: RunningCluster, store: Store, listener: PoolListener | None = None,
        deadline: TimeLimit | None = None, most: int | None = None,
    ) -> None:  # fmt: skip
        self._cluster, self._store = cluster, store
        self._listener: PoolListener = listener or NobodyListens()
        self._roster = Roster(cluster)
        self._limit = nearest_limit(deadline, _end_of(cluster))
        self._backlog: deque[_Sent] = deque()
        self._passed_over = 0
        self._longest: dict[str, float] = defaultdict(float)
        self._sent: dict[str, _Sent] = {}
        self._late: list[tuple[_Sent, float]] = []
        self._reports: deque[TaskReport] = deque()
        self._ended: Queue[Future | None] = Queue()
        self._last_alive = time.monotonic()
        self._last_look, self._look_took = -math.inf, 0.0
        self._news = threading.Event()
        self._news.set()
        self.workers, self._most = cluster.workers, most
        cluster.client.subscribe_topic(_WORKERS_TOPIC, self._workers_changed)

    @property
    def capacity(self) -> int:
        """How many orders to have here at a time."""
        # one more for each worker waits at hand, so that none idles while the runner thinks; and
        # where some have to wait for time or memory, others behind them may not
        return 2 * self.workers + min(self._passed_over, _PASSED_OVER_MOST)

    @property
    def ends(self) -> float | None:
        """The Unix time at which the run has to stop."""
        return self._limit.latest if self._limit else None

    def submit(self, order: TaskOrder) -> None:
        """Take an order."""
        self._backlog.append(_Sent(order))
        self._dispatch()

    def wait(self) -> TaskReport:
        """Return the report of the task that ended first.

        Raises
        ------
        OutOfTime
            The time is over, or too short for any task that waits.
        ClusterError
            There are no workers.
        """
        while True:
            self._look_for_late()
            self._dispatch()
            if self._reports:
                return self._reports.popleft()
            self._check_time()
            try:
                future = self._ended.get(timeout=self._patience())
            except Empty:
                continue
            self._take_ended(future)

    def has_news(self) -> bool:
        """Return whether a report is there, without waiting; idle workers get their next task.

        For who has other work than to wait: it costs next to nothing.

        Raises
        ------
        OutOfTime, ClusterError
            As `wait`.
        """
        if not self._reports and not self._ended.empty():
            with contextlib.suppress(Empty):
                while True:
                    self._take_ended(self._ended.get_nowait())
            self._dispatch()
        if not self._reports and self._limit is not None and self._limit.is_over(time.time()):
            raise out_of_time(self._limit, len(self._sent))
        return bool(self._reports)

    def _take_ended(self, future: Future | None) -> None:
        # None: workers came or went; unknown: its worker was given up before
        sent = self._sent.pop(str(future.key), None) if future is not None else None
        if future is not None and sent is not None:
            self._settle(sent, self._report(future, sent))

    def warn_of(self, needs: Mapping[str, int]) -> None:
        """Say early which stages need more memory than there is, as far as that is known.

        Parameters
        ----------
        needs : mapping of str to int
            By stage, in bytes.
        """
        self._look()
        for stage, need in needs.items():
            most = self._roster.too_big(need)
            if most is not None:
                logger.warning("stage '%s' %s", stage, self._too_big(need, most))

    def close(self) -> None:
        """Hear no more of workers, before the connection to the scheduler goes."""
        with contextlib.suppress(*LOST_SCHEDULER):  # that was told
            self._cluster.client.unsubscribe_topic(_WORKERS_TOPIC)

    def _settle(self, sent: _Sent, report: TaskReport | None) -> None:
        assert sent.place is not None and sent.place.worker is not None
        self._roster.give_back(sent.place.worker)
        if report is not None:
            self._deliver(sent, report)

    def _deliver(self, sent: _Sent, report: TaskReport) -> None:
        if report.cause is None:
            stage = sent.order.stage.name
            self._longest[stage] = max(self._longest[stage], report.seconds)
        self._reports.append(replace(report, place=sent.place))

    def _look_for_late(self) -> None:
        """Look again for reports that could not be seen when their tasks had ended."""
        late, self._late = self._late, []
        for sent, until in late:
            report = find_report(self._store, sent.order.key)
            if report is None and time.monotonic() > until:
                report = self._failed(sent, _UNSEEN, [])
            if report is None:
                self._late.append((sent, until))
            else:
                self._deliver(sent, report)

    def _patience(self) -> float:
        """Return how long to wait before looking again."""
        soon = self._backlog or self._late or self._roster.misses_some
        patience = _SOON_S if soon else _SELDOM_S
        if self._news.is_set():
            patience = min(patience, _PAUSE * self._look_took)
        if self._limit is not None:
            patience = min(patience, self._limit.latest - time.time())
        return max(0.01, patience)

    def _workers_changed(self, event: Any) -> None:
        # in Dask's thread
        self._news.set()
        self._ended.put(None)

    def _look(self) -> None:
        """Look which workers are there, when there is news, or for safety's sake now and then."""
        now = time.monotonic()
        since = now - self._last_look
        watchful = self._roster.misses_some or (self._backlog and not len(self._roster))
        # when thousands of workers come one by one the scheduler must not be asked at each
        news = self._news.is_set() and since > _PAUSE * self._look_took
        if news or since > (_SOON_S if watchful else _SELDOM_S):
            self._news.clear()
            with self._asking():
                self._roster.refresh()
            self._last_look = time.monotonic()
            self._look_took = self._last_look - now
        if self._roster.misses_some:
            self._give_up_lost()
        if len(self._roster):
            self._last_alive = now
        elif self._backlog and now - self._last_alive > self._cluster.profile.start_timeout:
            raise no_workers(self._cluster)

    def _give_up_lost(self) -> None:
        """Take back tasks that were sent to workers which were gone by then."""
        for name, sent in list(self._sent.items()):
            assert sent.place is not None and sent.future is not None
            if self._roster.is_gone(str(sent.place.worker)) and sent.future.status == "pending":
                del self._sent[name]
                sent.future.cancel()
                self._settle(sent, self._lost(sent))

    def _dispatch(self) -> None:
        """Give each worker that has no task one that it may be given."""
        self._look()
        if not self._backlog or not self._roster.has_idle:
            return
        look, now, passed_over = Look(), time.time(), []
        while self._backlog and self._roster.has_idle and not self._has_its_most:
            sent = self._backlog.popleft()
            need, seconds = sent.order.stage.need, self._expected(sent)
            most = self._roster.too_big(need)
            if most is not None:
                cause = self._too_big(need or 0, most)
                self._reports.append(TaskReport(sent.order.key, 0.0, cause))
                continue
            address = None
            if self._limit is None or self._limit.allows(now, seconds):
                address = self._roster.choose(need, seconds, look)
            if address is None:
                passed_over.append(sent)
            else:
                self._send(sent, address)
        self._backlog.extendleft(reversed(passed_over))
        self._passed_over = len(passed_over)

    def _too_big(self, need: int, most: int) -> str:
        return too_big(need, most, self._cluster.profile.backend, self._roster.all_came)

    @property
    def _has_its_most(self) -> bool:
        return self._most is not None and len(self._sent) >= self._most

    def _expected(self, sent: _Sent) -> float:
        told, seen = sent.order.expected_seconds or 0.0, self._longest[sent.order.stage.name]
        return max(told, seen, sent.seconds)

    def _send(self, sent: _Sent, address: str) -> None:
        order, facts = sent.order, self._roster.facts(address)
        assert facts is not None
        sent.tries += 1
        sent.place = Place(facts.host, address, facts.job, sent.tries)
        sent.limit = self._roster.limit(address)
        # a Dask key tells the stage (its prefix) and differs between attempts
        name = f"{order.stage.name}-{order.key[:32]}-{self._store.run}-{sent.tries}"
        self._roster.take(address, order.stage.need)
        with self._asking():
            sent.future = self._cluster.client.submit(
                run_task_in_worker, order, self._cluster.profile.task_timeout, key=name, pure=False,
                workers=[address], allow_other_workers=False,
            )  # fmt: skip
        self._sent[name] = sent
        sent.future.add_done_callback(self._ended.put)
        self._listener.given(order, sent.place)

    def _check_time(self) -> None:
        limit, now = self._limit, time.time()
        if limit is None:
            return
        if limit.is_over(now) or (
            self._backlog
            and not (self._sent or self._late)
            and not any(limit.allows(now, self._expected(sent)) for sent in self._backlog)
        ):
            raise out_of_time(limit, len(self._sent))

    def _asking(self) -> contextlib.AbstractContextManager[None]:
        return lost_scheduler(self._cluster.profile.backend)

    def _report(self, future: Future, sent: _Sent) -> TaskReport | None:
        # whatever became of its worker since: it need not be asked
        report = take_report(self._store, sent.order.key)
        error: BaseException | None = None
        try:
            status = future.status
            if report is None and status == "finished":
                # it has had no other task since, and answers; but it may die before
                report = future.result(timeout=_ANSWER_S)
                if report is None:
                    self._late.append((sent, time.monotonic() + _LATE_S))
                    return None
            elif report is None and status == "error":  # in any other state it would wait for one
                error = future.exception(timeout=_ANSWER_S)
        except (KilledWorker, CancelledError, TimeoutError):  # with the report
            error = None
        finally:
            future.release()
        if report is not None:
            return report
        # no valid worker: the one that was chosen had gone
        lost_worker = (KilledWorker, CancelledError, NoValidWorkerError, NoWorkerError)
        if error is None or isinstance(error, lost_worker):
            return self._lost(sent)
        return TaskReport(sent.order.key, 0.0, f"not sent to a worker ({error})")

    def _lost(self, sent: _Sent) -> TaskReport | None:
        self._last_look = -math.inf  # news of it may be late, and its worker must not be chosen
        dead = self._store.attempts(sent.order.key)
        if sent.limit is not None and sent.limit.is_over(time.time()):
            return self._cut_short(sent, dead)
        sent.losses += 1
        timed_out = any(attempt.end()[0] == "timeout" for attempt in dead)
        may_go_on = len(dead) < self._cluster.profile.attempts and not timed_out
        if may_go_on and sent.losses < _LOSSES_ALLOWED:
            for attempt in dead:  # may be large
                shutil.rmtree(attempt.outputs, ignore_errors=True)
            self._again(sent, "a worker died")
            return None
        cause = f"{sent.losses} workers died before they began it"
        if dead:
            cause = cause_of_death(dead, self._cluster.profile, self._was_out_of_memory)
        return self._failed(sent, cause, dead)

    def _cut_short(self, sent: _Sent, dead: list[Attempt]) -> TaskReport | None:
        """Have a task done again whose worker's job had come to its end, which is no fault."""
        sent.cuts += 1
        if sent.cuts >= self._cluster.profile.attempts:
            times = how_often(sent.cuts)
            cause = f"its worker's job reached its walltime {times}; give the profile a longer one"
            return self._failed(sent, cause, dead)
        if dead:
            sent.seconds = max(sent.seconds, dead[-1].seconds())
            dead[-1].discard()
        self._again(sent, "the walltime of a worker's job ended")
        return None

    def _again(self, sent: _Sent, why: str) -> None:
        stage, target = sent.order.stage.name, sent.order.target
        logger.info("%s; %s %s goes to another", why, stage, target)
        if sent.place is not None:
            self._listener.lost(sent.order, sent.place, why)
        self._backlog.appendleft(sent)

    def _failed(self, sent: _Sent, cause: str, dead: list[Attempt]) -> TaskReport:
        order = sent.order
        write_log(self._store.log_file(order.key), log_of_death(cause, dead))
        seconds = dead[-1].seconds() if dead else 0.0
        for attempt in dead:
            attempt.discard()
        return TaskReport(order.key, seconds, cause)

    def _was_out_of_memory(self, pid: int) -> bool:
        with self._asking():
            return was_out_of_memory(self._cluster.client, pid)


def _end_of(cluster: RunningCluster) -> TimeLimit | None:
    margin, ends = cluster.profile.walltime_margin, cluster.ends
    return None if ends is None else TimeLimit("walltime", time.time(), ends, margin)
