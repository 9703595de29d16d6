"""Tasks, their order and their keys: what is to be done, known before anything is run."""

import hashlib
import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xsurvey.engine.stage import Stage
from xsurvey.errors import InputError, nearest
from xsurvey.parameters import StepParameters

if TYPE_CHECKING:
    from xsurvey.engine.store import Store

_KEY_FORMAT = 1
_OVER = "over"


class TaskId(NamedTuple):
    """The name of a task in its plan: no two share stage and target."""

    stage: str
    target: str

    def __str__(self) -> str:
        return f"{self.stage} {self.target}"


@dataclass(frozen=True, eq=False)
class Task:
    """A stage applied to a target.

    Parameters
    ----------
    stage : Stage
        What is done.
    target : str
        To what; it is part of the key, since the stage may write it into its outputs.
    inputs : mapping
        For each input of the stage a file on disk, an output of another task
        (``task.output(name)``), or a list of these.
    parameters : mapping of str to StepParameters
        Sections of the configuration; those that the stage does not declare are left out.
    uses : mapping of str to str
        Versions of data that this task depends on, beside the stage's.
    over : OutputOf, optional
        Makes it a family: the stage is done for the parts that this file lists, one line each
        (:func:`xsurvey.engine.parts.write_parts`), by as many members. How many there are need
        not be known before the run. To another task an output of it is a list, in their order.
    """

    stage: Stage
    target: str
    inputs: Mapping[str, "TaskInput"] = field(default_factory=dict)
    parameters: Mapping[str, StepParameters] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    over: "OutputOf | None" = None

    def __post_init__(self) -> None:
        stage = self.stage
        given, known = set(self.inputs), {*stage.inputs, *stage.optional_inputs}
        if _OVER in known:
            raise ValueError(f"{self.id}: an input cannot be called '{_OVER}'")
        if given - known or set(stage.inputs) - given:
            raise ValueError(f"{self.id}: inputs {sorted(given)}, not {sorted(known)}")
        sections = {name: self.parameters[name] for name in stage.parameters}
        for name, model in stage.parameters.items():
            if not isinstance(sections[name], model):
                raise TypeError(f"{self.id}: section '{name}' is not a {model.__name__}")
        object.__setattr__(self, "parameters", sections)

    @cached_property
    def id(self) -> TaskId:
        """The name of the task in its plan."""
        return TaskId(self.stage.name, self.target)

    def output(self, name: str) -> "OutputOf":
        """Return a reference to an output of this task, to be another task's input."""
        if name not in self.stage.outputs:
            hint = nearest(name, self.stage.outputs)
            raise ValueError(f"stage {self.stage.name} has no output '{name}'; {hint}")
        return OutputOf(self, name)

    def all_inputs(self) -> Mapping[str, "TaskInput"]:
        """Return the inputs, and what tells the parts of a family."""
        return self.inputs if self.over is None else {**self.inputs, _OVER: self.over}

    def references(self) -> Iterator["Path | OutputOf"]:
        """Yield all inputs, one by one."""
        for value in self.all_inputs().values():
            if isinstance(value, (Path, OutputOf)):
                yield value
            else:
                yield from value


class OutputOf(NamedTuple):
    """An output of a task that may not have run yet."""

    task: Task
    name: str


TaskInput = Path | OutputOf | Sequence[Path | OutputOf]


class Plan:
    """Tasks in an order in which they can be done.

    Parameters
    ----------
    tasks : iterable of Task
        The tasks; those whose outputs they need are added. Among tasks that are ready, the
        runner starts the one that was given first.
    seed : int
        The seed of the run.

    Attributes
    ----------
    tasks : tuple of Task
        In topological order, as near to the given order as that allows.

    Raises
    ------
    InputError
        Two different tasks have the same stage and target.
    """

    def __init__(self, tasks: Iterable[Task], seed: int = 0) -> None:
        self.seed = seed
        found: dict[TaskId, Task] = {}
        for task in _with_upstream(tasks):
            if found.setdefault(task.id, task) is not task:
                raise InputError(
                    task.target, f"is planned twice by stage '{task.stage.name}'",
                    "give each input once, and inputs of the same name different names",
                )  # fmt: skip
        self.upstream = {i: _upstream_ids(task) for i, task in found.items()}
        self.dependants: dict[TaskId, list[TaskId]] = {i: [] for i in found}
        for task_id, needed in self.upstream.items():
            for other in needed:
                self.dependants[other].append(task_id)
        self.tasks = tuple(found[i] for i in self._ordered(list(found)))
        self.by_id = {task.id: task for task in self.tasks}

    def _ordered(self, given: list[TaskId]) -> Iterator[TaskId]:
        position = {task_id: i for i, task_id in enumerate(given)}
        waiting = {task_id: len(self.upstream[task_id]) for task_id in given}
        ready = [position[i] for i in given if not waiting[i]]
        heapq.heapify(ready)
        while ready:
            task_id = given[heapq.heappop(ready)]
            yield task_id
            for other in self.dependants[task_id]:
                waiting[other] -= 1
                if not waiting[other]:
                    heapq.heappush(ready, position[other])

    def input_files(self) -> list[Path]:
        """Return the files on disk that the plan reads, each once."""
        return list({r: None for t in self.tasks for r in t.references() if isinstance(r, Path)})

    def keys(self, file_hash: Callable[[Path], str]) -> dict[TaskId, str]:
        """Return the key of every task if all of them succeed.

        Parameters
        ----------
        file_hash : callable
            Gives the SHA-256 of a file's content, such as ``store.hashes.sha256``.

        Raises
        ------
        InputError
            An input file is missing or cannot be read.
        """
        keys: dict[TaskId, str] = {}
        for task in self.tasks:
            keys[task.id] = task_key(task, self.seed, described_inputs(task, file_hash, keys))
        return keys

    def status(self, store: "Store") -> Iterator[tuple[Task, bool]]:
        """Yield every task with whether its results are in ``store`` already."""
        store.hashes.prepare(self.input_files())
        keys = self.keys(store.hashes.sha256)
        for task in self.tasks:
            manifest = store.manifest(keys[task.id])
            yield task, manifest is not None and not manifest.get("failures")

    def describe(self, store: "Store") -> list[str]:
        """Return lines that say what would be done; nothing is written.

        Raises
        ------
        InputError
            An input file is missing or cannot be read.
        """
        status = list(self.status(store))
        width = max((len(task.stage.name) for task, _ in status), default=0)
        done = sum(is_done for _, is_done in status)
        return [
            *(
                f"{t.stage.name:{width}}  {'done' if d else 'to do':5}  {t.target}{_in_parts(t)}"
                for t, d in status
            ),
            f"{len(status)} tasks: {done} done already, {len(status) - done} to do",
        ]


