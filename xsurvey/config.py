"""The envelope of a configuration file: what to analyse, how, and where the results go.

What a step's section holds is the step's own model; this module knows no pipeline.
"""

import functools
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from xsurvey.config_files import NAME, InputEntry, InputFinder, checked_path
from xsurvey.errors import Complaints, ParameterError, nearest
from xsurvey.io.yaml_file import read_yaml
from xsurvey.parameters import StepParameters

SCHEMA = 1
_ENVELOPE = ("schema", "pipeline", "inputs", "output", "seed", "cluster")

_Model = TypeVar("_Model", bound=StepParameters)

Sections = Mapping[str, type[StepParameters]]


class ClusterChoice(StepParameters):
    """Which workers do the tasks; ``cluster: slurm`` stands for ``cluster: {profile: slurm}``."""

    profile: str = Field("local", description="A cluster profile, or the path of one.")
    workers: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        None, description="Number of workers; null for the profile's, 0 for this process alone."
    )


class _Envelope(StepParameters):
    """The keys with one plain value."""

    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    output: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Config:
    """A validated configuration.

    Attributes
    ----------
    path : path
        The file it was read from.
    pipeline : str
        The name of the pipeline.
    inputs : tuple of InputEntry
        What to analyse, in the order of the file; of a glob in the order of the names.
    output : path
        The folder for the results, relative to the working directory.
    seed : int
        The seed of all random numbers.
    cluster : ClusterChoice
        Which workers do the tasks.
    sections : mapping of str to StepParameters
        The parameters of each step of the pipeline.
    """

    path: Path
    pipeline: str
    inputs: tuple[InputEntry, ...]
    output: Path
    seed: int
    cluster: ClusterChoice
    sections: Mapping[str, StepParameters]

    def as_json(self) -> dict[str, Any]:
        """Return the configuration as JSON values, with all defaults, for provenance."""
        inputs = [
            {kind: [str(p) for p in paths] for kind, paths in entry.files.items()}
            | ({NAME: entry.name} if entry.name else {})
            for entry in self.inputs
        ]
        return {
            "schema": SCHEMA,
            "pipeline": self.pipeline,
            "inputs": inputs,
            "output": str(self.output),
            "seed": self.seed,
            "cluster": self.cluster.normalised(),
            **{name: section.normalised() for name, section in self.sections.items()},
        }


def load_config(
    path: str | os.PathLike[str],
    sections_of: Callable[[str], Sections],
    *,
    kinds_of: Callable[[str], Collection[str]] | None = None,
    resolve_data: Callable[[str], Iterable[Path]] | None = None,
    takes_inputs: Callable[[str], bool] | None = None,
) -> Config:
    """Read and validate a configuration file.

    Parameters
    ----------
    path : path
        A YAML file.
    sections_of : callable
        Gives the steps of a pipeline by its name: section name to parameter model. Raises
        ParameterError for a name that it does not know.
    kinds_of : callable, optional
        Gives the kinds of files that an input of the pipeline may have beside its events; any
        are taken if not given.
    resolve_data : callable, optional
        Gives the files of an installed dataset by what follows ``data:``. If not given, such
        inputs stay as they are.
    takes_inputs : callable, optional
        Tells whether a pipeline has event files as inputs, as all have if not given. Those that
        have none may leave `inputs` out, and must leave it empty.

    Raises
    ------
    InputError
        The file is not YAML, or an input file does not exist.
    ParameterError
        An unknown key or an impossible value, with its dotted path. What else is wrong is in the
        error's `others`.
    """
    file = Path(path)
    values = read_yaml(file)
    _check_schema(values, file)
    pipeline, sections = _pipeline(values, file, sections_of)
    known = [*_ENVELOPE, *sections]
    complaints = Complaints(
        ParameterError(f"{file}: {key}", "unknown key", nearest(key, known))
        for key in values
        if key not in known
    )
    plain = {key: values[key] for key in _Envelope.model_fields if key in values}
    kinds = kinds_of(pipeline) if kinds_of else None
    finder = InputFinder(file, kinds, resolve_data)
    envelope = complaints.attempt(lambda: _validated(_Envelope, plain, "", file))
    output = complaints.attempt(lambda: _output(envelope.output, file)) if envelope else None
    given = values.get("inputs")
    if takes_inputs is None or takes_inputs(pipeline):
        inputs = complaints.attempt(lambda: finder.entries(given))
    else:
        inputs = complaints.attempt(lambda: _no_inputs(given, pipeline, file))
    chosen: dict[str, type[StepParameters]] = {"cluster": ClusterChoice, **sections}
    if isinstance(values.get("cluster"), str):  # of most that is all there is to say
        values = {**values, "cluster": {"profile": values["cluster"]}}
    read = {
        name: complaints.attempt(functools.partial(_section, model, values, name, file))
        for name, model in chosen.items()
    }
    complaints.raise_any()
    assert envelope is not None and output is not None and inputs is not None
    found = {name: section for name, section in read.items() if section is not None}
    cluster = found.pop("cluster")
    assert isinstance(cluster, ClusterChoice)
    return Config(file, pipeline, inputs, output, envelope.seed, cluster, found)


def _check_schema(values: Mapping[str, Any], file: Path) -> None:
    subject = f"{file}: schema"
    if "schema" not in values:
        raise ParameterError(subject, "is required", f"add the line `schema: {SCHEMA}`")
    schema = values["schema"]
    if isinstance(schema, bool) or schema != SCHEMA:
        raise ParameterError(
            subject, f"this xsurvey reads schema {SCHEMA}, not {schema!r}",
            "see `xsurvey init` for a config of this version",
        )  # fmt: skip


def _pipeline(
    values: Mapping[str, Any], file: Path, sections_of: Callable[[str], Sections]
) -> tuple[str, Sections]:
    subject = f"{file}: pipeline"
    name = values.get("pipeline")
    if not isinstance(name, str):
        cause = "is required" if name is None else f"is not a name but {name!r}"
        raise ParameterError(subject, cause, "name a pipeline, such as `pipeline: sources`")
    try:
        return name, sections_of(name)
    except ParameterError as error:
        raise ParameterError(subject, error.cause, error.remedy) from None


def _section(model: type[_Model], values: Mapping[str, Any], name: str, file: Path) -> _Model:
    section = values.get(name)
    if section is None:
        section = {}
    if not isinstance(section, dict):
        raise ParameterError(
            f"{file}: {name}",
            f"is not a section but {section!r}",
            "write `name: value` lines in it",
        )
    return _validated(model, section, name, file)


def _validated(model: type[_Model], values: dict[str, Any], path: str, file: Path) -> _Model:
    try:
        return model.read(values, path)
    except ParameterError as error:
        first, *others = (
            ParameterError(f"{file}: {one.subject}", one.cause, one.remedy)
            for one in (error, *error.others)
        )
        first.others = tuple(others)
        raise first from None


def _no_inputs(given: Any, pipeline: str, file: Path) -> tuple[InputEntry, ...]:
    if given not in (None, []):
        raise ParameterError(
            f"{file}: inputs", f"are event files, and the pipeline '{pipeline}' has none",
            "leave it out: files are named by its sections",
        )  # fmt: skip
    return ()


def _output(text: str, file: Path) -> Path:
    output = Path(os.path.expanduser(checked_path(text, f"{file}: output")))
    if output.exists() and not output.is_dir():
        raise ParameterError(f"{file}: output", f"{output} is a file", "name a folder")
    return output
