"""One attempt of a worker at a task, and what it tells when the worker dies at it."""

import contextlib
import faulthandler
import math
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_TRACE_NAME = "trace.txt"
_TIMED_OUT = "Timeout ("
_CRASHED = "Fatal Python error: "

End = Literal["timeout", "crash", "terminated", "killed"]


@dataclass(frozen=True)
class Attempt:
    """The folder of an attempt; that it is still there says that the attempt has not ended.

    Its name tells which process of which host is at it. Beside the outputs there is a file into
    which the interpreter writes the stack when the process is stopped from within or without.

    Parameters
    ----------
    folder : path
        As :func:`new_attempt` made it.
    """

    folder: Path

    @property
    def outputs(self) -> Path:
        """The folder for the outputs."""
        return self.folder / "outputs"

    @property
    def pid(self) -> int:
        """The number of the process."""
        return int(self.folder.name.split(".", 2)[1])

    @property
    def host(self) -> str:
        """The host of the process."""
        return self.folder.name.split(".", 2)[2]

    def began(self) -> float:
        """Return when it began, in seconds of the Unix epoch; NaN if it has ended."""
        try:
            # written in at the start only
            return self.folder.stat().st_mtime
        except OSError:
            return float("nan")

    def seconds(self) -> float:
        """Return for how long it has been going on; 0 if nobody knows."""
        lasted = time.time() - self.began()
        # the clocks of hosts differ
        return max(0.0, lasted) if math.isfinite(lasted) else 0.0

    def discard(self) -> None:
        """Remove the folder: the attempt has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def trace(self) -> str:
        """Return the stack that was written when the process died; often none."""
        try:
            return (self.folder / _TRACE_NAME).read_text(errors="replace")
        except OSError:
            return ""

    def end(self) -> tuple[End, str]:
        """Return how the process died, and what a crash was called by the system."""
        trace = self.trace()
        if trace.startswith(_TIMED_OUT):
            return "timeout", ""
        if trace.startswith(_CRASHED):
            return "crash", trace.splitlines()[0].removeprefix(_CRASHED)
        return ("terminated" if trace else "killed"), ""

    @contextlib.contextmanager
    def watched(self, limit: float | None) -> Iterator[None]:
        """Let the interpreter end this process if the block takes too long, and tell why it dies.

        The interpreter's own watchdog is a thread that does not need its lock, so that code which
        hangs in a library, or crashes there, is stopped and told of as well. All of it happens in
        this process: the watchdog needs neither the network nor whoever started the process.

        Parameters
        ----------
        limit : float or None
            Seconds.
        """
        with (self.folder / _TRACE_NAME).open("w") as stream:
            faulthandler.enable(stream, all_threads=False)
            # the end that a worker meets at its limit of memory
            faulthandler.register(signal.SIGTERM, stream, all_threads=True, chain=True)
            if limit is not None:
                faulthandler.dump_traceback_later(limit, exit=True, file=stream)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
                faulthandler.unregister(signal.SIGTERM)
                faulthandler.disable()


def new_attempt(parent: Path) -> Attempt:
    """Make the folders of an attempt by this process."""
    folder = parent / f"{secrets.token_hex(4)}.{os.getpid()}.{socket.gethostname()}"
    attempt = Attempt(folder)
    try:
        attempt.outputs.mkdir(parents=True)
    except OSError:
        attempt.discard()  # or it would pass for one whose worker died
        raise
    return attempt


def attempts_in(parent: Path) -> list[Attempt]:
    """Return the attempts whose folders are in ``parent``, the oldest first."""
    try:
        found = [Attempt(folder) for folder in parent.iterdir()]
    except OSError:
        return []
    return sorted(found, key=lambda attempt: (attempt.began(), attempt.folder))
