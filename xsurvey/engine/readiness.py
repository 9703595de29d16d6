"""What a task has to go on with: which of its inputs are there, and where."""

from collections.abc import Mapping
from pathlib import Path

from xsurvey.engine.families import member_paths
from xsurvey.engine.plan import OutputOf, Plan, Task, TaskId, TaskInput
from xsurvey.engine.result import TaskOutcome
from xsurvey.engine.store import Store


class Readiness:
    """Inputs of tasks, by the outcomes of those before them.

    Parameters
    ----------
    plan : Plan
    store : Store
    outcomes : mapping of TaskId to TaskOutcome
        Of the run, as they become known.
    """

    def __init__(self, plan: Plan, store: Store, outcomes: Mapping[TaskId, TaskOutcome]) -> None:
        self._plan, self._store, self._outcomes = plan, store, outcomes

    def failed_inputs(self, task: Task) -> tuple[dict[str, str], TaskOutcome | None]:
        """Return the targets to go on without and why, or the outcome if that cannot be."""
        upstream = [self._outcomes[i] for i in self._plan.upstream[task.id]]
        bad = [outcome for outcome in upstream if not outcome.good]
        partly = [outcome for outcome in upstream if outcome.good and outcome.failures]
        if not bad and not partly:
            return {}, None
        dispensable = _dispensable(task) if not task.stage.needs_all else set()
        vital = [outcome for outcome in (*bad, *partly) if outcome.id not in dispensable]
        if vital or self._nothing_left(task):
            first = (vital or bad)[0]
            root = first.root or first.id
            cause = f"needs {root}, which failed"
            return {}, TaskOutcome(task.id, "skipped", cause=cause, root=root)
        roots = {o.id.target: self._outcomes[o.root or o.id] for o in bad}
        missing = {target: f"{o.id.stage}: {o.cause}" for target, o in roots.items()}
        for outcome in partly:
            missing |= outcome.failures
        return missing, None

    def keys_upstream(self, task: Task) -> dict[TaskId, str]:
        """Return the keys of the tasks before a task whose results are there."""
        found = (self._outcomes[i] for i in self._plan.upstream[task.id])
        return {o.id: o.key for o in found if o.good and o.key is not None}

    def paths(self, task: Task) -> dict[str, Path | list[Path]]:
        """Return the files of each input of a task."""
        return {name: self._paths(value) for name, value in task.inputs.items()}

    def path(self, reference: OutputOf) -> Path:
        """Return where one output of a task is."""
        return self._store.folder(self._key_of(reference)) / reference.name

    def _paths(self, value: TaskInput) -> Path | list[Path]:
        if isinstance(value, Path):
            return absolute(value)
        if isinstance(value, OutputOf):
            if value.task.over is None:
                return self.path(value)
            members = self._outcomes[value.task.id].members
            return member_paths(members, self._store.folder, value.name)
        paths: list[Path] = []
        for reference in value:
            if self._good(reference):
                found = self._paths(reference)
                paths += found if isinstance(found, list) else [found]
        return paths

    def _nothing_left(self, task: Task) -> bool:
        """Tell whether a list that the stage must have has no member left."""
        several = [_members(task.inputs[name]) for name in task.stage.inputs]
        return any(
            bool(members) and not any(self._good(r) for r in members)
            for members in several
            if members is not None
        )

    def _good(self, reference: Path | OutputOf) -> bool:
        return isinstance(reference, Path) or self._outcomes[reference.task.id].good

    def _key_of(self, reference: OutputOf) -> str:
        key = self._outcomes[reference.task.id].key
        assert key is not None  # only asked for tasks that succeeded
        return key


def _members(value: TaskInput) -> list[Path | OutputOf] | None:
    """Return the members of a list; an output of a family is one, too. None of a single file."""
    if isinstance(value, Path):
        return None
    if isinstance(value, OutputOf):
        return None if value.task.over is None else [value]
    return list(value)


def _dispensable(task: Task) -> set[TaskId]:
    """Return the tasks before a task that it may do without."""
    lists = [_members(v) for v in task.inputs.values()]
    members = {r.task.id for v in lists if v for r in v if isinstance(r, OutputOf)}
    singles = {
        v.task.id for v, m in zip(task.inputs.values(), lists, strict=True)
        if m is None and isinstance(v, OutputOf)
    }  # fmt: skip
    return members - singles


def absolute(path: Path) -> Path:
    """Return a path for workers, which may have another working directory."""
    return path.absolute()
