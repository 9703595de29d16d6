"""One runner at a time in an output folder."""

import errno
import fcntl
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from xsurvey.engine.process import has_ended, is_here, this_process
from xsurvey.errors import OutputError

_NO_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_TOUCH_EVERY_S = 20.0
SILENT_AFTER_S = 180.0

WAIT_VARIABLE = "XSURVEY_LOCK_WAIT"
"""For how many seconds a run waits for the folder; set in batch jobs, where nobody is to try again
when the run that was killed on another host has been silent for long enough."""

_LOOK_EVERY_S = 1.0

logger = logging.getLogger(__name__)


class FolderLock:
    """A lock that is held: it shows signs of life, and tells when it was lost.

    Parameters
    ----------
    path : path
        The lock file.
    mine : mapping
        What it holds while it is ours.
    """

    def __init__(self, path: Path, mine: Mapping[str, Any]) -> None:
        self._path, self._token = path, mine["token"]
        self._released = threading.Event()
        self._lost = threading.Event()
        self._keeper = threading.Thread(target=self._keep_alive, daemon=True)
        self._keeper.start()

    def check(self) -> None:
        """Raise if the lock was taken over, since this process was asleep for too long.

        Raises
        ------
        OutputError
            Another run works in the folder.
        """
        if self._lost.is_set():
            raise _taken(self._path, read_lock(self._path))

    def release(self) -> None:
        """Give the lock back, if it is still ours."""
        self._released.set()
        self._keeper.join()
        if not self.is_taken():
            self._path.unlink(missing_ok=True)

    def is_taken(self) -> bool:
        """Return whether the folder is another run's by now."""
        # a file that cannot be read, as on a network that stumbles, tells nothing
        return read_lock(self._path).get("token", self._token) != self._token

    def _keep_alive(self) -> None:
        while not self._released.wait(_TOUCH_EVERY_S):
            if self.is_taken():
                self._lost.set()
                return
            with suppress(OSError):
                os.utime(self._path)


@contextmanager
def folder_lock(path: Path) -> Iterator[FolderLock]:
    """Hold the lock file ``path`` for the length of the block.

    The file names its owner, who touches it now and then. The lock of a process that has ended
    on this host is taken over at once; that of one on another host when it was not touched for
    three minutes, since a job that was killed there may be resubmitted here.

    Raises
    ------
    OutputError
        Another process has the lock, and has it still after the time that `WAIT_VARIABLE` says.
    """
    mine = {**this_process(), "token": secrets.token_hex(8)}
    end, told = time.monotonic() + _patience(), False
    while (owner := _take(path, mine)) is not None:
        if time.monotonic() >= end:
            raise _taken(path, owner)
        if not told:
            told = True
            logger.info(
                "waiting for the run of process %s on host %s, which works in the folder or was "
                "killed", owner.get("pid"), owner.get("host"),
            )  # fmt: skip
        time.sleep(_LOOK_EVERY_S)
    lock = FolderLock(path, mine)
    try:
        yield lock
    finally:
        lock.release()


def _take(path: Path, mine: Mapping[str, Any]) -> dict[str, Any] | None:
    """Take the lock, or return who has it."""
    with _guard(path.with_name(f"{path.name}.guard")) as now:
        owner = read_lock(path)
        if path.exists() and not _is_free(owner, now - path.stat().st_mtime):
            return owner
        _write(path, mine)
    return None


def _patience() -> float:
    try:
        return float(os.environ.get(WAIT_VARIABLE, "0"))
    except ValueError:
        return 0.0


def read_lock(path: Path) -> dict[str, Any]:
    """Return what a lock file tells of its owner; nothing if it is absent or damaged."""
    try:
        owner = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


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


def _write(path: Path, mine: Mapping[str, Any]) -> None:
    # whole or not at all, on a full disk too
    temporary = path.with_name(f"{path.name}.{mine['token']}")
    try:
        temporary.write_text(json.dumps(mine))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_free(owner: dict[str, Any], age: float) -> bool:
    if is_here(owner):
        return has_ended(owner)
    # one cut short, by a process that died while it wrote, names nobody to wait for
    return not owner or age > SILENT_AFTER_S


def _taken(path: Path, owner: dict[str, Any]) -> OutputError:
    pid, host = owner.get("pid"), owner.get("host")
    if is_here(owner):
        return OutputError(
            path.parent.parent, f"is in use by the run of process {pid}",
            f"wait for it, stop it with `kill {pid}`, or give another output folder",
        )  # fmt: skip
    return OutputError(
        path.parent.parent, f"is in use by the run of process {pid} on host {host}",
        "wait for it, or for three minutes if it was killed",
    )  # fmt: skip
