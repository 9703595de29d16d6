"""How far downloads have come: a bar a file on a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console

from xsurvey.archives.download import Progress

logger = logging.getLogger(__name__)

_LINE_EVERY = 10.0  # s


def size_text(size: int) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> size_text(20223360), size_text(640)
    ('20.2 MB', '0.6 kB')
    """
    return f"{size / 1e6:.1f} MB" if size >= 10**6 else f"{size / 1e3:.1f} kB"


class LogProgress:
    """A line when a file begins and ends, and every ten seconds between."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: dict[str, int | None] = {}
        self._had: dict[str, int] = {}
        self._last = time.monotonic()

    def start(self, name: str, size: int | None, had: int) -> None:
        """Say what begins, and where an earlier download is continued."""
        with self._lock:
            self._sizes[name], self._had[name] = size, had
        total = size_text(size) if size is not None else "size unknown"
        logger.info("%s: %s%s", name, total, f", continued at {size_text(had)}" if had else "")

    def advance(self, name: str, size: int) -> None:
        """Count."""
        with self._lock:
            self._had[name] = self._had.get(name, 0) + size
            if time.monotonic() - self._last < _LINE_EVERY:
                return
            self._last = time.monotonic()
        logger.info("%s: %s", name, size_text(self._had[name]))

    def end(self, name: str) -> None:
        """Say that a file is whole."""
        logger.info("%s: whole and verified", name)


class BarProgress:
    """Bars on standard error, gone at the end."""

    def __init__(self, bars: rich_progress.Progress) -> None:
        self._bars = bars
        self._lock = threading.Lock()
        self._rows: dict[str, rich_progress.TaskID] = {}

    def start(self, name: str, size: int | None, had: int) -> None:
        """Show a bar."""
        with self._lock:
            if name not in self._rows:
                self._rows[name] = self._bars.add_task(name, total=size)
            self._bars.update(self._rows[name], total=size, completed=had)

    def advance(self, name: str, size: int) -> None:
        """Move it."""
        self._bars.advance(self._rows[name], size)

    def end(self, name: str) -> None:
        """Take it away."""
        with self._lock:
            if name in self._rows:
                self._bars.remove_task(self._rows.pop(name))


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Yield bars if standard error is a terminal and not silenced, else log lines."""
    if not (sys.stderr.isatty() and logger.isEnabledFor(logging.WARNING)):
        yield LogProgress()
        return
    with rich_progress.Progress(
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.DownloadColumn(),
        rich_progress.TransferSpeedColumn(),
        rich_progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
    ) as bars:
        yield BarProgress(bars)
