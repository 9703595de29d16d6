"""What a run tells of its progress: to its own terminal, and to others in a file."""

from collections import Counter

from xsurvey.engine.plan import Plan, TaskId
from xsurvey.engine.provenance import timestamp
from xsurvey.engine.result import TaskOutcome
from xsurvey.engine.store import PROGRESS_NAME, Store
from xsurvey.engine.watching.progress import Progress
from xsurvey.engine.watching.state_file import StateFile

_FAILURES_TOLD = 100


class ProgressBoard:
    """Counts what a run does, and shows it.

    Parameters
    ----------
    plan : Plan
        What is done.
    store : Store
        Held for writing; the file is in it, until it is released.
    cluster : str
        The back end.
    progress : Progress
        The bars or lines; they begin when there is work to do.
    """

    def __init__(self, plan: Plan, store: Store, cluster: str, progress: Progress) -> None:
        self._progress = progress
        self._totals = Counter(task.stage.name for task in plan.tasks)
        self._about = {"run": store.run, "started": timestamp(), "cluster": cluster}
        self._phase = "inputs"
        self._workers: int | None = None
        self._early: list[tuple[str, str]] = []
        self._counts: dict[str, Counter[str]] = {stage: Counter() for stage in self._totals}
        self._seconds = dict.fromkeys(self._totals, 0.0)
        self._sent: dict[str, TaskId] = {}
        self._failed: list[dict[str, str | None]] = []
        self._file = StateFile(store.root / PROGRESS_NAME, lambda: not store.is_taken())
        self._tell()

    def begin(self, workers: int) -> None:
        """Say that workers are there: the bars start with what was settled before."""
        self._workers = workers
        self._progress.start(self._totals)
        for stage, status in self._early:
            self._progress.settled(stage, status)
        self._tell()

    def opened(self, task: TaskId, members: int) -> None:
        """Note that a family, or a member of it, has so many members more."""
        self._totals[task.stage] += members
        if self._workers is not None:
            self._progress.grown(task.stage, members)
        self._tell()

    def sent(self, key: str, task: TaskId) -> None:
        """Note that a task was given to the workers."""
        self._phase = "tasks"
        self._sent[key] = task
        self._tell()

    def ended(self, key: str) -> None:
        """Note that a worker is done with a task."""
        del self._sent[key]

    def settled(self, outcome: TaskOutcome) -> None:
        """Note the fate of a task."""
        self._phase = "tasks"
        stage = outcome.id.stage
        self._counts[stage][outcome.status] += 1
        if outcome.good:
            self._seconds[stage] += outcome.seconds
        if outcome.status == "failed":
            self._failed.append({**outcome.id._asdict(), "cause": outcome.cause})
        if self._workers is None:
            self._early.append((stage, outcome.status))
        else:
            self._progress.settled(stage, outcome.status)
        self._tell()

    def tasks_ended(self, all_settled: bool) -> None:
        """All tasks are settled, or the run was interrupted: the bars go."""
        if self._workers is not None:
            self._progress.stop()
        self._phase = "products" if all_settled else "ended"
        self._tell()

    def stop(self) -> None:
        """Write the file once more."""
        self._file.stop()

    def _tell(self) -> None:
        self._file.tell({
            **self._about,
            "phase": self._phase,
            "workers": self._workers,
            "stages": {
                stage: {"total": total, **counts, "seconds": self._seconds[stage]}
                for (stage, total), counts in zip(
                    self._totals.items(), self._counts.values(), strict=True
                )
            },
            "sent": [{"key": k, **i._asdict()} for k, i in self._sent.items()],
            "failed": self._failed[:_FAILURES_TOLD],
        })  # fmt: skip
