"""Limits of time: until when tasks may begin, and when those under way are stopped."""

from dataclasses import dataclass

from xsurvey.errors import OutOfTime

_SHARE_OF_MARGIN = 0.1
_SHARE_TO_TRY = 0.9


@dataclass(frozen=True)
class TimeLimit:
    """A span of time in which work may be done.

    Parameters
    ----------
    name : str
        What users call it.
    began, ends : float
        Unix times.
    margin : float
        Seconds before the end at which all is to be over; at most a tenth of the span counts.
    """

    name: str
    began: float
    ends: float
    margin: float = 0.0

    @property
    def latest(self) -> float:
        """The Unix time at which work is stopped."""
        return self.ends - min(self.margin, _SHARE_OF_MARGIN * max(0.0, self.ends - self.began))

    def allows(self, now: float, seconds: float) -> bool:
        """Return whether a task that is expected to take ``seconds`` may begin.

        One that is expected to take longer than there ever is may begin early in the span, or it
        would never be done: expectations can be wrong.
        """
        most = _SHARE_TO_TRY * (self.latest - self.began)
        return now < self.latest and now + min(seconds, most) <= self.latest

    def is_over(self, now: float) -> bool:
        """Return whether work has to stop."""
        return now >= self.latest


def nearest_limit(*limits: TimeLimit | None) -> TimeLimit | None:
    """Return the one that ends first, None if there is none."""
    found = [limit for limit in limits if limit is not None]
    return min(found, key=lambda limit: limit.latest, default=None)


def out_of_time(limit: TimeLimit, under_way: int) -> OutOfTime:
    """Return the error that ends a run in good order."""
    cause = {
        0: "the time left is too short for more tasks", 1: "1 task under way was stopped",
    }.get(under_way, f"{under_way} tasks under way were stopped")  # fmt: skip
    return OutOfTime(limit.name, cause, "submit or run it again to go on")


def with_left(error: OutOfTime, left: int) -> OutOfTime:
    """Return the error with how many tasks are left, those that were stopped among them."""
    text = "1 is left" if left == 1 else f"{left} are left"
    return OutOfTime(error.subject, f"{error.cause}, {text}", error.remedy)
