"""Where results come from: versions, inputs, parameters. Host names are no part of it."""

import functools
import math
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from xsurvey.engine.plan import OutputOf, Task

_PACKAGES = (
    "xsurvey", "numpy", "scipy", "astropy", "photutils", "regions", "boost-histogram",
    "cdshealpix", "pyarrow", "pydantic", "dask", "distributed", "xspectrampoline", "emcee",
    "dynesty", "ixpeobssim",
)  # fmt: skip


@functools.cache
def versions() -> Mapping[str, str]:
    """Return the versions of Python and of the installed packages that results can depend on.

    Examples
    --------
    >>> sorted(versions())[0]
    'astropy'
    """
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def task_provenance(
    task: Task, seed: int, inputs: Mapping[str, Any], missing: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a manifest tells about its task before it is run.

    Parameters
    ----------
    task : Task
        The task.
    seed : int
        The seed of the run.
    inputs : mapping
        As :func:`xsurvey.engine.plan.described_inputs` gives them; paths are added here.
    missing : mapping of str to str
        Targets whose inputs failed, and why.
    """
    return {
        "stage": task.stage.name,
        "version": task.stage.version,
        "target": task.target,
        "seed": seed,
        "parameters": json_value({n: p.normalised() for n, p in task.parameters.items()}),
        "inputs": _with_paths(task, inputs),
        "uses": {**task.stage.uses, **task.uses},
        "missing": dict(missing),
    }


def _with_paths(task: Task, inputs: Mapping[str, Any]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name, value in task.all_inputs().items():
        if isinstance(value, Path):
            names[name] = {"path": str(value.absolute()), **inputs[name]}
        elif isinstance(value, OutputOf):
            names[name] = {"stage": value.task.stage.name, "target": value.task.target} | inputs[
                name
            ]
        else:
            paths = iter([str(v.absolute()) for v in value if isinstance(v, Path)])
            names[name] = [
                e | ({"path": next(paths)} if "sha256" in e else {}) for e in inputs[name]
            ]
    return names


def timestamp() -> str:
    """Return the time now, UTC, ISO 8601 with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def json_value(value: Any) -> Any:
    """Return ``value`` in JSON types, numbers that are not finite as None.

    Raises
    ------
    TypeError
        It holds something else, an array for example: that belongs in a file.
    """
    if isinstance(value, Mapping):
        return {str(k): json_value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(v) for v in value]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a numpy scalar
        return json_value(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")
