"""Does a plan: what is not done yet, in order, a bounded number of tasks at a time."""

import heapq
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from xsurvey.engine.clusters.profiles import ClusterProfile, load_profile
from xsurvey.engine.interrupts import stop_signals
from xsurvey.engine.plan import OutputOf, Plan, Task, TaskId, described_inputs, task_key, task_seed
from xsurvey.engine.provenance import task_provenance
from xsurvey.engine.result import RunResult, TaskOutcome
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


class _Run:
    """The state of one run: which tasks are settled, ready and under way."""

    def __init__(self, plan: Plan, store: Store, cluster: str, board: ProgressBoard) -> None:
        self._plan, self._store, self._board = plan, store, board
        outcomes = {task.id: TaskOutcome(task.id, "pending") for task in plan.tasks}
        self.result = RunResult(store, plan.seed, cluster, outcomes)
        self._clock = time.monotonic()
        self._position = {task.id: i for i, task in enumerate(plan.tasks)}
        self._waiting = {task.id: len(plan.upstream[task.id]) for task in plan.tasks}
        self._ready = [i for i, task in enumerate(plan.tasks) if not self._waiting[task.id]]
        self._under_way: dict[str, Task] = {}
        self._pool: Pool | None = None

    def execute(self, open_pool: Callable[[], Pool]) -> None:
        try:
            while self._ready or self._under_way:
                self._store.check_lock()
                while self._ready and (
                    self._pool is None or len(self._under_way) < self._pool.capacity
                ):
                    self._begin(self._plan.tasks[heapq.heappop(self._ready)], open_pool)
                if self._under_way and self._pool is not None:
                    self._end(self._pool.wait())
        except BaseException as error:
            self.result.interrupted = type(error).__name__
            if isinstance(error, OutOfTime):
                raise with_left(error, self.result.counts()["pending"]) from None
            raise

    def finish(self, summary: Path | None, config: Mapping[str, Any] | None) -> None:
        self._board.tasks_ended(self.result.interrupted is None)
        self.result.seconds = time.monotonic() - self._clock
        self.result.watched = self._board.summary()
        counts = self.result.counts()
        pending = counts.pop("pending", 0)
        line = counts_line(counts, counts.total() + pending)
        nothing = self._pool is None and not pending
        logger.info("%s%s", "nothing to do: " if nothing else "", line)
        if summary is not None and not self._store.is_taken():
            self.result.write(summary, config)

    def _begin(self, task: Task, open_pool: Callable[[], Pool]) -> None:
        missing, unmet = self._failed_inputs(task)
        if unmet is not None:
            self._settle(unmet)
            return
        keys = self._keys_upstream(task)
        inputs = described_inputs(task, self._store.hashes.sha256, keys)
        key = task_key(task, self._plan.seed, inputs, missing)
        known = self._store.manifest(key)
        if known is not None:
            self._settle(_cached(task, key, known))
            return
        if self._pool is None:
            self._pool = open_pool()
            self._board.begin(self._pool.workers, self._pool.ends)
        self._under_way[key] = task
        self._board.sent(key, task.id)
        # of few tasks each may be long; lines of thousands would hide everything else
        level = logging.INFO if len(self._plan.tasks) <= _FEW_TASKS else logging.DEBUG
        logger.log(level, "%s: started", task.id)
        self._pool.submit(self._order(task, key, inputs, missing))

    def _failed_inputs(self, task: Task) -> tuple[dict[str, str], TaskOutcome | None]:
        """Return the targets to go on without, or the outcome if that cannot be."""
        outcomes = self.result.outcomes
        bad = [outcomes[i] for i in self._plan.upstream[task.id] if not outcomes[i].good]
        if not bad:
            return {}, None
        dispensable = self._dispensable(task) if not task.stage.needs_all else set()
        vital = [outcome for outcome in bad if outcome.id not in dispensable]
        if vital or self._nothing_left(task):
            first = (vital or bad)[0]
            root = first.root or first.id
            cause = f"needs {root}, which failed"
            return {}, TaskOutcome(task.id, "skipped", cause=cause, root=root)
        roots = {o.id.target: outcomes[o.root or o.id] for o in bad}
        return {target: f"{o.id.stage}: {o.cause}" for target, o in roots.items()}, None

    def _dispensable(self, task: Task) -> set[TaskId]:
        lists = [v for v in task.inputs.values() if not isinstance(v, (Path, OutputOf))]
        singles = [v for v in task.inputs.values() if isinstance(v, OutputOf)]
        members = {r.task.id for v in lists for r in v if isinstance(r, OutputOf)}
        return members - {r.task.id for r in singles}

    def _nothing_left(self, task: Task) -> bool:
        """Tell whether a list that the stage must have has no member left."""
        lists = [task.inputs[name] for name in task.stage.inputs]
        several = [v for v in lists if not isinstance(v, (Path, OutputOf)) and len(v)]
        return any(not any(self._good(r) for r in members) for members in several)

    def _good(self, reference: Path | OutputOf) -> bool:
        return isinstance(reference, Path) or self.result.outcomes[reference.task.id].good

    def _keys_upstream(self, task: Task) -> dict[TaskId, str]:
        found = (self.result.outcomes[i] for i in self._plan.upstream[task.id])
        return {o.id: o.key for o in found if o.good and o.key is not None}

    def _order(
        self, task: Task, key: str, inputs: Mapping[str, Any], missing: Mapping[str, str]
    ) -> TaskOrder:
        files = [r for r in task.references() if isinstance(r, Path)]
        return TaskOrder(
            key=key,
            stage=task.stage,
            target=task.target,
            inputs={name: self._paths(value) for name, value in task.inputs.items()},
            stamps={_absolute(f): self._store.hashes.stamp(f) for f in files},
            parameters=task.parameters,
            seed=task_seed(task, self._plan.seed),
            missing=missing,
            provenance=task_provenance(task, self._plan.seed, inputs, missing),
            output=self._store.root.parent,
            run=self._store.run,
            log_level=logging.getLogger("xsurvey").getEffectiveLevel(),
        )

    def _paths(self, value: Any) -> Path | list[Path]:
        if isinstance(value, Path):
            return _absolute(value)
        if isinstance(value, OutputOf):
            return self._store.folder(self._key_of(value)) / value.name
        paths = [self._paths(reference) for reference in value if self._good(reference)]
        return [path for path in paths if isinstance(path, Path)]

    def _key_of(self, reference: OutputOf) -> str:
        key = self.result.outcomes[reference.task.id].key
        assert key is not None  # only asked for tasks that succeeded
        return key

    def _end(self, report: TaskReport) -> None:
        task = self._under_way.pop(report.key)
        self._board.ended(report.key)
        outcome = TaskOutcome(
            task.id, "done", report.key, report.seconds, None, report.record, report.warnings,
            usage=report.usage,
        )  # fmt: skip
        for warning in report.warnings:
            logger.warning("%s: %s", task.id, warning)
        if report.cause is not None:
            outcome = replace(outcome, status="failed", cause=report.cause, record={})
            logger.error("%s: failed: %s", task.id, report.cause)
        self._settle(outcome)

    def _settle(self, outcome: TaskOutcome) -> None:
        self.result.outcomes[outcome.id] = outcome
        self._board.settled(outcome)
        for other in self._plan.dependants[outcome.id]:
            self._waiting[other] -= 1
            if not self._waiting[other]:
                heapq.heappush(self._ready, self._position[other])


def _absolute(path: Path) -> Path:
    # workers may have another working directory
    return path.absolute()


def _cached(task: Task, key: str, manifest: Mapping[str, Any]) -> TaskOutcome:
    about = manifest.get("provenance", {})
    seconds, usage = float(about.get("seconds", 0.0)), Usage.recorded(about)
    record, warnings = manifest.get("record", {}), tuple(manifest.get("warnings", ()))
    return TaskOutcome(task.id, "cached", key, seconds, None, record, warnings, usage=usage)
