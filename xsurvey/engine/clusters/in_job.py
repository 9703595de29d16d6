"""What a worker tells the scheduler of itself and its job, when it registers.

Dask loads this module in every worker process that xsurvey starts (``distributed.worker.preload``).
Scripts of jobs set the variables.
"""

import os
import socket
from typing import Any

from distributed import Worker

from xsurvey.engine.clusters.running import FACTS_NAME

JOB, ENDS, LOG = "XSURVEY_JOB", "XSURVEY_JOB_ENDS", "XSURVEY_JOB_LOG"


def dask_setup(worker: Worker) -> None:
    """Let the worker tell its facts; called by Dask."""
    worker.startup_information[FACTS_NAME] = lambda _: job_facts()


def job_facts() -> dict[str, Any]:
    """Return host, job, end of the job (Unix time) and its log, as far as this process knows."""
    try:
        ends: float | None = float(os.environ.get(ENDS, ""))
    except ValueError:
        ends = None
    # workers of one srun have numbers
    log = os.environ.get(LOG, "").replace("%t", os.environ.get("SLURM_PROCID", ""))
    return {
        "host": socket.gethostname(), "job": os.environ.get(JOB) or None, "ends": ends,
        "log": log or None,
    }  # fmt: skip
