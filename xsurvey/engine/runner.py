"""Does a plan: what is not done yet, in order, a bounded number of tasks at a time."""

import heapq
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from xsurvey.engine.clusters.profiles import ClusterProfile, load_profile
from xsurvey.engine.families import Member, OpenFamily, read_members
from xsurvey.engine.family_result import commit_family, damaged_member
from xsurvey.engine.interrupts import stop_signals
from xsurvey.engine.plan import Plan, Task, TaskId, described_inputs, task_key, task_seed
from xsurvey.engine.provenance import task_provenance
from xsurvey.engine.readiness import Readiness, absolute
from xsurvey.engine.result import RunResult, Status, TaskOutcome
from xsurvey.engine.store import Store
from xsurvey.engine.watching.board import ProgressBoard
from xsurvey.engine.watching.progress import Progress, counts_line, default_progress
from xsurvey.engine.workers.limits import with_left
from xsurvey.engine.workers.pools import Pool, open_pool
from xsurvey.engine.workers.usage import Usage
from xsurvey.engine.workers.worker import TaskOrder, TaskReport
from xsurvey.errors import OutOfTime

logger = logging.getLogger(__name__)

_FEW_TASKS = 200
_LOOK_EVERY_S = 0.2


def run_plan(
    plan: Plan,
    store: Store,
    *,
    cluster: str | ClusterProfile = "local",
    workers: int | None = None,
    progress: Progress | None = None,
    summary: Path | None = None,
    config: Mapping[str, Any] | None = None,
) -> RunResult:
    """Do the tasks of a plan that are not done yet.

    A task that fails makes those that need it skipped; all others go on. Results depend neither
    on the number of workers nor on the order in which tasks end.

    Parameters
    ----------
    plan : Plan
        What to do.
    store : Store
        Where results are and go.
    cluster : str or ClusterProfile
        Which workers; none are started when there is nothing to do.
    workers : int, optional
        How many; 0 does everything in this process, one task after the other, with the threads
        that this process has.
    progress : Progress, optional
        Where to show how far it is; bars on a terminal and log lines elsewhere if not given.
    summary : path, optional
        Write ``run.json`` there, also when the run is interrupted.
    config : mapping, optional
        The configuration, for the summary.

    Raises
    ------
    InputError
        An input file is missing or cannot be read.
    OutputError
        The store cannot be written, or another run uses it.
    ParameterError
        No such cluster profile.
    OutOfTime
        The workers' walltime, or the profile's ``time_limit``, came; what is done is kept.
    KeyboardInterrupt
        The user interrupted; what is done is kept.
    """
    profile = load_profile(cluster) if isinstance(cluster, str) else cluster
    with stop_signals(), store.writing(), ExitStack() as stack:
        began, needs = time.time(), {t.stage.name: t.stage.need for t in plan.tasks if t.stage.need}
        board = ProgressBoard(plan, store, profile.backend, progress or default_progress())
        stack.callback(board.stop)
        files = plan.input_files()
        logger.info("looking at %d input files", len(files))
        store.hashes.prepare(files)
        store.hashes.save()
        run = _Run(plan, store, profile.backend, board)
        stack.callback(run.finish, summary, config)
        run.execute(
            lambda: stack.enter_context(open_pool(profile, workers, store, board, began, needs))
        )
        return run.result


class _Sent(NamedTuple):
    """What a worker was given: a task, or a member of a family."""

    id: TaskId
    task: Task
    member: Member | None = None


