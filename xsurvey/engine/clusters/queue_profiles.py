"""Profiles of workers that are had from a site's scheduler, and of a Dask that runs already."""

import shlex
import sys
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, field_validator

from xsurvey.engine.clusters.profiles import ClusterProfile, Memory, RunTime

_SHORTEST, _LONGEST = 60.0, 366 * 86400.0
_MOST_WORKERS = 100_000


def _job_time(seconds: float) -> float:
    if not _SHORTEST <= seconds <= _LONGEST:
        raise ValueError(
            f"a job takes from 1 min to 366 d, and not {seconds:g} s; write 30min, 12h or 12:00:00"
        )
    return seconds


Walltime = Annotated[RunTime, AfterValidator(_job_time)]
"""How long a job may take, in seconds inside."""

Lines = tuple[Annotated[str, Field(min_length=1)], ...]


class NodeProfile(ClusterProfile):
    """What workers on the nodes of a site are told."""

    interface: str | None = Field(
        None, description="Network device for the traffic between nodes, such as ib0; null for "
        "that of the host's name."
    )  # fmt: skip
    python: str | None = Field(
        None, description="Python of the workers, with xsurvey; null for that of this command."
    )
    scratch: str | None = Field(
        None, description="Folder on a node for Dask's own small files; null for the system's."
    )
    encryption: bool = Field(
        True, description="Whether traffic is by TLS, with keys made for the run. Without it "
        "anybody who reaches the ports can run programs in your name."
    )  # fmt: skip

    def python_words(self) -> str:
        """Return the workers' Python, quoted for a shell."""
        return shlex.quote(self.python or sys.executable)


class QueueProfile(NodeProfile):
    """Workers that are jobs of a site's scheduler."""

    workers: Annotated[int, Field(ge=1, le=_MOST_WORKERS, strict=True)] = Field(
        2, description="Number of worker processes in all jobs together."
    )
    workers_per_job: Annotated[int, Field(ge=1, strict=True)] = Field(
        1, description="Worker processes of one job, one core each; the jobs are as many as "
        "`workers` needs."
    )  # fmt: skip
    queue: str | None = Field(None, description="Queue or partition; null for the site's default.")
    account: str | None = Field(
        None, description="Account or project that is charged; null for your default."
    )
    walltime: Walltime | None = Field(
        default=cast(Any, "2h"),
        description="How long a job may take, as 12h or 12:00:00; null for the site's default.",
    )  # fmt: skip
    extra_directives: Lines = Field(
        (), description="Further directives, as after #SBATCH, #PBS, #BSUB or #$."
    )
    prologue: Lines = Field(
        (), description="Shell lines that a job does first, such as `module load ...`."
    )
    start_timeout: RunTime = Field(
        default=cast(Any, "1h"), gt=0,
        description="How long to wait for the first worker: jobs may be in the queue for long.",
    )  # fmt: skip

    @field_validator("extra_directives", "prologue")
    @classmethod
    def _one_line_each(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        for line in lines:
            if "\n" in line:
                raise ValueError("has an item of several lines; make each line an item")
        return lines

    @field_validator("queue", "account")
    @classmethod
    def _one_word(cls, name: str | None) -> str | None:
        # it becomes a line of a script
        if name is not None and (not name or any(c.isspace() for c in name)):
            raise ValueError(f"'{name}' is not the name of a queue or account")
        return name


class SlurmProfile(QueueProfile):
    """Jobs of Slurm."""

    backend: Literal["slurm"]


class PbsProfile(QueueProfile):
    """Jobs of PBS Pro, OpenPBS or Torque."""

    backend: Literal["pbs"]
    resource_spec: str | None = Field(
        None, description="What stands after `-l`; null for select=1:ncpus=...:mem=... made of "
        "`workers_per_job` and `memory`."
    )  # fmt: skip


class LsfProfile(QueueProfile):
    """Jobs of LSF."""

    backend: Literal["lsf"]
    use_stdin: bool = Field(
        True, description="Whether bsub reads the script from its standard input, as most sites "
        "want it."
    )  # fmt: skip
    memory_unit: Literal["kb", "mb", "gb", "tb"] | None = Field(
        None, description="The site's LSF_UNIT_FOR_LIMITS; null to look into its lsf.conf."
    )


class SgeProfile(QueueProfile):
    """Jobs of Grid Engine."""

    backend: Literal["sge"]
    resource_spec: str | None = Field(
        None, description="What stands after `-l`, such as h_vmem=4G: sites name memory "
        "differently, so nothing is asked for if null."
    )  # fmt: skip
    parallel_environment: str | None = Field(
        None, description="The environment for jobs of several workers, as in `-pe smp 4`."
    )

    @field_validator("parallel_environment")
    @classmethod
    def _named(cls, name: str | None) -> str | None:
        return cls._one_word(name)


class HTCondorProfile(QueueProfile):
    """Jobs of HTCondor."""

    backend: Literal["htcondor"]
    disk: Memory = Field(default=cast(Any, "1GB"), description="Disk of one job.")

    @field_validator("queue")
    @classmethod
    def _none_here(cls, queue: str | None) -> None:
        if queue is not None:
            raise ValueError("HTCondor has no queues; leave it out")


class AllocationProfile(NodeProfile):
    """Workers within the Slurm allocation that the command runs in; `xsurvey submit` uses it."""

    backend: Literal["allocation"]


class SchedulerFileProfile(ClusterProfile):
    """A Dask that runs already, of which there is a scheduler file."""

    backend: Literal["scheduler-file"]
    scheduler_file: Annotated[str, Field(min_length=1)] = Field(
        description="The file that `dask scheduler --scheduler-file` wrote."
    )
