"""How far a run has come: bars on a terminal, plain lines in a log."""

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from rich import progress as rich_progress
from rich.console import Console, RenderableType
from rich.text import Text

from xsurvey.engine.watching.totals import TimeLeft

logger = logging.getLogger(__name__)

_LINE_EVERY_S = 10.0


Estimate = Callable[[], TimeLeft | None]


class Progress(Protocol):
    """What the runner tells about its progress."""

    def start(self, totals: Mapping[str, int], time_left: Estimate) -> None:
        """Begin: the number of tasks of each stage, and who estimates the time to go."""

    def grown(self, stage: str, more: int) -> None:
        """Note that a stage has more tasks than was known."""

    def settled(self, stage: str, status: str) -> None:
        """One task is done, cached, failed or skipped."""

    def stop(self) -> None:
        """End, also after an error."""


class LogProgress:
    """One line every ten seconds on the logger."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._total = 0
        self._time_left: Estimate = lambda: None
        self._last = time.monotonic()

    def start(self, totals: Mapping[str, int], time_left: Estimate) -> None:
        """Begin."""
        self._total, self._time_left = sum(totals.values()), time_left

    def grown(self, stage: str, more: int) -> None:
        """Add to the total."""
        self._total += more

    def settled(self, stage: str, status: str) -> None:
        """Count a task."""
        self._counts[status] += 1
        if time.monotonic() - self._last > _LINE_EVERY_S:
            self._line()

    def stop(self) -> None:
        """Nothing: the runner itself says how it ended."""

    def _line(self) -> None:
        self._last = time.monotonic()
        line = counts_line(self._counts, self._total)
        logger.info("%s", "; ".join(filter(None, (line, left_text(self._time_left())))))


class _Bars(rich_progress.Progress):
    """Bars with a line below them: the time left."""

    time_left: Estimate = staticmethod(lambda: None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Give the bars, and the line where there is something to say."""
        yield from super().get_renderables()
        text = left_text(self.time_left())
        if text:
            yield Text(text)


class BarProgress:
    """A bar for each stage on standard error, gone when the run ends."""

    def __init__(self) -> None:
        self._bars: _Bars | None = None
        self._rows: dict[str, rich_progress.TaskID] = {}
        self._bad: Counter[str] = Counter()
        self._redirected: list[logging.StreamHandler] = []

    def start(self, totals: Mapping[str, int], time_left: Estimate) -> None:
        """Show the bars."""
        self._bars = _Bars(
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn("{task.fields[bad]}", markup=False),
            rich_progress.TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self._rows = {s: self._bars.add_task(s, total=n, bad="") for s, n in totals.items()}
        self._bars.time_left = time_left
        handlers = _stderr_handlers()
        self._bars.start()
        # log lines go above the bars instead of through them
        for handler in handlers:
            handler.setStream(sys.stderr)
            self._redirected.append(handler)

    def grown(self, stage: str, more: int) -> None:
        """Make the stage's bar longer."""
        if self._bars is not None:
            row = self._rows[stage]
            total = next(t.total or 0 for t in self._bars.tasks if t.id == row)
            self._bars.update(row, total=total + more)

    def settled(self, stage: str, status: str) -> None:
        """Move the stage's bar."""
        if self._bars is not None:
            self._bad[stage] += status in ("failed", "skipped")
            bad = f"{self._bad[stage]} failed or skipped" if self._bad[stage] else ""
            self._bars.update(self._rows[stage], advance=1, bad=bad)

    def stop(self) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._bars.stop()
            for handler in self._redirected:
                handler.setStream(sys.stderr)


def _stderr_handlers() -> Iterable[logging.StreamHandler]:
    handlers = logging.getLogger().handlers
    return [h for h in handlers if isinstance(h, logging.StreamHandler) and h.stream is sys.stderr]


def default_progress() -> Progress:
    """Return bars if standard error is a terminal and not silenced, else log lines."""
    if sys.stderr.isatty() and logger.isEnabledFor(logging.WARNING):
        return BarProgress()
    return LogProgress()


def left_text(left: TimeLeft | None) -> str:
    """Return the time to go to read; nothing if it is not known.

    Examples
    --------
    >>> left_text(TimeLeft(754.0))
    'time left: about 12 min 34 s'
    """
    return "" if left is None else f"time left: {left}"


def counts_line(counts: Mapping[str, int], total: int) -> str:
    """Return one line on how many tasks there are of each status.

    Examples
    --------
    >>> counts_line({"done": 3, "failed": 1}, 10)
    '4 of 10 tasks: 3 done, 1 failed'
    """
    parts = [f"{counts[s]} {s}" for s in ("done", "cached", "failed", "skipped") if counts.get(s)]
    return f"{sum(counts.values())} of {total} tasks: {', '.join(parts) or 'none yet'}"
