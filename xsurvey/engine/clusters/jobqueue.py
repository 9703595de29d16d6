"""dask-jobqueue, imported so that Ctrl-C stays what it is.

Importing it makes Ctrl-C end the process as if all were well, with status 0 and nothing stopped.
"""

import signal

_before = signal.getsignal(signal.SIGINT)
try:
    from dask_jobqueue import core, htcondor, lsf, pbs, sge, slurm
finally:
    if _before is not None:
        signal.signal(signal.SIGINT, _before)

__all__ = ["core", "htcondor", "lsf", "pbs", "sge", "slurm"]
