"""Workers within one Slurm allocation: scheduler and client here, workers by ``srun``.

Scheduler and client are this process, not steps of their own: the job then ends with this
command and with its exit status, whatever ends it, and they need no cores beside the workers'.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Scheduler, SpecCluster

from xsurvey.engine.clusters.commands import call
from xsurvey.engine.clusters.credentials import make_credentials, remove_credentials
from xsurvey.engine.clusters.dask_settings import THREAD_VARIABLES, dask_settings, silent_dask
from xsurvey.engine.clusters.environment import NO_DASHBOARD, inherited, memory_limit, scratch_made
from xsurvey.engine.clusters.in_job import ENDS, JOB, LOG
from xsurvey.engine.clusters.job_folder import last_complaint
from xsurvey.engine.clusters.profiles import ClusterError
from xsurvey.engine.clusters.queue_cluster import DEATH_S
from xsurvey.engine.clusters.queue_profiles import AllocationProfile
from xsurvey.engine.clusters.queues import (
    job_folder,
    scheduler_errors,
    scheduler_options,
)
from xsurvey.engine.clusters.running import RunningCluster
from xsurvey.engine.clusters.waiting import Delay, wait_for_workers
from xsurvey.engine.workers.limits import TimeLimit, nearest_limit

_CLOSE_S = 5.0
_LOG = "worker-%t.log"
_ERRORS = "srun.log"


@contextmanager
def start_allocation(
    profile: AllocationProfile,
    workers: int | None,
    jobs: Path | None = None,
    limit: TimeLimit | None = None,
) -> Iterator[RunningCluster]:
    """Start workers on the cores of the allocation that this process is in.

    Raises
    ------
    ClusterError
        There is no allocation, or no worker came in time.
    OutOfTime
        No worker came before the limit, or the end of the allocation.
    """
    job = _allocation()
    count = workers or profile.workers or int(os.environ.get("SLURM_NTASKS", "1"))
    folder = job_folder(jobs)
    ends = _end_of(job)
    with ExitStack() as stack:
        stack.enter_context(silent_dask())
        settings, security = dask_settings(profile), None
        if profile.encryption:
            security, keys = make_credentials(folder)
            settings |= keys
            stack.callback(remove_credentials, folder)
        stack.enter_context(dask.config.set(settings))
        protocol = "tls://" if profile.encryption else "tcp://"
        options = {**scheduler_options(profile), "protocol": protocol, "security": security}
        with scheduler_errors(profile):
            cluster = SpecCluster(
                workers={}, scheduler={"cls": Scheduler, "options": options}, security=security,
                silence_logs=False,
            )  # fmt: skip
        stack.callback(_close, cluster)
        environment = {
            **os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), **inherited(settings),
            JOB: job, ENDS: "" if ends is None else str(ends), LOG: str(folder / _LOG),
        }  # fmt: skip
        step = _start_step(profile, count, cluster.scheduler_address, folder, environment)
        stack.callback(_stop_step, step)
        # workers end by themselves when their scheduler does, but for those that hang
        stack.callback(_close, cluster)
        client = stack.enter_context(Client(cluster, timeout=60))
        watch = _StepWatch(step, folder)
        if ends is not None:
            own = TimeLimit("walltime", time.time(), ends, profile.walltime_margin)
            limit = nearest_limit(limit, own)
        wait_for_workers(client, profile, Delay(watch.reason, watch.check), limit)
        yield RunningCluster(client, profile, count, ends, watch.reason)


def _allocation() -> str:
    job = os.environ.get("SLURM_JOB_ID")
    if not job or shutil.which("srun") is None:
        raise ClusterError(
            "cluster 'allocation'", "this is no Slurm allocation",
            "use it in a batch job or below `salloc`; `xsurvey submit` makes such a job",
        )  # fmt: skip
    return job


def _end_of(job: str) -> float | None:
    """Return the Unix time at which an allocation ends, as far as Slurm tells."""
    told = os.environ.get("SLURM_JOB_END_TIME", "")
    if not told.isdigit():
        try:
            told = call(
                ["squeue", "-h", "-j", job, "-o", "%e"], 30,
                environment={**os.environ, "SLURM_TIME_FORMAT": "%s"},
            ).stdout.strip()  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
    return float(told) if told.isdigit() else None


def _start_step(
    profile: AllocationProfile, count: int, address: str, folder: Path, environment: dict[str, str]
) -> "subprocess.Popen[bytes]":
    words = [
        "srun", f"--ntasks={count}", "--cpus-per-task=1", "--overlap",
        "--cpu-bind=none", "--input=none", "--job-name=workers",
        # one worker or one node that dies must not end the others
        "--no-kill", "--kill-on-bad-exit=0", "--wait=0",
        f"--chdir={Path.cwd()}", f"--output={folder / _LOG}", "--open-mode=append",
    ]  # fmt: skip
    if count > int(os.environ.get("SLURM_NTASKS", "1")):
        words.append("--overcommit")
    lines = scratch_made(profile.scratch)
    lines.append(f'exec {profile.python_words()} -m distributed.cli.dask_worker "$@"')
    words += ["/bin/sh", "-c", "\n".join(lines)]
    words += [
        "worker", address, "--nthreads", "1", "--nanny", *NO_DASHBOARD,
        "--death-timeout", str(DEATH_S), *memory_limit(profile),
    ]  # fmt: skip
    if profile.interface is not None:
        words += ["--interface", profile.interface]
    if profile.scratch is not None:
        words += ["--local-directory", profile.scratch]
    with (folder / _ERRORS).open("ab") as errors:
        # a Ctrl-C reaches this process alone, which stops the workers itself
        return subprocess.Popen(  # noqa: S603 - our own words
            words, env=environment, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
            start_new_session=True,
        )  # fmt: skip


class _StepWatch:
    """Tells whether the step with the workers still is."""

    def __init__(self, step: "subprocess.Popen[bytes]", folder: Path) -> None:
        self._step, self._folder = step, folder

    def reason(self) -> str:
        status = self._step.poll()
        if status is None:
            return f"srun has not started them yet; logs: {self._folder}"
        with suppress(OSError):
            lines = (self._folder / _ERRORS).read_text(errors="replace").split("\n")
            told = [line.strip() for line in lines if line.strip()]
            if told:
                return f"srun ended with status {status}: {told[-1]}"
        return f"srun ended with status {status}; logs: {self._folder}"

    def check(self) -> None:
        if self._step.poll() is not None:
            reason = last_complaint(self._folder) or self.reason()
            raise ClusterError(
                "cluster 'allocation'", f"workers did not start: {reason}",
                f"see the logs in {self._folder}",
            )  # fmt: skip


def _stop_step(step: "subprocess.Popen[bytes]") -> None:
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        if step.poll() is None:
            step.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                step.wait(_CLOSE_S)


def _close(cluster: Any) -> None:
    with suppress(Exception):  # nothing can be done about a scheduler that does not end in order
        cluster.close(timeout=_CLOSE_S)
