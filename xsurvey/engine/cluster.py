"""Where the work is done: cluster profiles, and the back ends that they choose."""

import importlib
import importlib.resources
import importlib.util
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, PlainSerializer

from xsurvey.errors import ParameterError, XSurveyError, nearest
from xsurvey.io.yaml_file import read_yaml
from xsurvey.parameters import StepParameters
from xsurvey.units import Duration

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

_MEMORY = re.compile(r"\s*(\d+\.?\d*)\s*([KMGT])(i?)B\s*", re.IGNORECASE)


class ClusterError(XSurveyError):
    """Workers cannot be had."""


def parse_memory(value: Any) -> int:
    """Return an amount of memory in bytes.

    Examples
    --------
    >>> parse_memory("2GB")
    2000000000
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _MEMORY.fullmatch(str(value))
    if not match:
        raise ValueError(f"'{value}' is not an amount of memory, such as 2GB")
    number, prefix, binary = match.groups()
    power = "KMGT".index(prefix.upper()) + 1
    return int(float(number) * (1024 if binary else 1000) ** power)


Memory = Annotated[
    int,
    BeforeValidator(parse_memory),
    PlainSerializer(lambda v: f"{v / 1e6:.12g}MB", return_type=str, when_used="json"),
    Field(ge=100_000_000),
]


class ClusterProfile(StepParameters):
    """What every back end is told."""

    backend: str
    workers: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        None, description="Number of worker processes; null for the back end's own choice."
    )
    memory: Memory = Field(
        parse_memory("2GB"), description="Memory of one worker; a task that needs more fails."
    )
    attempts: int = Field(
        3, ge=1, description="Times that a worker may die at a task before the task has failed."
    )
    task_timeout: Annotated[Duration, Field(gt=0)] | None = Field(
        default=cast(Any, "6h"),
        description="How long a task may take before its worker is stopped and it has failed; "
        "null for as long as it likes.",
    )
    start_timeout: Duration = Field(
        default=cast(Any, "60s"), gt=0, description="How long to wait for the first worker."
    )


class LocalProfile(ClusterProfile):
    """Worker processes on this machine."""

    backend: Literal["local"]


@dataclass(frozen=True)
class RunningCluster:
    """Workers that can be given tasks, one core each.

    Attributes
    ----------
    client : distributed.Client
        The connection to the scheduler.
    profile : ClusterProfile
        What was asked for.
    workers : int
        How many workers there are, or are meant to be.
    """

    client: "Client"
    profile: ClusterProfile
    workers: int


Backend = Callable[[Any, int | None], AbstractContextManager[RunningCluster]]


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
        raise ParameterError(
            f"cluster profile '{name}'", "is unknown", nearest(name, profile_names())
        )
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
        return BACKENDS[backend][0].read(values, "")
    except ParameterError as error:
        raise ParameterError(f"{path}: {error.subject}", error.cause, error.remedy) from None


@contextmanager
def start_cluster(
    profile: str | ClusterProfile = "local", workers: int | None = None
) -> Iterator[RunningCluster]:
    """Start workers, and stop them when the block ends.

    Parameters
    ----------
    profile : str or ClusterProfile
        As for :func:`load_profile`. Only this one is tried, never another in its stead.
    workers : int, optional
        Number of workers, instead of the profile's.

    Raises
    ------
    ParameterError
        No such profile.
    ClusterError
        No worker came in the profile's time.
    """
    chosen = load_profile(profile) if isinstance(profile, str) else profile
    module, _, name = BACKENDS[chosen.backend][1].partition(":")
    # imported when used: Dask alone takes half a second
    start: Backend = getattr(importlib.import_module(module), name)
    with start(chosen, workers or chosen.workers) as cluster:
        logger.info("cluster '%s': %d workers", chosen.backend, cluster.workers)
        if importlib.util.find_spec("bokeh"):
            logger.info("dashboard: %s", cluster.client.dashboard_link)
        yield cluster


BACKENDS: dict[str, tuple[type[ClusterProfile], str]] = {
    "local": (LocalProfile, "xsurvey.engine.local:start_local"),
}
"""Back ends by name: the model of their profiles, and the function ``module:name`` that makes the
context manager which starts them, called with the profile and the number of workers or None."""
