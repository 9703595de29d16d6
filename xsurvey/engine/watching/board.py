"""What a run tells of its progress: to its own terminal, to others in a file, and in a log."""

import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from xsurvey.engine.plan import Plan, TaskId
from xsurvey.engine.provenance import timestamp
from xsurvey.engine.result import TaskOutcome
from xsurvey.engine.store import PROGRESS_NAME, Store
from xsurvey.engine.watching.progress import Progress
from xsurvey.engine.watching.state_file import StateFile
from xsurvey.engine.watching.task_log import TaskLog
from xsurvey.engine.watching.totals import StageTotals, TimeLeft, stage_table, time_left
from xsurvey.engine.workers.usage import Place
from xsurvey.engine.workers.worker import TaskOrder

_FAILURES_TOLD = 100


class ProgressBoard:
    """Counts what a run does, shows it, and writes it into the log of events.

    It is also who pools tell where tasks go.

    Parameters
    ----------
    plan : Plan
        What is done.
    store : Store
        Held for writing; the files are in it, until it is released.
    cluster : str
        The back end.
    progress : Progress
        The bars or lines; they begin when there is work to do.
    """

    def __init__(self, plan: Plan, store: Store, cluster: str, progress: Progress) -> None:
        self._progress, self._store = progress, store
        totals = Counter(task.stage.name for task in plan.tasks)
        self._stages = {name: StageTotals(total) for name, total in totals.items()}
        self._about = {"run": store.run, "started": timestamp(), "cluster": cluster}
        self._phase = "inputs"
        self._workers: int | None = None
        self._ends: float | None = None
        self._early: list[tuple[str, str]] = []
        self._queued: dict[str, TaskId] = {}
        self._begun: dict[str, float] = {}
        self._places: dict[str, Place] = {}
        self._failed: list[dict[str, str | None]] = []
        self._clock = time.monotonic()
        self._lock = threading.Lock()
        self._log = TaskLog(store)
        self._log.add("begin", run=store.run, cluster=cluster, tasks=totals.total())
        self._file = StateFile(
            store.root / PROGRESS_NAME, lambda: not store.is_taken(), self._state
        )
        self._file.tell()

    def begin(self, workers: int, ends: float | None = None) -> None:
        """Say that workers are there: the bars start with what was settled before."""
        with self._lock:
            self._workers, self._ends = workers, ends
        totals = {name: stage.total for name, stage in self._stages.items()}
        self._progress.start(totals, self.time_left)
        for stage, status in self._early:
            self._progress.settled(stage, status)
        self._file.tell()

    def grown(self, stage: str, more: int) -> None:
        """Note that a stage has more tasks than was known: members of a family."""
        with self._lock:
            self._stages[stage].total += more
        if self._workers is not None:
            self._progress.grown(stage, more)
        self._file.tell()

    def sent(self, key: str, task: TaskId) -> None:
        """Note that a task was given to the pool."""
        with self._lock:
            self._phase = "tasks"
            self._queued[key] = task
        self._file.tell()

    def given(self, order: TaskOrder, place: Place) -> None:
        """Note that the pool gave a task to a worker."""
        with self._lock:
            self._begun[order.key] = time.monotonic()
            self._places[order.key] = place
        self._log.add("sent", **self._names(order), **vars(place))

    def lost(self, order: TaskOrder, place: Place, cause: str) -> None:
        """Note that a worker was lost, and its task is to be done again."""
        with self._lock:
            began = self._begun.pop(order.key, None)
        seconds = None if began is None else round(time.monotonic() - began, 3)
        self._log.add(
            "lost", **self._names(order), seconds=seconds, **vars(place), cause=cause
        )  # fmt: skip

    def ended(self, key: str) -> None:
        """Note that a worker is done with a task."""
        with self._lock:
            del self._queued[key]
            self._begun.pop(key, None)

    def divided(self, outcome: TaskOutcome, elements: int) -> None:
        """Note that a member of a family failed, and its elements are to be done one by one."""
        with self._lock:
            place = self._places.pop(outcome.key or "", None)
        self._log_outcome("divided", outcome, place)
        self.grown(outcome.id.stage, elements - 1)

    def settled(self, outcome: TaskOutcome) -> None:
        """Note the fate of a task."""
        stage = outcome.id.stage
        with self._lock:
            self._phase = "tasks"
            self._stages[stage].add(outcome.status, outcome.seconds, outcome.usage)
            place = self._places.pop(outcome.key or "", None)
            if outcome.status == "failed" and len(self._failed) < _FAILURES_TOLD:
                self._failed.append({**outcome.id._asdict(), "cause": outcome.cause})
        self._log_outcome(outcome.status, outcome, place)
        if self._workers is None:
            self._early.append((stage, outcome.status))
        else:
            self._progress.settled(stage, outcome.status)
        self._file.tell()

    def time_left(self) -> TimeLeft | None:
        """Return the estimated time to go, None if there is nothing to base it on."""
        now = time.monotonic()
        with self._lock:
            stages = {name: stage.as_json() for name, stage in self._stages.items()}
            running = [(self._queued[k].stage, now - t) for k, t in self._begun.items()]
        return time_left(stages, running, self._workers)

    def tasks_ended(self, all_settled: bool) -> None:
        """All tasks are settled, or the run was interrupted: the bars go."""
        if self._workers is not None:
            self._progress.stop()
        for name, values in stage_table(self._stages).items():
            self._log.add("stage", stage=name, **values)
        bad = any(s.counts.get("failed") or s.counts.get("skipped") for s in self._stages.values())
        status = ("failed" if bad else "done") if all_settled else "interrupted"
        seconds = round(time.monotonic() - self._clock, 3)
        self._log.add("end", status=status, seconds=seconds)
        with self._lock:
            self._phase = "products" if all_settled else "ended"
        self._file.tell()

    def summary(self) -> dict[str, Any]:
        """Return what ``run.json`` tells: the log, and a table of the stages."""
        events = self._log.path.relative_to(self._store.root.parent).as_posix()
        return {"events": events, "stages": stage_table(self._stages)}

    def stop(self) -> None:
        """Write the files once more."""
        self._file.stop()
        self._log.stop()

    def _names(self, order: TaskOrder) -> dict[str, Any]:
        task = self._queued.get(order.key)
        target = order.target if task is None else task.target
        return {"stage": order.stage.name, "target": target, "key": order.key}

    def _log_outcome(self, event: str, outcome: TaskOutcome, place: Place | None) -> None:
        values: dict[str, Any] = {**outcome.id._asdict(), "key": outcome.key}
        if outcome.status != "skipped":
            values["seconds"] = round(outcome.seconds, 3)
        if outcome.usage is not None:
            values |= vars(outcome.usage)
        if outcome.status in ("done", "failed") and place is not None:
            values |= vars(place)
        if outcome.key is not None and (outcome.cause or outcome.warnings):
            log = self._store.log_file(outcome.key)
            values["log"] = log.relative_to(self._store.root.parent).as_posix()
        self._log.add(event, **values, cause=outcome.cause)

    def _state(self) -> dict[str, Any]:
        ends = None if self._ends is None else datetime.fromtimestamp(self._ends, UTC)
        with self._lock:
            return {
                **self._about,
                "phase": self._phase,
                "workers": self._workers,
                "ends": ends and ends.isoformat(timespec="seconds"),
                "stages": {name: stage.as_json() for name, stage in self._stages.items()},
                "sent": [{"key": k, **i._asdict()} for k, i in self._queued.items()],
                "failed": list(self._failed),
            }
