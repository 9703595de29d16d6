"""Cluster profiles: which workers a run asks for, and the back ends that start them."""

import importlib
import importlib.resources
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr

from xsurvey.errors import ParameterError, XSurveyError, nearest
from xsurvey.io.yaml_file import read_yaml
from xsurvey.parameters import StepParameters
from xsurvey.units import parse_time

_MEMORY = re.compile(r"\s*(\d+\.?\d*)\s*([KMGT])(i?)B\s*", re.IGNORECASE)
_LEAST_MEMORY = 100_000_000
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")
_BYTES = 1e6  # a number without a unit that is as large as this is of bytes
_BARE_NUMBER = re.compile(r"\s*\d+(\.\d*)?\s*")


class ClusterError(XSurveyError):
    """Workers cannot be had."""


def parse_memory(value: Any) -> int:
    """Return an amount of memory in bytes.

    Examples
    --------
    >>> parse_memory("2GB")
    2000000000
    """
    match = _MEMORY.fullmatch(str(value))
    if not match:
        if _BARE_NUMBER.fullmatch(str(value)):
            like = f"{value}GB, or {value}MB"
            if float(value) >= _BYTES:
                like = f"{float(value) / 1e9:g}GB"
            raise ValueError(f"{value} has no unit; write {like}")
        raise ValueError(f"'{value}' is not an amount of memory, such as 2GB or 500MB")
    number, prefix, binary = match.groups()
    power = "KMGT".index(prefix.upper()) + 1
    return int(float(number) * (1024 if binary else 1000) ** power)


def _enough_memory(value: Any) -> int:
    number = parse_memory(value)
    if number < _LEAST_MEMORY:
        raise ValueError(f"{value} is too little; write 100MB or more")
    return number


Memory = Annotated[
    int,
    BeforeValidator(_enough_memory),
    PlainSerializer(lambda v: f"{v / 1e6:.12g}MB", return_type=str, when_used="json"),
]


def parse_run_time(value: Any) -> float:
    """Return a time in seconds: with a unit as everywhere, or as schedulers write it.

    Examples
    --------
    >>> parse_run_time("2h"), parse_run_time("1-12:00:00")
    (7200.0, 129600.0)
    """
    text = str(value).strip()
    match = _CLOCK.fullmatch(text)
    if match is not None:
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return float(((24 * days + hours) * 60 + minutes) * 60 + seconds)
    if _BARE_NUMBER.fullmatch(text):
        # schedulers themselves differ in what they take it for
        raise ValueError(f"{value} has no unit; write {text}min, {text}h or 12:00:00")
    if ":" in text:
        raise ValueError(f"'{value}' is not HOURS:MINUTES:SECONDS; write 12:00:00 or 1-12:00:00")
    try:
        return parse_time(value)
    except ValueError as error:
        told = str(error) if "unit '" in str(error) else f"'{value}' is not a time"
        raise ValueError(f"{told}; write 30min, 12h or 12:00:00") from None


def _time_text(seconds: float) -> str:
    return f"{seconds:.12g}s"


RunTime = Annotated[
    float,
    BeforeValidator(parse_run_time),
    PlainSerializer(_time_text, return_type=str, when_used="json"),
]
"""How long runs, jobs and tasks may take, in seconds inside."""


