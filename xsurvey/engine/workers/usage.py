"""What a task took of a machine, and where it was done."""

import os
import re
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_HIGH_WATER = re.compile(r"^VmHWM:\s*(\d+) kB", re.MULTILINE)
_RESET_HIGH_WATER = "5"


@dataclass(frozen=True)
class Usage:
    """What a task took.

    Attributes
    ----------
    cpu_seconds : float
        Of all threads of the process, and of processes that it started and that have ended.
    peak_memory : int or None
        The most that the process had in memory, in bytes, libraries and interpreter included.
    peak_of : str
        ``task``: since the task began. ``process``: since the process did, where the system
        does not let the mark be reset; then it may be that of an earlier task.
    """

    cpu_seconds: float
    peak_memory: int | None = None
    peak_of: Literal["task", "process"] = "task"

    @classmethod
    def recorded(cls, values: Mapping[str, Any]) -> "Usage | None":
        """Return what a manifest tells of it; None if it is of an older version."""
        if "cpu_seconds" not in values:
            return None
        peak = values.get("peak_memory")
        return cls(float(values["cpu_seconds"]), peak, values.get("peak_of", "task"))


@dataclass(frozen=True)
class Place:
    """Where a task was done.

    Attributes
    ----------
    host : str
    worker : str or None
        The address of the worker; None if the run's own process did it.
    job : str or None
        The worker's job, by the number that the scheduler gave it.
    attempt : int
        1 for the first time.
    """

    host: str
    worker: str | None = None
    job: str | None = None
    attempt: int = 1


class Meter:
    """Measures what this process takes from now on."""

    def __init__(self) -> None:
        self._cpu = _cpu_seconds()
        self._reset = _reset_high_water()

    def read(self) -> Usage:
        """Return what it took so far."""
        spent = round(max(0.0, _cpu_seconds() - self._cpu), 3)
        return Usage(spent, _high_water(), "task" if self._reset else "process")


def _cpu_seconds() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def _reset_high_water() -> bool:
    # Linux alone, and not in every container
    try:
        Path("/proc/self/clear_refs").write_text(_RESET_HIGH_WATER)
    except OSError:
        return False
    return True


def _high_water() -> int | None:
    try:
        found = _HIGH_WATER.search(Path("/proc/self/status").read_text())
    except OSError:
        found = None
    if found is not None:
        return 1024 * int(found.group(1))
    # of the whole life of the process; in KiB, but on macOS in bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if os.uname().sysname == "Darwin" else 1024 * peak
