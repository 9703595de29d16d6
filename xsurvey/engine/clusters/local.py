"""Worker processes on this machine, one core each."""

import asyncio
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType

import dask
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster
from distributed.security import Security
from distributed.system import MEMORY_LIMIT

from xsurvey.engine.clusters.dask_settings import dask_settings, silent_dask
from xsurvey.engine.clusters.in_job import job_facts
from xsurvey.engine.clusters.profiles import ClusterError, ClusterProfile
from xsurvey.engine.clusters.running import RunningCluster
from xsurvey.engine.workers.limits import TimeLimit

_START_TRIES = 2
_MOST_A_CORE = 32
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def start_local(
    profile: ClusterProfile,
    workers: int | None,
    jobs: Path | None = None,
    limit: TimeLimit | None = None,
) -> Iterator[RunningCluster]:
    """Start worker processes that listen on the loopback device only.

    They let in who has the key of this run, which is in memory alone: other users of this machine
    reach the loopback device too, and an open Dask port runs their programs. Since they start in
    seconds, or not, nobody waits for the limit of time here.

    Raises
    ------
    ClusterError
        They do not start.
    """
    count = workers or max(1, min(CPU_COUNT, MEMORY_LIMIT // profile.memory))
    if count > _MOST_A_CORE * CPU_COUNT:
        raise ClusterError(
            "cluster 'local'", f"{count} workers are too many for the {CPU_COUNT} cores here",
            f"give --workers {CPU_COUNT}",
        )  # fmt: skip
    # a task that needs more than all workers have together is not begun
    profile = profile.sized_to(min(profile.limit, count * profile.memory))
    with ExitStack() as stack:
        stack.enter_context(silent_dask())
        stack.enter_context(dask.config.set(dask_settings(profile)))
        with _interrupts_held():
            cluster = _start(profile, count)
            stack.callback(_stop, cluster)
        client = stack.enter_context(Client(cluster, timeout=profile.start_timeout))
        # of a job that is all of this run
        ends = job_facts()["ends"]
        yield RunningCluster(client, profile, count, ends)


def _start(profile: ClusterProfile, count: int) -> LocalCluster:
    security = Security.temporary()
    for tries_left in reversed(range(_START_TRIES)):
        try:
            return LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                memory_limit=profile.limit,
                host="127.0.0.1",
                protocol="tls://",
                security=security,
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
