"""One runner at a time in an output folder."""

import errno
import fcntl
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from xsurvey.errors import OutputError

_NO_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_TOUCH_EVERY_S = 20.0
_SILENT_AFTER_S = 180.0


@contextmanager
def folder_lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` for the length of the block.

    The file names its owner, who touches it now and then. The lock of a process that has ended
    on this host is taken over at once; that of one on another host when it was not touched for
    three minutes, since a job that was killed there may be resubmitted here.

    Raises
    ------
    OutputError
        Another process has the lock.
    """
    mine = {"pid": os.getpid(), "host": socket.gethostname(), "token": secrets.token_hex(8)}
    mine["started"] = _start_time(os.getpid())
    with _guard(path.with_name(f"{path.name}.guard")) as now:
        owner = _read(path)
        if path.exists() and not _has_ended(owner, now - path.stat().st_mtime):
            raise _taken(path, owner)
        path.write_text(json.dumps(mine))
    released = threading.Event()
    keeper = threading.Thread(target=_keep_alive, args=(path, released), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        released.set()
        keeper.join()
        if _read(path).get("token") == mine["token"]:
            path.unlink(missing_ok=True)


@contextmanager
def _guard(path: Path) -> Iterator[float]:
    """Let one process at a time look at the lock and take it, where the file system can.

    Yields the time now by the clock of the file system, whose host may be another.
    """
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_FLOCK:
                raise
        os.utime(path)
        yield path.stat().st_mtime


def _keep_alive(path: Path, released: threading.Event) -> None:
    while not released.wait(_TOUCH_EVERY_S):
        with suppress(OSError):
            os.utime(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        owner = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _has_ended(owner: dict[str, Any], age: float) -> bool:
    pid = owner.get("pid")
    if not isinstance(pid, int) or owner.get("host") != socket.gethostname():
        # one cut short, by a process that died while it wrote, names nobody to wait for
        return not owner or age > _SILENT_AFTER_S
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # a number used again by another process does not keep the lock
    return owner.get("started") != _start_time(pid)


def _start_time(pid: int) -> str | None:
    """Return when a process started, in ticks since boot, where the system tells."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def _taken(path: Path, owner: dict[str, Any]) -> OutputError:
    pid, host = owner.get("pid"), owner.get("host")
    if host == socket.gethostname():
        return OutputError(
            path.parent.parent, f"is in use by the run of process {pid}",
            f"wait for it, stop it with `kill {pid}`, or give another output folder",
        )  # fmt: skip
    return OutputError(
        path.parent.parent, f"is in use by the run of process {pid} on host {host}",
        "wait for it, or for three minutes if it was killed",
    )  # fmt: skip