def _in_parts(task: Task) -> str:
    if task.over is None:
        return ""
    return f" (in parts, as many as '{task.over.task.stage.name}' finds)"


def _with_upstream(tasks: Iterable[Task]) -> Iterator[Task]:
    """Yield the tasks, and what they need before them, each object once."""
    seen: set[int] = set()
    for wanted in tasks:
        stack = [wanted]
        while stack:
            task = stack[-1]
            # tasks are immutable and refer to older ones, so there can be no cycle
            needed = [r.task for r in task.references() if isinstance(r, OutputOf)]
            needed = [] if id(task) in seen else [t for t in needed if id(t) not in seen]
            if needed:
                stack.extend(reversed(needed))
                continue
            stack.pop()
            if id(task) not in seen:
                seen.add(id(task))
                yield task


def _upstream_ids(task: Task) -> tuple[TaskId, ...]:
    return tuple({r.task.id: None for r in task.references() if isinstance(r, OutputOf)})


def described_inputs(
    task: Task, file_hash: Callable[[Path], str], keys: Mapping[TaskId, str]
) -> dict[str, Any]:
    """Return the inputs as JSON values: files by content, outputs by the key of their task.

    Members of lists whose task has no key in ``keys`` are left out.
    """

    def one(reference: Path | OutputOf) -> dict[str, str]:
        if isinstance(reference, Path):
            return {"sha256": file_hash(reference)}
        return {"task": keys[reference.task.id], "output": reference.name}

    described: dict[str, Any] = {}
    for name, value in task.all_inputs().items():
        if isinstance(value, (Path, OutputOf)):
            described[name] = one(value)
        else:
            there = [r for r in value if isinstance(r, Path) or r.task.id in keys]
            described[name] = [one(r) for r in there]
    return described


def task_key(
    task: Task, seed: int, inputs: Mapping[str, Any], missing: Mapping[str, str] | None = None
) -> str:
    """Return the SHA-256 of all that decides the results of a task.

    Paths, times, host names and versions of libraries are not part of it: the same analysis of
    the same data has the same key everywhere.
    """
    stage = task.stage
    sections = sorted(task.parameters.items())
    parameters = ",".join(f"{json.dumps(n)}:{_canonical_parameters(p)}" for n, p in sections)
    # the canonical JSON of one dictionary, whose parameters are encoded already: they are those
    # of many tasks
    before = {"format": _KEY_FORMAT, "inputs": inputs, "missing": dict(missing or {})}
    after = {
        "seed": seed, "stage": stage.name, "target": task.target,
        "uses": {**stage.uses, **task.uses}, "version": stage.version,
    }  # fmt: skip
    text = f'{_canonical(before)[:-1]},"parameters":{{{parameters}}},{_canonical(after)[1:]}'
    return hashlib.sha256(text.encode()).hexdigest()


def task_seed(task: Task, seed: int) -> int:
    """Return the task's own seed: the same however often and in whatever order it is run."""
    text = _canonical([seed, task.stage.name, task.target])
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _canonical_parameters(parameters: StepParameters) -> str:
    """Return the canonical JSON of a section, which most tasks of a plan share."""
    known = _ENCODED.get(id(parameters))
    if known is None:
        if len(_ENCODED) >= _MOST_ENCODED:
            _ENCODED.clear()
        # with the section itself, whose number cannot be another's as long as it lives
        known = _ENCODED[id(parameters)] = parameters, _canonical(parameters.normalised())
    return known[1]


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

_MOST_ENCODED = 10_000
_ENCODED: dict[int, tuple[StepParameters, str]] = {}
