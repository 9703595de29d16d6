"""Who is told what pools do with tasks."""

from typing import Protocol

from xsurvey.engine.workers.usage import Place
from xsurvey.engine.workers.worker import TaskOrder


class PoolListener(Protocol):
    """Is told where tasks go."""

    def given(self, order: TaskOrder, place: Place) -> None:
        """Note that a task was given to a worker."""

    def lost(self, order: TaskOrder, place: Place, cause: str) -> None:
        """Note that a worker was lost, and its task goes to another."""


class NobodyListens:
    """Ignores all."""

    def given(self, order: TaskOrder, place: Place) -> None:
        """Ignore it."""

    def lost(self, order: TaskOrder, place: Place, cause: str) -> None:
        """Ignore it."""
