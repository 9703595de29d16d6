"""A bounded number of threads that end with the command."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

Result = TypeVar("Result")
_GRACE = 2.0  # s that interrupted threads have to put down what they hold


class _Done(Generic[Result]):
    def __init__(self, result: Result | None, error: BaseException | None) -> None:
        self.result = result
        self.error = error


def in_parallel(
    jobs: Sequence[Callable[[], Result]], workers: int, stop: threading.Event
) -> Iterator[Result]:
    """Yield the results of jobs as they come.

    Parameters
    ----------
    jobs : sequence of callable
        Each has to end soon once ``stop`` is set.
    workers : int
        How many are done at a time.
    stop : threading.Event
        Set here when a job fails or the caller leaves: what is under way is put down, what has
        not begun is left.

    Raises
    ------
    Exception
        What the first job that failed raised.
    """
    waiting: queue.SimpleQueue[Callable[[], Result]] = queue.SimpleQueue()
    done: queue.SimpleQueue[_Done[Result]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)

    def work() -> None:
        while not stop.is_set():
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put(_Done(job(), None))
            except BaseException as error:  # raised again in the caller's thread
                done.put(_Done(None, error))

    # daemons, unlike those of an executor: a server that is silent must not hold up Ctrl-C
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(jobs)))]
    for thread in threads:
        thread.start()
    try:
        for _ in jobs:
            ended = done.get()
            if ended.error is not None:
                raise ended.error
            yield ended.result  # type: ignore[misc]
    finally:
        if not done.empty() or any(thread.is_alive() for thread in threads):
            stop.set()
        for thread in threads:
            thread.join(_GRACE)
