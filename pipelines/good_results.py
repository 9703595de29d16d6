"""What the stages of a run made, of the tasks that went well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xsurvey.engine import Plan, RunResult, Task


class GoodResults:
    """The results of the tasks of a plan that went well.

    Parameters
    ----------
    plan, result
    """

    def __init__(self, plan: Plan, result: RunResult) -> None:
        self._tasks = [t for t in plan.tasks if result.outcomes[t.id].good]
        self._result = result

    def files(self, stage: str, name: str) -> Iterator[tuple[Task, Path]]:
        """Yield tasks of a stage with one of their outputs."""
        for task in self._tasks:
            if task.stage.name == stage:
                yield task, self._result.path(task, name)

    def records(self, stage: str, name: str) -> list[dict[str, Any]]:
        """Return what the JSON files of a stage hold."""
        return [json.loads(path.read_text()) for _, path in self.files(stage, name)]
