"""Which process is meant, and whether it still lives."""

import ctypes
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ENDED_STATES = ("Z", "X")
_PR_SET_PDEATHSIG = 1


def this_process() -> dict[str, Any]:
    """Return what tells this process from all others: its host, number, and time of start."""
    pid = os.getpid()
    return {"pid": pid, "host": socket.gethostname(), "started": _start_time(pid)}


def is_here(process: Mapping[str, Any]) -> bool:
    """Return whether a process belongs to this host, so that its life can be looked up."""
    return isinstance(process.get("pid"), int) and process.get("host") == socket.gethostname()


def has_ended(process: Mapping[str, Any]) -> bool:
    """Return whether a process of this host has ended.

    Parameters
    ----------
    process : mapping
        As :func:`this_process` made it there.
    """
    pid = process["pid"]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # ended, but not yet collected by its parent, which may never do so
    state = _stat(pid)
    if state and state[0] in _ENDED_STATES:
        return True
    # the number may be another process's by now
    return process.get("started") != _start_time(pid)


def end_with_parent() -> None:
    """Let this process be killed when the one that started it ends, whatever it does then.

    Dask's workers watch their parent themselves, but in a Python thread, which waits as long as
    a library keeps the interpreter's lock. Linux alone can do better.
    """
    parent = multiprocessing.parent_process()
    if not sys.platform.startswith("linux") or parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent.pid:  # it ended before we asked
        os._exit(1)


def _start_time(pid: int) -> str | None:
    """Return when a process started, in ticks since boot, where the system tells."""
    state = _stat(pid)
    return state[19] if state else None


def _stat(pid: int) -> list[str]:
    """Return what Linux tells of a process, from its state on; nothing elsewhere."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # the name before it may hold anything, parentheses too
    return text.rpartition(")")[2].split()
