"""Dask workers as jobs of a site's scheduler, by dask-jobqueue."""

import asyncio
import itertools
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from distributed.deploy.spec import ProcessInterface

from xsurvey.engine.clusters.commands import last_words
from xsurvey.engine.clusters.environment import (
    NO_DASHBOARD,
    carried_variables,
    exports,
    inherited,
    memory_limit,
    one_thread,
    scratch_made,
    strictly,
)
from xsurvey.engine.clusters.in_job import ENDS, JOB, LOG
from xsurvey.engine.clusters.job_folder import JobRecord, write_script
from xsurvey.engine.clusters.jobqueue import core
from xsurvey.engine.clusters.queue_profiles import QueueProfile
from xsurvey.engine.clusters.queue_systems import QueueSystem, job_memory

DEATH_S = 120

_AT_ONCE = 8
"""How many submissions go on at a time: a site's scheduler has others to serve."""


def job_environment(
    profile: QueueProfile, system: QueueSystem, folder: Path, settings: Mapping[str, Any]
) -> list[str]:
    """Return the shell lines with which a job of workers begins.

    Parameters
    ----------
    profile : QueueProfile
        What the user wants.
    system : QueueSystem
        The scheduler.
    folder : path
        Of the run's jobs.
    settings : mapping
        Dask's, for the workers.
    """
    ends = [f'export {ENDS}="{system.end}"'] if system.end else []
    if profile.walltime is not None:
        counted = f'export {ENDS}="$(( $(date +%s) + {int(profile.walltime)} ))"'
        ends.append(f'case "${ENDS}" in ""|*[!0-9]*) {counted};; esac')
    return [
        f"cd {shlex.quote(str(Path.cwd()))}",
        f'export {JOB}="{system.job}"',
        *ends,
        f'export {LOG}={shlex.quote(str(folder))}/"{system.log}"',
        *strictly(profile.prologue),
        # after the site's modules, which may set them too
        *exports(carried_variables()), *one_thread(), *exports(inherited(settings)),
        *scratch_made(profile.scratch),
    ]  # fmt: skip


def jobqueue_settings(backend: str) -> dict[str, Any]:
    """Return the defaults of dask-jobqueue itself for a scheduler.

    What stands in the user's Dask configuration is for other programs: a profile alone says what
    our jobs are.
    """
    packaged = yaml.safe_load((Path(core.__file__).parent / "jobqueue.yaml").read_text())
    own = {**packaged["jobqueue"][backend], "walltime": None}
    return {f"jobqueue.{backend}": own}


class SubmitterMixin:
    """Submits jobs from the run's folder, keeps their numbers, and keeps failures for the watch."""

    folder: Path
    record: JobRecord
    turn: asyncio.Semaphore
    failure: str | None = None
    job_id: str | None
    name: str

    @classmethod
    async def _call(cls, words: list[str], *, shell: bool = False, **options: Any) -> str:
        # scripts, logs and what the scheduler writes: all names are relative, so that blanks in
        # folders do no harm; a Ctrl-C must not stop half a submission
        call = core.Job._call
        return str(await call(words, shell=shell, cwd=cls.folder, start_new_session=True))

    @contextmanager
    def job_file(self) -> Iterator[str]:
        """Write the script below the run's folder, where its owner can read it."""
        name = f"{self.name}.sh"
        write_script(self.folder / name, self.job_script())  # type: ignore[attr-defined]
        yield name

    async def start(self) -> None:
        """Submit the job; what goes wrong is told in `failure`, and tried again by the watch."""
        try:
            async with self.turn:
                await super().start()  # type: ignore[misc]
        except (RuntimeError, OSError, ValueError) as error:
            _, _, said = str(error).partition("stderr:\n")
            self.failure = last_words(said or str(error))
            await ProcessInterface.start(self)  # type: ignore[arg-type]
        else:
            self.record.add(str(self.job_id))

    async def close(self) -> None:
        """Cancel the job, if it was submitted."""
        await super().close()  # type: ignore[misc]
        # which dask-jobqueue's own does not say, and a cluster of such jobs never closes
        await ProcessInterface.close(self)  # type: ignore[arg-type]


class ClusterMixin:
    """A cluster whose workers find their keys in their settings, not on the command line.

    No two of its jobs have the same name: what Dask still means to do about a lost one must not
    meet another.
    """

    _numbers: Iterator[int]

    def _new_worker_name(self, worker_number: int) -> str:
        return f"{self._name}-{next(self._numbers)}"  # type: ignore[attr-defined]

    def _get_worker_security(self, security: Any) -> None:
        return None


def make_cluster_class(
    system: QueueSystem, folder: Path, record: JobRecord
) -> tuple[type, type]:  # fmt: skip
    """Return the classes of jobs and of the cluster for one run."""
    job_base, cluster_base = system.classes()
    job = type(job_base.__name__, (SubmitterMixin, job_base), {
        "folder": folder, "record": record, "turn": asyncio.Semaphore(_AT_ONCE),
    })  # fmt: skip
    cluster = type(cluster_base.__name__, (ClusterMixin, cluster_base), {
        "job_cls": job, "_numbers": itertools.count(),
    })  # fmt: skip
    return job, cluster


def job_arguments(
    profile: QueueProfile, system: QueueSystem, folder: Path, settings: Mapping[str, Any], name: str
) -> dict[str, Any]:  # fmt: skip
    """Return what dask-jobqueue's jobs take."""
    arguments = system.arguments(profile)
    if profile.backend == "htcondor":
        number = '"XSURVEY_CONDOR_JOB=$(ClusterId).$(ProcId)"'
        own = {"environment": number, "batch_name": name}
        arguments["job_extra_directives"] = {**own, **arguments["job_extra_directives"]}
    return {
        "cores": profile.workers_per_job, "processes": profile.workers_per_job,
        "memory": f"{job_memory(profile)}B", "job_name": name, "nanny": True,
        "python": profile.python_words(), "death_timeout": DEATH_S,
        "interface": profile.interface,
        "local_directory": None if profile.scratch is None else shlex.quote(profile.scratch),
        # after dask-jobqueue's own, which is a share of the job's
        "worker_extra_args": [*memory_limit(profile), *NO_DASHBOARD],
        "job_script_prologue": job_environment(profile, system, folder, settings),
        "config_name": profile.backend, **arguments,
    }  # fmt: skip
