"""What the stages of a run took, and how much time is left."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xsurvey.engine.workers.usage import Usage

STATUSES = ("done", "cached", "failed", "skipped")

_FEW = 3
_NAMED = 3


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


@dataclass(frozen=True)
class TimeLeft:
    """An estimate of the time to go.

    Attributes
    ----------
    seconds : float
        Of the stages that can be estimated.
    without : tuple of str
        Stages with work to do that are not in it: too few of their tasks were done.
    """

    seconds: float
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it as a part of a line.

        Examples
        --------
        >>> str(TimeLeft(754.0)), str(TimeLeft(75.0, ("maps", "catalog")))
        ('about 12 min 34 s', 'about 1 min 15 s and what maps, catalog take')
        """
        names = self.without
        if not names:
            return f"about {time_text(self.seconds)}"
        others = ", ".join(names) if len(names) <= _NAMED else f"{len(names)} other stages"
        takes = "takes" if len(names) == 1 else "take"
        return f"about {time_text(self.seconds)} and what {others} {takes}"


def time_left(
    stages: Mapping[str, Mapping[str, Any]],
    running: Iterable[tuple[str, float]],
    workers: int | None,
) -> TimeLeft | None:
    """Return the time to go if tasks take as long as others of their stage did.

    A stage is estimated when three of its tasks were done, or a third of them.

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
    TimeLeft or None
        None if no stage with work to do can be estimated, or if those that can are as good as done
        and others are not.
    """
    if workers is None:
        return None
    left = {
        name: int(stage["total"]) - sum(int(stage.get(status, 0)) for status in STATUSES)
        for name, stage in stages.items()
    }
    left = {name: number for name, number in left.items() if number > 0}
    means = {name: mean for name in left if (mean := _mean_seconds(stages[name])) is not None}
    if left and not means:
        return None
    under_way = [(name, seconds) for name, seconds in running if name in means]
    begun = Counter(name for name, _ in under_way)
    # what was spent on tasks under way is no longer to do, as far as it was expected
    to_do = [max(means[name] - seconds, 0.0) for name, seconds in under_way]
    waiting = {name: max(left[name] - begun[name], 0) for name in means}
    work = sum(to_do) + sum(number * means[name] for name, number in waiting.items())
    # no task is done by two workers
    longest = max([*to_do, *(means[name] for name, number in waiting.items() if number)], default=0)
    seconds = max(work / max(1, workers), longest)
    without = tuple(name for name in left if name not in means)
    return None if without and seconds < 1 else TimeLeft(seconds, without)


def _mean_seconds(stage: Mapping[str, Any]) -> float | None:
    """Return what a task of a stage takes, None where too few were done to tell."""
    timed = int(stage.get("done", 0)) + int(stage.get("cached", 0))
    if timed < min(_FEW, -(-int(stage["total"]) // 3)):
        return None
    return float(stage.get("seconds", 0.0)) / timed


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
