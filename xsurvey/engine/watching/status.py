"""What a run is doing, or did, as others can read it; nothing is written and no lock needed."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from xsurvey.engine.clusters.submitted import newest_submitted
from xsurvey.engine.lock import SILENT_AFTER_S, read_lock
from xsurvey.engine.process import has_ended, is_here
from xsurvey.engine.store import PROGRESS_NAME, Store
from xsurvey.engine.watching.totals import STATUSES, time_left
from xsurvey.errors import InputError

RUN_NAME = "run.json"
_TOOK = ("seconds", "wasted_seconds", "cpu_seconds")

State = Literal["submitted", "running", "stopped", "silent", "done", "failed", "interrupted"]


@dataclass(frozen=True)
class RunStatus:
    """The state of the newest run of an output folder.

    Attributes
    ----------
    state : str
        ``submitted`` as a job that has not begun; ``running``; ``stopped`` if its process has ended
        before the run; ``silent`` if it is on another host and has shown no sign of life for three
        minutes; else how the run ended.
    process : mapping
        ``pid`` and ``host`` of the run's process, empty when the run has ended.
    interrupted : str or None
        What ended a run before its tasks did: ``OutOfTime``, ``KeyboardInterrupt``, or an error.
    phase : str or None
        ``inputs`` (they are looked at), ``tasks`` or ``products`` while it runs, or when it was
        stopped.
    started, last_activity : str or None
        UTC, ISO 8601.
    seconds : float
        How long it has run, or ran.
    cluster : str
    workers : int or None
        Tasks done at a time; 0 if the process does them itself, None if none were started.
    ends : str or None
        UTC, ISO 8601: when a limit of time stops the run that is under way.
    stages : dict
        By stage the numbers of tasks: ``total``, ``done``, ``cached``, ``failed``, ``skipped``,
        ``running``, ``to_do``; and what they took: ``seconds`` (good tasks, in the run in which
        each was done), ``wasted_seconds`` (failed ones), ``cpu_seconds``, and ``peak_memory`` in
        bytes of the task that took most, None if nobody measured.
    running : list of dict
        ``stage``, ``target``, ``seconds``, ``host``, ``pid``, ``attempt`` of tasks under way.
    failed : list of dict
        ``stage``, ``target``, ``cause``.
    events : str or None
        The log of events of a run that has ended, relative to the output folder.
    seconds_left : float or None
        Estimate of the time to go; None if there is nothing to base it on.
    seconds_left_without : list of str
        Stages that are not in it, since too few of their tasks were done.
    job : dict or None
        Of a run that was submitted and has not begun: ``backend``, ``job``, ``log``, ``submitted``.
    """

    state: State
    process: Mapping[str, Any] = field(default_factory=dict)
    interrupted: str | None = None
    phase: str | None = None
    started: str | None = None
    last_activity: str | None = None
    seconds: float = 0.0
    cluster: str = ""
    workers: int | None = None
    ends: str | None = None
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    events: str | None = None
    seconds_left: float | None = None
    seconds_left_without: list[str] = field(default_factory=list)
    job: dict[str, str] | None = None


def read_status(output: Path) -> RunStatus:
    """Return the status of the newest run in an output folder.

    Parameters
    ----------
    output : path
        The output folder of a run.

    Raises
    ------
    InputError
        There is none, or no run has worked in it.
    """
    store = Store(output)
    if not output.is_dir():
        cause = "is a file, not a folder" if output.exists() else "does not exist"
        raise InputError(output, cause, "give the output folder of a run")
    state = _read(store.root / PROGRESS_NAME)
    lock_file = store.root / "lock"
    owner = read_lock(lock_file)
    summary = _read(output / RUN_NAME)
    job = newest_submitted(store.root / "jobs")
    # a run that was killed has left its lock, and the job is what comes next
    works = owner and _life(owner, _age(lock_file)) == "running"
    if job is not None and not works and job.submitted > _last_words(state, summary):
        return RunStatus(
            state="submitted", job=asdict(job), last_activity=job.submitted, cluster=job.backend
        )
    if summary and not owner and state.get("phase", "ended") == "ended":
        return _finished(summary)
    if state or owner:
        return _unfinished(store, state, owner, _age(lock_file))
    raise InputError(
        output, f"holds no run: neither {RUN_NAME} nor {store.root.name}/{PROGRESS_NAME}",
        "give the output folder of a run",
    )  # fmt: skip


def _last_words(state: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """Return when the newest run began that told of itself; nothing if none did."""
    return max(str(told.get("started") or "") for told in (state, summary))


def _unfinished(
    store: Store, state: Mapping[str, Any], owner: Mapping[str, Any], age: float
) -> RunStatus:
    alive, now = _life(owner, age), time.time()
    running = _running(Store(store.output, state.get("run", "")), state.get("sent", ()), now)
    if alive == "stopped":
        running = []
    stages = _stages(state.get("stages", {}), running)
    started, updated = state.get("started"), state.get("updated")
    # the time at which a run that has ended did so is that of its last words
    end = now if alive == "running" else _epoch(updated, now)
    at_work = [(task["stage"], task["seconds"]) for task in running]
    workers, process = state.get("workers"), owner or state.get("process", {})
    left = time_left(stages, at_work, workers) if alive == "running" else None
    return RunStatus(
        state=alive, process={name: process.get(name) for name in ("pid", "host")},
        phase=state.get("phase", "inputs"), started=started, last_activity=updated,
        seconds=max(0.0, end - _epoch(started, end)), cluster=state.get("cluster", ""),
        workers=workers, ends=state.get("ends") if alive == "running" else None, stages=stages,
        running=running, failed=list(state.get("failed", ())),
        seconds_left=None if left is None else left.seconds,
        seconds_left_without=[] if left is None else list(left.without),
    )  # fmt: skip


def _life(owner: Mapping[str, Any], age: float) -> State:
    """Return whether the run that has the lock works; without a lock there is none."""
    if not owner or (is_here(owner) and has_ended(owner)):
        return "stopped"
    return "silent" if not is_here(owner) and age > SILENT_AFTER_S else "running"


def _finished(summary: Mapping[str, Any]) -> RunStatus:
    failed = [
        {name: task[name] for name in ("stage", "target", "cause")}
        for task in summary["tasks"]
        if task["status"] == "failed"
    ]
    started, seconds = summary["started"], float(summary["seconds"])
    ended = datetime.fromtimestamp(_epoch(started, 0.0) + seconds, UTC)
    return RunStatus(
        state=summary["status"], interrupted=summary.get("interrupted"), started=started,
        seconds=seconds, last_activity=ended.isoformat(timespec="seconds"),
        cluster=summary["cluster"],
        stages=_stages(summary.get("stages") or _counted(summary["tasks"]), ()), failed=failed,
        events=summary.get("events"),
    )  # fmt: skip


def _counted(tasks: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return numbers of tasks by stage, of a run of an older version, which does not tell them."""
    stages: dict[str, dict[str, Any]] = {}
    for task in tasks:
        counts = stages.setdefault(task["stage"], {"total": 0})
        counts["total"] += 1
        counts[task["status"]] = counts.get(task["status"], 0) + 1
    return stages


