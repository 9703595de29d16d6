"""What a run did: one outcome a task, and the file that tells of them all."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

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
    watched: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every task's outputs are there."""
        return all(outcome.good for outcome in self.outcomes.values())

    @property
    def failed(self) -> list[TaskOutcome]:
        """The tasks that failed themselves; not those skipped for them."""
        return [o for o in self.outcomes.values() if o.status == "failed"]

    def counts(self) -> Counter[str]:
        """Return the number of tasks of each status."""
        return Counter(outcome.status for outcome in self.outcomes.values())

    def path(self, task: Task, name: str) -> Path:
        """Return where an output of a task is in the store.

        Raises
        ------
        LookupError
            The task did not succeed.
        """
        outcome = self.outcomes[task.id]
        if not outcome.good or outcome.key is None:
            raise LookupError(f"{task.id} has no '{name}': {outcome.status}")
        return self.store.folder(outcome.key) / task.output(name).name

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
            "tasks": [self._task_json(outcome) for outcome in self.outcomes.values()],
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
            temporary.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n")
        record_products(self.store, {path: self.good_keys()})

    def good_keys(self) -> list[str]:
        """Return the keys of the tasks whose outputs are there, in the order of the plan."""
        return [o.key for o in self.outcomes.values() if o.good and o.key is not None]

    def _task_json(self, outcome: TaskOutcome) -> dict[str, Any]:
        values: dict[str, Any] = {**outcome.id._asdict(), "status": outcome.status}
        values |= {"seconds": round(outcome.seconds, 3), "cause": outcome.cause}
        values |= {"record": dict(outcome.record), "warnings": list(outcome.warnings)}
        if outcome.key is not None:
            log = self.store.log_file(outcome.key)
            told = outcome.status == "failed" or outcome.warnings
            values["key"] = outcome.key
            values["folder"] = (
                self._relative(self.store.folder(outcome.key)) if outcome.good else None
            )
            values["log"] = self._relative(log) if told and log.exists() else None
        return values

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.store.root.parent).as_posix()
