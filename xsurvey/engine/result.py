"""What a run did: one outcome a task, and the file that tells of them all."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from xsurvey.engine.families import member_key, member_paths
from xsurvey.engine.plan import Task, TaskId
from xsurvey.engine.products import record_products
from xsurvey.engine.provenance import json_value, timestamp, versions
from xsurvey.engine.store import Store
from xsurvey.engine.workers.usage import Usage
from xsurvey.io.atomic import atomic_output, remove_leftovers

Status = Literal["done", "cached", "failed", "skipped", "pending"]


@dataclass(frozen=True)
class TaskOutcome:
    """How one task ended.

    Attributes
    ----------
    id : TaskId
        Stage and target.
    status : str
        ``done`` now, ``cached`` from an earlier run, ``failed``, ``skipped`` since something
        that it needs failed, or ``pending`` when the run was interrupted.
    key : str or None
        The task's key; None if it could not be known.
    seconds : float
        How long the task took, in an earlier run if it is cached.
    cause : str or None
        One line, if it failed or was skipped.
    record : mapping
        What the stage returned.
    warnings : tuple of str
        What the stage warned of.
    root : TaskId or None
        For a skipped task, the failed one it goes back to.
    failures : mapping of str to str
        Of a family that is done: the elements that failed, and why.
    members : tuple of str
        Of a family: the keys of its members, in the order of their elements.
    usage : Usage or None
        What it took, in an earlier run if it is cached; None if nobody measured.
    """

    id: TaskId
    status: Status
    key: str | None = None
    seconds: float = 0.0
    cause: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    root: TaskId | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    usage: Usage | None = None

    @property
    def good(self) -> bool:
        """Whether its outputs are there."""
        return self.status in ("done", "cached")


@dataclass
class RunResult:
    """The outcomes of a run, in the order of the plan.

    Attributes
    ----------
    outcomes : dict of TaskId to TaskOutcome
        One for every task.
    interrupted : str or None
        Why the run ended before its tasks did.
    members : Counter of str
        Members of families by status, of families that were looked into.
    opened : set of TaskId
        These families: not they are counted, but their members.
    watched : mapping
        What else ``run.json`` tells: ``events``, the log, and ``stages``, what each took.
    """

    store: Store
    seed: int
    cluster: str
    outcomes: dict[TaskId, TaskOutcome]
    started: str = field(default_factory=timestamp)
    seconds: float = 0.0
    interrupted: str | None = None
    members: Counter[str] = field(default_factory=Counter)
    opened: set[TaskId] = field(default_factory=set)
    watched: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every task's outputs are there."""
        return all(outcome.good and not outcome.failures for outcome in self.outcomes.values())

    @property
    def failed(self) -> list[TaskOutcome]:
        """The tasks that failed themselves, and elements of families; not what was skipped."""
        found = []
        for outcome in self.outcomes.values():
            if outcome.status == "failed" and not outcome.failures:
                found.append(outcome)
            found += _failed_elements(outcome)
        return found

    def counts(self) -> Counter[str]:
        """Return the number of tasks of each status, those that a family is done in for itself."""
        plain = (o.status for i, o in self.outcomes.items() if i not in self.opened)
        return Counter(plain) + self.members

    def path(self, task: Task, name: str) -> Path:
        """Return where an output of a task is in the store.

        Raises
        ------
        LookupError
            The task did not succeed.
        """
        outcome = self.outcomes[task.id]
        if not outcome.good or outcome.key is None or task.over is not None:
            raise LookupError(f"{task.id} has no '{name}': {outcome.status}")
        return self.store.folder(outcome.key) / task.output(name).name

    def paths(self, task: Task, name: str) -> list[Path]:
        """Return where an output of each member of a family is, in the order of the elements."""
        keys = self.outcomes[task.id].members
        return member_paths(keys, self.store.folder, task.output(name).name)

    def as_json(self) -> dict[str, Any]:
        """Return all this as JSON values, for ``OUTPUT/run.json``."""
        status = "done" if self.ok else "failed"
        return {
            "schema": 1,
            "status": "interrupted" if self.interrupted else status,
            "interrupted": self.interrupted,
            "started": self.started,
            "seconds": round(self.seconds, 3),
            "counts": dict(self.counts()),
            "seed": self.seed,
            "cluster": self.cluster,
            "versions": dict(versions()),
            **self.watched,
            "tasks": [
                self._task_json(one)
                for outcome in self.outcomes.values()
                for one in (outcome, *_failed_elements(outcome))
            ],
        }

    def write(self, path: Path, config: Mapping[str, Any] | None = None) -> None:
        """Write :meth:`as_json`, with the configuration, atomically, and record it as a product.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        remove_leftovers(path)
        with atomic_output(path) as temporary:
            values = {**self.as_json(), "config": json_value(config)}
            with temporary.open("w") as stream:
                _write_json(stream, values)
        record_products(self.store, {path: self.good_keys()})

    def good_keys(self) -> list[str]:
        """Return the keys of the tasks whose outputs are there, in the order of the plan."""
        return [o.key for o in self.outcomes.values() if o.good and o.key is not None]

    def _task_json(self, outcome: TaskOutcome) -> dict[str, Any]:
        values: dict[str, Any] = {**outcome.id._asdict(), "status": outcome.status}
        values |= {"seconds": round(outcome.seconds, 3), "cause": outcome.cause}
        values |= {"record": dict(outcome.record), "warnings": list(outcome.warnings)}
        if outcome.key is not None:
            folder = self.store.folder(outcome.key)
            values["key"] = outcome.key
            values["folder"] = self._relative(folder) if outcome.good else None
            values["log"] = self.log_of(outcome)
        return values

    def log_of(self, outcome: TaskOutcome) -> str | None:
        """Return where the log of a task is below the output folder, None if it has none."""
        if outcome.key is None or not (outcome.status == "failed" or outcome.warnings):
            return None
        log = self.store.log_file(outcome.key)
        return self._relative(log) if log.exists() else None

    def _relative(self, path: Path) -> str:
        return str(path).removeprefix(f"{self.store.root.parent}{os.sep}")


def _failed_elements(outcome: TaskOutcome) -> Iterator[TaskOutcome]:
    """Yield one outcome for each element of a family that failed."""
    stage, target = outcome.id
    for element, cause in outcome.failures.items():
        key = member_key(outcome.key or "", (element,))
        yield TaskOutcome(TaskId(stage, f"{target}: {element}"), "failed", key, cause=cause)


def _write_json(stream: TextIO, values: Mapping[str, Any]) -> None:
    """Write run.json: indented, but each task on a line of its own, since there may be many."""
    tasks = values["tasks"]
    whole = json.dumps({**values, "tasks": []}, indent=1, allow_nan=False)
    before, after = whole.split('"tasks": []', 1)
    stream.write(f'{before}"tasks": [')
    encode = json.JSONEncoder(allow_nan=False).encode
    for number, task in enumerate(tasks):
        stream.write(f"{',' if number else ''}\n  {encode(task)}")
    stream.write(f"\n ]{after}\n")
