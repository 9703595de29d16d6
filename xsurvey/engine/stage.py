"""What a stage declares, and what its function is given."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from xsurvey.engine.clusters.profiles import parse_memory
from xsurvey.parameters import StepParameters

MANIFEST_NAME = "manifest.json"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_Model = TypeVar("_Model", bound=StepParameters)


@dataclass(frozen=True)
class TaskContext:
    """All that a stage's function may look at.

    Attributes
    ----------
    target : str
        What the task is about: an observation, a field, a band, a source.
    inputs : mapping of str to path or list of paths
        The files to read, by the names that the stage declares.
    parameters : mapping of str to StepParameters
        The sections of the configuration that the stage declares.
    folder : path
        The empty folder to write the outputs in.
    seed : int
        For ``numpy.random.default_rng``; it depends on the seed of the run, the stage and the
        target only, never on the order of the tasks or the number of workers.
    missing : mapping of str to str
        For stages with ``needs_all=False``: the targets whose inputs failed, and why; of a
        family the elements.
    elements : tuple of str
        For a member of a family: which elements of the target it is to do, such as sources.
        How they are grouped must not decide the results.
    """

    target: str
    inputs: Mapping[str, Path | list[Path]]
    parameters: Mapping[str, StepParameters]
    folder: Path
    seed: int
    missing: Mapping[str, str] = field(default_factory=dict)
    elements: tuple[str, ...] = ()

    def path(self, name: str) -> Path:
        """Return the one file of the input ``name``."""
        value = self.inputs[name]
        if isinstance(value, list):
            raise TypeError(f"input '{name}' is a list of files; use paths()")
        return value

    def optional_path(self, name: str) -> Path | None:
        """Return the one file of the input ``name``, or None when the task has none."""
        return self.path(name) if name in self.inputs else None

    def paths(self, name: str) -> list[Path]:
        """Return the files of the input ``name``, in the order of the plan."""
        value = self.inputs[name]
        return value if isinstance(value, list) else [value]

    def section(self, model: type[_Model]) -> _Model:
        """Return the parameters of the class ``model``, which only one section may have."""
        found = [p for p in self.parameters.values() if type(p) is model]
        if len(found) != 1:
            raise LookupError(f"{len(found)} sections of class {model.__name__}, not one")
        return found[0]


StageFunction = Callable[[TaskContext], dict[str, Any]]


@dataclass(frozen=True)
class Stage:
    """One step of a pipeline: a pure function from files and parameters to files.

    Parameters
    ----------
    name : str
        Lower case; unique in a plan.
    version : str
        Must change when the results for the same inputs do; see
        :mod:`xsurvey.engine.fingerprint`.
    run : callable
        Module-level, so that workers find it by name. Writes the outputs into
        ``context.folder`` and returns a small record: JSON values, at most 16 KiB.
    outputs : tuple of str
        The files or folders that it must produce.
    inputs, optional_inputs : tuple of str
        The names of the inputs, each a file or a list of files. Every file that the function
        reads must be one of them: what is not declared cannot be noticed when it changes.
    parameters : mapping of str to type[StepParameters]
        The sections of the configuration it uses, and their models.
    uses : mapping of str to str
        Versions of the data it depends on and that are not inputs, for example AtomDB's.
    helpers : tuple of str
        Modules, or packages, whose source decides the results too; for the fingerprint.
    needs_all : bool
        False: run even if some members of its list inputs failed, with those that did not.
    memory : str or None
        What one task of it needs, such as ``6GB``, where that may be more than a worker has by
        default. Tasks are begun only where it is there; it is no part of their keys.
    """

    name: str
    version: str
    run: StageFunction
    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    optional_inputs: tuple[str, ...] = ()
    parameters: Mapping[str, type[StepParameters]] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    helpers: tuple[str, ...] = ()
    needs_all: bool = True
    memory: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"stage name '{self.name}' is not lower_case")
        if "<" in self.run.__qualname__:
            raise ValueError(f"stage {self.name}: {self.run.__qualname__} is not module-level")
        for output in self.outputs:
            if Path(output).name != output or output in ("", MANIFEST_NAME):
                raise ValueError(f"stage {self.name}: '{output}' is not a file name")
        if self.memory is not None:
            parse_memory(self.memory)

    @property
    def need(self) -> int | None:
        """The memory in bytes that one task needs; None if it gets by with what there is."""
        return None if self.memory is None else parse_memory(self.memory)
