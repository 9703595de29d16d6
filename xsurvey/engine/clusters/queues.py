"""Starts workers as jobs of a site's scheduler, and ends them with the run."""

import logging
import math
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import dask
from distributed import Client

from xsurvey.engine.clusters.credentials import make_credentials, remove_credentials
from xsurvey.engine.clusters.dask_settings import dask_settings, silent_dask
from xsurvey.engine.clusters.job_folder import PRIVATE, JobRecord, check_place, last_complaint
from xsurvey.engine.clusters.job_watch import JobWatch
from xsurvey.engine.clusters.profiles import ClusterError
from xsurvey.engine.clusters.queue_cluster import (
    job_arguments,
    jobqueue_settings,
    make_cluster_class,
)
from xsurvey.engine.clusters.queue_profiles import NodeProfile, QueueProfile
from xsurvey.engine.clusters.queue_systems import QUEUE_SYSTEMS, QueueSystem
from xsurvey.engine.clusters.running import RunningCluster
from xsurvey.engine.clusters.waiting import Delay, wait_for_workers
from xsurvey.engine.workers.limits import TimeLimit

logger = logging.getLogger(__name__)

_CLOSE_S = 20.0


@contextmanager
def start_queue(
    profile: QueueProfile,
    workers: int | None,
    jobs: Path | None = None,
    limit: TimeLimit | None = None,
) -> Iterator[RunningCluster]:
    """Submit jobs of workers, and wait for the first worker.

    Raises
    ------
    ClusterError
        The scheduler's commands are missing, it refuses the jobs, or no worker came in time.
    OutOfTime
        No worker came before the limit.
    """
    system = QUEUE_SYSTEMS[profile.backend]
    require_command(system, profile.backend)
    folder = job_folder(jobs)
    name = f"xsurvey{folder.name[:8]}"
    count = math.ceil((workers or profile.workers) / profile.workers_per_job)
    with ExitStack() as stack:
        stack.enter_context(silent_dask())
        settings = dask_settings(profile)
        security = None
        if profile.encryption:
            security, keys = make_credentials(folder)
            settings |= keys
            stack.callback(remove_credentials, folder)
        stack.enter_context(dask.config.set({**settings, **jobqueue_settings(profile.backend)}))
        record = JobRecord(folder, profile.backend, name)
        _, cluster_class = make_cluster_class(system, folder, record)
        with scheduler_errors(profile):
            cluster = cluster_class(
                **job_arguments(profile, system, folder, settings, name), name=name,
                security=security, scheduler_options=scheduler_options(profile),
                silence_logs=False,
            )  # fmt: skip
        stack.callback(_close, cluster)
        stack.callback(record.cancel)
        watch = JobWatch(cluster, system, count, name, one_queue=_is_of_one_queue(profile))
        stack.callback(lambda: cluster.sync(watch.stop))
        cluster.sync(watch.start)
        check = _checker(watch, system, profile, folder)
        check()
        client = stack.enter_context(Client(cluster, timeout=60))
        logger.info("%d jobs submitted; scripts and logs: %s", count, folder)
        wait_for_workers(client, profile, Delay(watch.reason, check, watch.advice), limit)
        total = count * profile.workers_per_job
        yield RunningCluster(client, profile, total, why_waiting=watch.reason)


def scheduler_options(profile: NodeProfile) -> dict[str, Any]:
    """Return the options of a scheduler in this process.

    Its page is for this host alone: it has no password.
    """
    options: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "port": 0}
    if profile.interface is not None:
        options["interface"] = profile.interface
    return options


@contextmanager
def scheduler_errors(profile: NodeProfile) -> Iterator[None]:
    """Say in one line why Dask's scheduler does not start.

    Raises
    ------
    ClusterError
        It does not, as where there is no such network device.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"cluster '{profile.backend}'", f"its Dask scheduler does not start here ({error})",
            "give a network device of this host as the profile's interface",
        ) from error  # fmt: skip


def require_command(system: QueueSystem, backend: str) -> None:
    """Raise if a scheduler's commands are not here.

    Raises
    ------
    ClusterError
        They are not.
    """
    for command in (system.submit, system.cancel):
        if shutil.which(command) is None:
            raise ClusterError(
                f"cluster '{backend}'", f"the command {command} is not found",
                f"run it where {system.label}'s commands are (a login node, or after "
                "`module load`), or name another profile with --cluster",
            )  # fmt: skip


def job_folder(jobs: Path | None) -> Path:
    """Make the folder of a run's jobs, for its owner alone.

    Raises
    ------
    OutputError
        Schedulers cannot take its path.
    """
    folder = jobs or Path("xsurvey_jobs") / secrets.token_hex(4)
    folder = folder.absolute()
    check_place(folder)
    folder.mkdir(PRIVATE, parents=True, exist_ok=True)
    folder.chmod(PRIVATE)
    return folder


def _checker(
    watch: JobWatch, system: QueueSystem, profile: QueueProfile, folder: Path
) -> Callable[[], None]:
    def check() -> None:
        if watch.failure and not watch.running:
            raise ClusterError(
                f"cluster '{profile.backend}'", f"{system.submit} refuses the job: {watch.failure}",
                "correct queue, account, walltime, memory or extra_directives of the profile",
            )  # fmt: skip
        if watch.hopeless:
            complaint = last_complaint(folder)
            raise ClusterError(
                f"cluster '{profile.backend}'",
                f"jobs end before their workers start{f' ({complaint})' if complaint else ''}",
                f"see the logs in {folder}; python and prologue of the profile may be wrong",
            )
        if watch.unfit:
            raise ClusterError(
                f"cluster '{profile.backend}'", f"{watch.reason()}, which no waiting changes",
                watch.advice() or "",
            )  # fmt: skip

    return check


def _is_of_one_queue(profile: QueueProfile) -> bool:
    """Return whether the reason that a scheduler gives is all that it can be."""
    own = [
        line for line in profile.extra_directives if re.match(r"(-p|-q|--partition|--qos)\b", line)
    ]
    return not any("," in text for text in (profile.queue or "", *own))


def _close(cluster: Any) -> None:
    # the jobs are cancelled already; only those that are submitted at this moment are left
    for job in list(cluster.workers.values()):
        job.job_id = None
    with suppress(Exception):  # nothing can be done about a scheduler that does not end in order
        cluster.close(timeout=_CLOSE_S)
