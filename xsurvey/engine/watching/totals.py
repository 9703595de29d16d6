"""What the stages of a run took, and how much time is left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xsurvey.engine.workers.usage import Usage

STATUSES = ("done", "cached", "failed", "skipped")


@dataclass
class StageTotals:
    """Numbers of tasks of one stage by status, and what they took.

    Attributes
    ----------
    total : int
        Tasks in the plan.
    counts : dict
        Of those settled.
    seconds : float
        Of those that are good, in the run in which each was done; the time left is made of it.
    wasted_seconds : float
        Of those that failed.
    cpu_seconds : float
        Of all that tell it.
    peak_memory : int or None
        Bytes; the largest of one task.
    """

    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    wasted_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int | None = None

    def add(self, status: str, seconds: float, usage: Usage | None) -> None:
        """Count a task."""
        self.counts[status] = self.counts.get(status, 0) + 1
        if status == "failed":
            self.wasted_seconds += seconds
        elif status != "skipped":
            self.seconds += seconds
        if usage is not None:
            self.cpu_seconds += usage.cpu_seconds
            if usage.peak_memory is not None:
                self.peak_memory = max(self.peak_memory or 0, usage.peak_memory)

    def as_json(self) -> dict[str, Any]:
        """Return all this as JSON values; statuses that no task has are left out."""
        return {
            "total": self.total, **self.counts, "seconds": round(self.seconds, 3),
            "wasted_seconds": round(self.wasted_seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3), "peak_memory": self.peak_memory,
        }  # fmt: skip


def stage_table(stages: Mapping[str, StageTotals]) -> dict[str, dict[str, Any]]:
    """Return what each stage took, and its share of the time of all; for ``run.json``."""
    total = sum(s.seconds + s.wasted_seconds for s in stages.values())
    return {
        name: {
            **stage.as_json(),
            "share": round((stage.seconds + stage.wasted_seconds) / total, 4) if total else 0.0,
        }
        for name, stage in stages.items()
    }


def time_left(
    stages: Mapping[str, Mapping[str, Any]],
    running: Iterable[tuple[str, float]],
    workers: int | None,
) -> float | None:
    """Return the time to go if tasks take as long as others of their stage did.

    Parameters
    ----------
    stages : mapping
        By stage ``total``, numbers of tasks by status, and ``seconds`` of those that are good.
    running : iterable of (str, float)
        Stage of each task under way, and for how many seconds it is.
    workers : int or None
        How many tasks are done at a time; None if that is not known yet.

    Returns
    -------
    float or None
        Seconds; None if a stage with work to do has no task that was done yet.
    """
    if workers is None:
        return None
    work = longest = 0.0
    means: dict[str, float] = {}
    for name, stage in stages.items():
        left = int(stage["total"]) - sum(int(stage.get(status, 0)) for status in STATUSES)
        if left <= 0:
            continue
        timed = int(stage.get("done", 0)) + int(stage.get("cached", 0))
        if not timed:
            return None
        means[name] = float(stage.get("seconds", 0.0)) / timed
        work += left * means[name]
        longest = max(longest, means[name])
    under_way = list(running)
    # what was spent on tasks under way is no longer to do, as far as it was expected
    spent = sum(min(seconds, means.get(name, 0.0)) for name, seconds in under_way)
    return max((work - spent) / max(1, workers), 0.0 if under_way else longest)


def time_text(seconds: float) -> str:
    """Return a time span to read.

    Examples
    --------
    >>> time_text(4000), time_text(75), time_text(3.2)
    ('1 h 06 min', '1 min 15 s', '3 s')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
