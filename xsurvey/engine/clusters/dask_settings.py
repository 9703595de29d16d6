"""How Dask is set for tasks that keep everything in files, here and in workers anywhere."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from xsurvey.engine.clusters.profiles import ClusterProfile
from xsurvey.engine.workers.memory import ALLOCATION_VARIABLES

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


@contextmanager
def silent_dask() -> Iterator[None]:
    """Keep Dask from logging, and for good if the block ends in an error."""
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
        # the watch of jobs sees better than Dask which one is lost
        "distributed.deploy.lost-worker-timeout": "365d",
        # nothing can be spilled, and a paused worker would wait for ever
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": 0.95,
        # for the performance report; the default, a hundred times a second, is 5 % of the work
        "distributed.worker.profile.interval": "100ms",
        # each worker tells which job it is of, and when that ends
        "distributed.worker.preload": ["xsurvey.engine.clusters.in_job"],
        "distributed.nanny.pre-spawn-environ": {
            **dict.fromkeys(THREAD_VARIABLES, "1"),
            **ALLOCATION_VARIABLES,
        },
    }