class ClusterProfile(StepParameters):
    """What every back end is told."""

    backend: str
    workers: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        None, description="Number of worker processes; null for the back end's own choice."
    )
    memory: Memory = Field(
        default=cast(Any, "2GB"),
        description="Memory of one worker; a task that takes more is stopped. Stages that say that "
        "they need more get it, where other workers of the same host or job wait meanwhile.",
    )
    attempts: int = Field(
        3, ge=1, description="Times that a worker may die at a task before the task has failed."
    )
    task_timeout: Annotated[RunTime, Field(gt=0)] | None = Field(
        default=cast(Any, "6h"),
        description="How long a task may take before its worker is stopped and it has failed; "
        "null for as long as it likes.",
    )
    start_timeout: RunTime = Field(
        default=cast(Any, "60s"), gt=0, description="How long to wait for the first worker."
    )
    time_limit: Annotated[RunTime, Field(gt=0)] | None = Field(
        None,
        description="How long a run may take before it stops in good order, to be gone on with by "
        "the next; null for as long as it takes.",
    )
    walltime_margin: RunTime = Field(
        default=cast(Any, "60s"),
        ge=0,
        description="How long before a time limit, or a job's walltime, work is to be ended; at "
        "most a tenth of it.",
    )
    _need: int = PrivateAttr(0)

    @property
    def limit(self) -> int:
        """The memory in bytes at which a worker is stopped."""
        return max(self.memory, self._need)

    @property
    def together(self) -> int | None:
        """How many workers share their memory, None where that is known of those there only."""
        return getattr(self, "workers_per_job", None)

    def sized_to(self, need: int) -> Self:
        """Return a copy whose workers may take so many bytes, at tasks that need them."""
        sized = self.model_copy()
        sized._need = need
        return sized


class LocalProfile(ClusterProfile):
    """Worker processes on this machine."""

    backend: Literal["local"]


def profile_names() -> list[str]:
    """Return the names of the profiles that come with xsurvey."""
    folder = importlib.resources.files("xsurvey") / "configs" / "cluster"
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def load_profile(name: str) -> ClusterProfile:
    """Return a cluster profile.

    Parameters
    ----------
    name : str
        One of :func:`profile_names`, or the path of a YAML file (with a ``/`` or ``.yaml``).

    Raises
    ------
    ParameterError
        No such profile or back end, or a wrong value in the file.
    InputError
        The file cannot be read.
    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        return _read_profile(Path(name))
    if name not in profile_names():
        remedy = nearest(name, profile_names())
        if Path(name).is_file():
            remedy = f"of a file give the path, ./{name}"
        raise ParameterError(f"cluster profile '{name}'", "is unknown", remedy)
    folder = importlib.resources.files("xsurvey") / "configs" / "cluster"
    with importlib.resources.as_file(folder / f"{name}.yaml") as path:
        return _read_profile(path)


def _read_profile(path: Path) -> ClusterProfile:
    values = read_yaml(path)
    backend = str(values.get("backend"))
    if backend not in BACKENDS:
        cause = f"no back end '{backend}'" if "backend" in values else "is required"
        raise ParameterError(f"{path}: backend", cause, nearest(backend, BACKENDS))
    try:
        model: type[ClusterProfile] = imported(BACKENDS[backend][0])
        return model.read(values, "")
    except ParameterError as error:
        first, *others = (
            ParameterError(f"{path}: {one.subject}", one.cause, one.remedy)
            for one in (error, *error.others)
        )
        first.others = tuple(others)
        raise first from None


_ROOM = "xsurvey.engine.clusters"

BACKENDS: dict[str, tuple[str, str]] = {
    "local": (f"{_ROOM}.profiles:LocalProfile", f"{_ROOM}.local:start_local"),
    "slurm": (f"{_ROOM}.queue_profiles:SlurmProfile", f"{_ROOM}.queues:start_queue"),
    "pbs": (f"{_ROOM}.queue_profiles:PbsProfile", f"{_ROOM}.queues:start_queue"),
    "lsf": (f"{_ROOM}.queue_profiles:LsfProfile", f"{_ROOM}.queues:start_queue"),
    "sge": (f"{_ROOM}.queue_profiles:SgeProfile", f"{_ROOM}.queues:start_queue"),
    "htcondor": (f"{_ROOM}.queue_profiles:HTCondorProfile", f"{_ROOM}.queues:start_queue"),
    "allocation": (
        f"{_ROOM}.queue_profiles:AllocationProfile", f"{_ROOM}.allocation:start_allocation",
    ),
    "scheduler-file": (
        f"{_ROOM}.queue_profiles:SchedulerFileProfile",
        f"{_ROOM}.scheduler_file:start_scheduler_file",
    ),
}  # fmt: skip
"""Back ends by name: the model ``module:name`` of their profiles, and the function that makes the
context manager which starts them, called with the profile, the number of workers or None, and the
folder for jobs or None. Both are imported when used."""


def imported(place: str) -> Any:
    """Return what ``module:name`` says."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