def _stages(
    told: Mapping[str, Mapping[str, Any]], running: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    under_way = [task["stage"] for task in running]
    stages: dict[str, dict[str, Any]] = {}
    for name, values in told.items():
        counts = {status: int(values.get(status, 0)) for status in STATUSES}
        busy = under_way.count(name)
        left = int(values["total"]) - sum(counts.values()) - busy
        stages[name] = {"total": int(values["total"]), **counts, "running": busy, "to_do": left}
        stages[name] |= {took: float(values.get(took, 0.0)) for took in _TOOK}
        stages[name]["peak_memory"] = values.get("peak_memory")
    return stages


def _running(store: Store, sent: Iterable[Mapping[str, str]], now: float) -> list[dict[str, Any]]:
    """Return those of the tasks sent at which a worker is: they have folders of attempts."""
    found = []
    for task in sent:
        attempts = store.attempts(task["key"])
        if attempts:
            newest = attempts[-1]
            found.append({
                "stage": task["stage"], "target": task["target"],
                "seconds": round(max(0.0, now - newest.began()), 1), "host": newest.host,
                "pid": newest.pid, "attempt": len(attempts),
            })  # fmt: skip
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _epoch(text: str | None, otherwise: float) -> float:
    return datetime.fromisoformat(text).timestamp() if text else otherwise
