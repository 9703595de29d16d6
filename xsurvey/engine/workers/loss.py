"""Why a task has failed at which workers died, from what they left."""

from collections.abc import Callable, Sequence

from xsurvey.engine.clusters.profiles import ClusterProfile
from xsurvey.engine.workers.attempt import Attempt
from xsurvey.engine.workers.worker import run_task_in_worker

_UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def cause_of_death(
    dead: Sequence[Attempt], profile: ClusterProfile, out_of_memory: Callable[[int], bool]
) -> str:
    """Return why a task has failed at which workers died.

    It has no numbers of processes nor anything else that differs from run to run: it is part
    of the keys of tasks that go on without this one.

    Parameters
    ----------
    dead : sequence of Attempt
        The attempts, the oldest first; at least one.
    profile : ClusterProfile
        Which limits there were.
    out_of_memory : callable
        Tells whether a process was stopped at its limit of memory.
    """
    ends = [attempt.end() for attempt in dead]
    if any(end == "timeout" for end, _ in ends):
        return f"took longer than {time_text(profile.task_timeout or 0.0)} (task_timeout)"
    times = how_often(len(dead))
    end, name = ends[-1]
    if end == "crash":
        return f"its worker process crashed {times} ({name}): an error in a library"
    if end == "terminated" and out_of_memory(dead[-1].pid):
        limit = memory_text(profile.limit)
        return f"its worker process was stopped {times} at its memory limit of {limit}"
    if end == "terminated":
        return f"its worker process was asked to stop (SIGTERM) {times}"
    return (
        f"its worker process died {times} without a trace: killed by a system short of memory "
        "or by hand, or ended by a library"
    )


def log_of_death(cause: str, dead: Sequence[Attempt]) -> str:
    """Return the log of such a task: where each of its workers was."""
    parts = [f"{cause}\n"]
    for number, attempt in enumerate(dead, start=1):
        trace = _task_stack(attempt.trace()) or "no stack was written: it was killed at once\n"
        parts.append(f"\nattempt {number}, process {attempt.pid} on {attempt.host}\n{trace}")
    return "".join(parts)


def _task_stack(trace: str) -> str:
    """Return the stack of the thread that did the task, if it can be told from the others."""
    head, _, _ = trace.partition("\n")
    for stack in trace.split("\n\n"):
        if f"in {run_task_in_worker.__name__}\n" in stack:
            return f"{head}\n{stack.removeprefix(head).lstrip()}\n"
    return trace


def too_big(need: int, most: int, backend: str, all_came: bool = True) -> str:
    """Return why a task has failed that needs more memory than its workers have."""
    key = "workers" if backend == "local" else "workers_per_job"
    why = "" if all_came else ", as some did not start"
    return (
        f"needs {memory_text(need)}; its workers have {memory_text(most)} together{why}; "
        f"set memory or {key} in the cluster profile"
    )


def how_often(number: int) -> str:
    """Return a number of times in words.

    Examples
    --------
    >>> how_often(1), how_often(3)
    ('once', '3 times')
    """
    return f"{number} times" if number > 1 else "once"


def memory_text(size: int) -> str:
    """Return an amount of memory to read.

    Examples
    --------
    >>> memory_text(300_000_000), memory_text(12_000_000_000)
    ('0.3 GB', '12 GB')
    """
    return f"{size / 1e9:.3g} GB"


def time_text(seconds: float) -> str:
    """Return a time as a profile writes it.

    Examples
    --------
    >>> time_text(5400.0), time_text(2.0)
    ('1.5 h', '2 s')
    """
    unit, size = next(u for u in _UNITS if seconds >= u[1] or u[0] == "s")
    return f"{seconds / size:g} {unit}"
