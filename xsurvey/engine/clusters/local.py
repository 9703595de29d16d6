"""Worker processes on this machine, one core each."""

import asyncio
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any

import dask
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster
from distributed.system import MEMORY_LIMIT

from xsurvey.engine.clusters.profiles import ClusterError, ClusterProfile
from xsurvey.engine.clusters.running import RunningCluster

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip

_START_TRIES = 2
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def start_local(profile: ClusterProfile, workers: int | None) -> Iterator[RunningCluster]:
    """Start worker processes that listen on the loopback device only.

    Raises
    ------
    ClusterError
        They do not start.
    """
    count = workers or max(1, min(CPU_COUNT, MEMORY_LIMIT // profile.memory))
    # a task that needs more than all workers have together is not begun
    profile = profile.sized_to(min(profile.limit, count * profile.memory))
    with ExitStack() as stack:
        stack.enter_context(_silent_dask())
        stack.enter_context(dask.config.set(dask_settings(profile)))
        with _interrupts_held():
            cluster = _start(profile, count)
            stack.callback(_stop, cluster)
        client = stack.enter_context(Client(cluster, timeout=profile.start_timeout))
        yield RunningCluster(client, profile, count)


def _start(profile: ClusterProfile, count: int) -> LocalCluster:
    for tries_left in reversed(range(_START_TRIES)):
        try:
            return LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                memory_limit=profile.limit,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                death_timeout=profile.start_timeout,
            )
        except Exception as error:
            # one killed while it starts, as by a system short of memory, may do so again
            if tries_left and not isinstance(error, TimeoutError):
                continue
            reason = str(error) or type(error).__name__
            raise ClusterError(
                "cluster 'local'", f"workers did not start ({reason})", "try fewer with --workers"
            ) from error
    raise AssertionError("not reached: the last try returns or raises")


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Start processes so that Ctrl-C reaches this one only, and not before all are known.

    Threads and processes inherit the mask: Ctrl-C then reaches this process only, which stops
    the workers itself; they would answer with tracebacks. One that comes meanwhile waits, since
    workers that nobody knows of yet could not be stopped; a second one does not.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # the tracker lifts the mask when it starts, so it must run before
    resource_tracker.ensure_running()
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)
        if len(held) > 1:
            raise KeyboardInterrupt

    handlers = {n: signal.signal(n, hold) for n in _INTERRUPTS if callable(signal.getsignal(n))}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


def _stop(cluster: LocalCluster) -> None:
    """Stop at once: what is wanted of the workers is in the store already."""

    async def kill() -> None:
        # on a busy machine a killed process takes longer to vanish than this waits: it will
        nannies = [nanny.close(timeout=0.1) for nanny in cluster.workers.values()]
        await asyncio.gather(*nannies, return_exceptions=True)

    cluster.sync(kill)
    with suppress(TimeoutError):
        cluster.close()


@contextmanager
def _silent_dask() -> Iterator[None]:
    # its messages are about its own doings; what concerns the user the runner says
    names = [n for n in logging.root.manager.loggerDict if n.split(".")[0] == "distributed"]
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in names}
    for logger in levels:
        logger.setLevel(logging.CRITICAL)
    yield
    # not after an error: what then stops at the exit of the process must be silent too
    for logger, level in levels.items():
        logger.setLevel(level)


def dask_settings(profile: ClusterProfile) -> dict[str, Any]:
    """Return Dask's configuration for tasks that keep everything in files."""
    return {
        # the runner counts itself which tasks were running when a worker died: the scheduler
        # would blame those that waited behind them as well
        "distributed.scheduler.allowed-failures": 0,
        "distributed.scheduler.no-workers-timeout": f"{profile.start_timeout}s",
        "distributed.scheduler.worker-saturation": 1.0,
        # a worker in a library that keeps the interpreter's lock is silent, and not dead: death
        # is seen in its connection, and the task's time is limited by itself
        "distributed.scheduler.worker-ttl": None,
        # nothing can be spilled, and a paused worker would wait for ever
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": 0.95,
        "distributed.nanny.pre-spawn-environ": {
            **dict.fromkeys(_THREAD_VARIABLES, "1"),
            "MALLOC_TRIM_THRESHOLD_": "65536",  # memory goes back to the system after a task
        },
    }
