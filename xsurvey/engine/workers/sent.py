"""What a pool knows of a task that it was given."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xsurvey.engine.workers.limits import TimeLimit
from xsurvey.engine.workers.usage import Place
from xsurvey.engine.workers.worker import TaskOrder

if TYPE_CHECKING:
    from distributed import Future


@dataclass
class Sent:
    """A task, and how it went so far.

    Attributes
    ----------
    order : TaskOrder
        The task.
    losses, cuts, tries : int
        How often its worker died, or came to the end of its job, and how often it was sent.
    seconds : float
        The longest that it lasted without coming to its end.
    place, limit, future
        Where it is, until when it may be there, and Dask's word on it; None before it was sent.
    """

    order: TaskOrder
    losses: int = 0
    cuts: int = 0
    tries: int = 0
    seconds: float = 0.0
    place: Place | None = None
    limit: TimeLimit | None = None
    future: "Future | None" = field(default=None, repr=False)