class _Run:
    """The state of one run: which tasks are settled, ready and under way."""

    def __init__(self, plan: Plan, store: Store, cluster: str, board: ProgressBoard) -> None:
        self._plan, self._store, self._board = plan, store, board
        outcomes = {task.id: TaskOutcome(task.id, "pending") for task in plan.tasks}
        self.result = RunResult(store, plan.seed, cluster, outcomes)
        self._inputs = Readiness(plan, store, outcomes)
        self._clock = time.monotonic()
        self._position = {task.id: i for i, task in enumerate(plan.tasks)}
        self._waiting = {task.id: len(plan.upstream[task.id]) for task in plan.tasks}
        self._ready = [i for i, task in enumerate(plan.tasks) if not self._waiting[task.id]]
        self._under_way: dict[str, _Sent] = {}
        self._families: dict[TaskId, OpenFamily] = {}
        self._longest: dict[str, float] = {}
        self._pool: Pool | None = None

    def execute(self, open_pool: Callable[[], Pool]) -> None:
        try:
            while self._ready or self._under_way:
                self._store.check_lock()
                began = time.monotonic()
                while self._may_begin() and time.monotonic() - began < _LOOK_EVERY_S:
                    self._begin(self._plan.tasks[heapq.heappop(self._ready)], open_pool)
                if self._pool is None or not self._under_way:
                    continue
                # looking up what is done already may take long: workers do not wait for its end
                if self._pool.has_news() or not self._may_begin():
                    self._end(self._pool.wait())
        except BaseException as error:
            self.result.interrupted = type(error).__name__
            if isinstance(error, OutOfTime):
                raise with_left(error, self._left()) from None
            raise

    def _may_begin(self) -> bool:
        """Return whether a task is ready, and the pool has room for another."""
        pool = self._pool
        return bool(self._ready) and (pool is None or len(self._under_way) < pool.capacity)

    def _left(self) -> int:
        """Return how many tasks and members are not settled."""
        members = sum(family.left for family in self._families.values())
        return self.result.counts()["pending"] + members

    def finish(self, summary: Path | None, config: Mapping[str, Any] | None) -> None:
        self._board.tasks_ended(self.result.interrupted is None)
        self.result.seconds = time.monotonic() - self._clock
        self.result.watched = self._board.summary()
        counts, pending = self.result.counts(), self._left()
        counts.pop("pending", None)
        line = counts_line(counts, counts.total() + pending)
        nothing = self._pool is None and not pending
        logger.info("%s%s", "nothing to do: " if nothing else "", line)
        if summary is not None and not self._store.is_taken():
            self.result.write(summary, config)

    def _begin(self, task: Task, open_pool: Callable[[], Pool]) -> None:
        if task.id in self._families:
            self._begin_member(self._families[task.id], open_pool)
            return
        missing, unmet = self._inputs.failed_inputs(task)
        if unmet is not None:
            self._settle(unmet)
            return
        keys = self._inputs.keys_upstream(task)
        inputs = described_inputs(task, self._store.hashes.sha256, keys)
        key = task_key(task, self._plan.seed, inputs, missing)
        known = self._store.manifest(key)
        if task.over is not None:
            self._begin_family(task, key, known, inputs, missing)
        elif known is not None:
            self._settle(_cached(task.id, key, known))
        else:
            provenance = task_provenance(task, self._plan.seed, inputs, missing)
            self._send(_Sent(task.id, task), self._order(task, key, provenance, missing), open_pool)

    def _begin_family(
        self, task: Task, key: str, known: Mapping[str, Any] | None, inputs: Mapping[str, Any],
        missing: Mapping[str, str],
    ) -> None:  # fmt: skip
        whole = known is not None and not known.get("failures")
        if known is not None and whole and damaged_member(self._store, key) is None:
            members = tuple(read_members(self._store.folder(key)))
            self._settle(replace(_cached(task.id, key, known), members=members))
            return
        assert task.over is not None
        parts = self._inputs.path(task.over)
        family = OpenFamily(task, key, parts, inputs, missing, self._plan.seed, self._store)
        self._families[task.id] = family
        self.result.opened.add(task.id)
        # it stands for itself no more, but for its members
        self._board.grown(task.stage.name, family.size - 1)
        heapq.heappush(self._ready, self._position[task.id])

    def _begin_member(self, family: OpenFamily, open_pool: Callable[[], Pool]) -> None:
        task, size = family.task, family.size
        member = family.next_member()
        self._board.grown(task.stage.name, family.size - size)
        if member is None:
            family.in_line = False
            if family.ended:
                self._end_family(family)
            return
        heapq.heappush(self._ready, self._position[task.id])  # there may be more
        known = self._store.manifest(member.key)
        label = family.label(member)
        if known is not None:
            outcome = _cached(label, member.key, known)
            family.member_done(member, outcome.seconds)
            self._note_member(outcome)
            return
        order = self._order(task, member.key, family.provenance(member), family.missing)
        order = replace(order, elements=member.elements)
        self._send(_Sent(label, task, member), order, open_pool)

    def _send(self, sent: _Sent, order: TaskOrder, open_pool: Callable[[], Pool]) -> None:
        if self._pool is None:
            self._pool = open_pool()
            self._board.begin(self._pool.workers, self._pool.ends)
        self._under_way[order.key] = sent
        self._board.sent(order.key, sent.id)
        # of few tasks each may be long; lines of thousands would hide everything else
        level = logging.INFO if len(self._plan.tasks) <= _FEW_TASKS else logging.DEBUG
        logger.log(level, "%s: started", sent.id)
        self._pool.submit(order)

    def _order(
        self, task: Task, key: str, provenance: Mapping[str, Any], missing: Mapping[str, str]
    ) -> TaskOrder:
        files = [r for r in task.references() if isinstance(r, Path)]
        return TaskOrder(
            key=key,
            stage=task.stage,
            target=task.target,
            inputs=self._inputs.paths(task),
            stamps={absolute(f): self._store.hashes.stamp(f) for f in files},
            parameters=task.parameters,
            seed=task_seed(task, self._plan.seed),
            missing=missing,
            provenance=provenance,
            output=self._store.root.parent,
            run=self._store.run,
            log_level=logging.getLogger("xsurvey").getEffectiveLevel(),
            expected_seconds=self._longest.get(task.stage.name),
        )

    def _end(self, report: TaskReport) -> None:
        sent = self._under_way.pop(report.key)
        self._board.ended(report.key)
        outcome = TaskOutcome(
            sent.id, "done", report.key, report.seconds, None, report.record, report.warnings,
            usage=report.usage,
        )  # fmt: skip
        for warning in report.warnings:
            logger.warning("%s: %s", sent.id, warning)
        if report.cause is not None:
            outcome = replace(outcome, status="failed", cause=report.cause, record={})
        if sent.member is not None:
            self._end_member(self._families[sent.task.id], sent.member, outcome)
            return
        if report.cause is not None:
            logger.error("%s: failed: %s", sent.id, report.cause)
        self._settle(outcome)

    def _end_member(self, family: OpenFamily, member: Member, outcome: TaskOutcome) -> None:
        if outcome.cause is None:
            family.worked = True
            family.member_done(member, outcome.seconds)
            self._note_member(outcome)
        elif family.member_failed(member, outcome.cause):
            logger.info("%s: failed (%s); one by one", outcome.id, outcome.cause)
            self._board.divided(outcome, len(member.elements))
        else:
            logger.error("%s: failed: %s", outcome.id, outcome.cause)
            self._note_member(outcome)
        if not family.in_line:
            family.in_line = True
            heapq.heappush(self._ready, self._position[family.task.id])

    def _time(self, outcome: TaskOutcome) -> None:
        """Remember how long tasks of a stage take, in this run or an earlier one."""
        stage = outcome.id.stage
        if outcome.good:
            self._longest[stage] = max(self._longest.get(stage, 0.0), outcome.seconds)

    def _note_member(self, outcome: TaskOutcome) -> None:
        self._time(outcome)
        self.result.members[outcome.status] += 1
        self._board.settled(outcome)

    def _end_family(self, family: OpenFamily) -> None:
        task = self._families.pop(family.task.id).task
        record, failures = family.record(), family.failures
        # without work in this run it still is not from an earlier one if nothing was to be done
        status: Status = "done" if family.worked or not family.members() else "cached"
        cause = None
        if failures and not family.members():
            status, cause = "failed", f"all its elements failed: {next(iter(failures.values()))}"
        else:
            provenance = task_provenance(task, self._plan.seed, family.inputs, family.missing)
            commit_family(self._store, family, provenance)
        # the board had its members
        self._note(TaskOutcome(
            task.id, status, family.key, family.seconds, cause, record,
            failures=failures, members=tuple(family.members()),
        ))  # fmt: skip

    def _settle(self, outcome: TaskOutcome) -> None:
        self._board.settled(outcome)
        self._note(outcome)

    def _note(self, outcome: TaskOutcome) -> None:
        self.result.outcomes[outcome.id] = outcome
        if not outcome.members:
            self._time(outcome)
        for other in self._plan.dependants[outcome.id]:
            self._waiting[other] -= 1
            if not self._waiting[other]:
                heapq.heappush(self._ready, self._position[other])


def _cached(task: TaskId, key: str, manifest: Mapping[str, Any]) -> TaskOutcome:
    about = manifest.get("provenance", {})
    seconds, usage = float(about.get("seconds", 0.0)), Usage.recorded(about)
    record, warnings = manifest.get("record", {}), tuple(manifest.get("warnings", ()))
    return TaskOutcome(task, "cached", key, seconds, None, record, warnings, usage=usage)
