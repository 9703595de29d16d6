"""What xsurvey must know of each scheduler of a site: commands, directives, words for states."""

import math
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from xsurvey.engine.clusters.queue_profiles import (
    HTCondorProfile,
    LsfProfile,
    PbsProfile,
    QueueProfile,
    SgeProfile,
)
from xsurvey.engine.clusters.slurm_reasons import Advice, slurm_advice

State = Literal["pending", "running", "stuck"]
"""Of a job that the scheduler knows; ``stuck`` is one that it holds because of an error."""

JobStates = Mapping[str, tuple[State, str]]
"""By the job's number: its state, and the reason that the scheduler gives."""

NOT_TOLD = "not told of"
"""The reason of a job of which a query has not told."""

_OVERHEAD = 300_000_000
"""Bytes of a job beside its workers': the process that watches them, and what starts it."""


def _no_advice(reason: str) -> Advice | None:
    """Return None: the other schedulers tell that a job waits, and not why."""
    return None


@dataclass(frozen=True)
class QueueSystem:
    """One kind of scheduler.

    Attributes
    ----------
    label : str
        Its name in messages.
    submit, cancel : str
        Its commands.
    job_class : str
        The class ``module:name`` of dask-jobqueue; that of the cluster is beside it.
    job : str
        The number of the job, as a shell finds it in the job.
    log : str
        Name of the file with what the job writes, as a shell finds it in the job.
    arguments : callable
        Gives what the job class takes of a profile.
    query : callable
        Gives the command that lists jobs, from their common name and their numbers.
    parse : callable
        Gives the states of jobs from the command's output.
    cancel_words : callable
        Gives the command that cancels jobs, from their common name and their numbers.
    end : str or None
        The Unix time at which the job ends, as a shell finds it in the job.
    advice : callable
        Gives what to do about the reason of a job that is pending, None if it is to wait.
    """

    label: str
    submit: str
    cancel: str
    job_class: str
    job: str
    log: str
    arguments: Callable[[Any], dict[str, Any]]
    query: Callable[[str, Sequence[str]], list[str]]
    parse: Callable[[str], JobStates]
    cancel_words: Callable[[str, Sequence[str]], list[str]]
    end: str | None = None
    advice: Callable[[str], Advice | None] = _no_advice

    def answer(
        self, jobs: Sequence[str], done: "subprocess.CompletedProcess[str]"
    ) -> JobStates | None:
        """Return what a query told, None if nothing is known.

        One that fails has not told that jobs are gone, as when its server is away; but some fail
        for each job that has ended, and list the others. Of a job that such a one does not speak
        of nothing is known, and it is taken for one that waits.
        """
        states = self.parse(done.stdout)
        if not done.returncode:
            return states
        ended = {job for line in done.stderr.splitlines() for job in ended_jobs(line, jobs)}
        if not states and not ended:
            return None
        unknown: State = "pending"
        return {job: (unknown, NOT_TOLD) for job in jobs if job not in ended} | dict(states)

    def classes(self) -> tuple[type, type]:
        """Return dask-jobqueue's classes of the job and of the cluster."""
        from xsurvey.engine.clusters import jobqueue  # noqa: PLC0415 - half a second, when needed

        module, _, name = self.job_class.partition(":")
        found = getattr(jobqueue, module)
        return getattr(found, name), getattr(found, name.removesuffix("Job") + "Cluster")


_ENDED = re.compile(
    r"unknown job|not found|finished|no matching job|does not exist|invalid job id"
    r"|already complet|invalid for state of job|couldn't find",
    re.IGNORECASE,
)
"""What the schedulers say of a job that has ended or that they have forgotten."""


def ended_jobs(line: str, jobs: Sequence[str]) -> set[str]:
    """Return the jobs that a line of an error tells to have ended.

    Examples
    --------
    >>> ended_jobs("qstat: Unknown Job Id 12.server", ["12", "13"])
    {'12'}
    >>> ended_jobs("qstat: cannot connect to server", ["12", "13"])
    set()
    """
    if not _ENDED.search(line):
        return set()
    numbers = set(re.findall(r"\d+", line))
    return {job for job in jobs if job.partition(".")[0] in numbers}


def job_memory(profile: QueueProfile) -> int:
    """Return the bytes that a job of a profile asks for."""
    return profile.workers_per_job * profile.memory + _OVERHEAD


def clock_text(seconds: float, with_seconds: bool = True) -> str:
    """Return a time as schedulers write it, rounded up.

    Examples
    --------
    >>> clock_text(5400), clock_text(90000), clock_text(61, with_seconds=False)
    ('01:30:00', '25:00:00', '00:02')
    """
    whole = math.ceil(seconds)
    if with_seconds:
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _clock(profile: QueueProfile, with_seconds: bool = True) -> str | None:
    return None if profile.walltime is None else clock_text(profile.walltime, with_seconds)


def megabytes(number: int) -> int:
    """Return bytes in units of 2**20, rounded up."""
    return math.ceil(number / 2**20)


def _slurm(profile: QueueProfile) -> dict[str, Any]:
    return {
        "queue": profile.queue, "account": profile.account, "walltime": _clock(profile),
        "job_mem": f"{megabytes(job_memory(profile))}M",
        "job_extra_directives": ["-o worker-%j.log", *profile.extra_directives],
    }  # fmt: skip


def _pbs(profile: PbsProfile) -> dict[str, Any]:
    spec = (
        f"select=1:ncpus={profile.workers_per_job}:mem={megabytes(job_memory(profile))}mb"
        if profile.resource_spec is None
        else profile.resource_spec
    )
    return {
        "queue": profile.queue, "account": profile.account, "walltime": _clock(profile),
        "resource_spec": spec, "job_extra_directives": ["-j oe", *profile.extra_directives],
    }  # fmt: skip


def _lsf(profile: LsfProfile) -> dict[str, Any]:
    return {
        "queue": profile.queue, "project": profile.account,
        "walltime": _clock(profile, with_seconds=False), "ncpus": profile.workers_per_job,
        "mem": job_memory(profile), "use_stdin": profile.use_stdin,
        "lsf_units": profile.memory_unit,
        "job_extra_directives": ["-o worker-%J.log", *profile.extra_directives],
    }  # fmt: skip


def _sge(profile: SgeProfile) -> dict[str, Any]:
    several = [f"-pe {profile.parallel_environment} {profile.workers_per_job}"]
    extra = [*(several if profile.parallel_environment else []), *profile.extra_directives]
    return {
        "queue": profile.queue, "project": profile.account, "walltime": _clock(profile),
        "resource_spec": profile.resource_spec, "job_extra_directives": extra,
    }  # fmt: skip


def _htcondor(profile: HTCondorProfile) -> dict[str, Any]:
    extra = dict(condor_pair(line) for line in profile.extra_directives)
    if profile.walltime is not None:
        extra = {"allowed_execute_duration": str(math.ceil(profile.walltime)), **extra}
    if profile.account is not None:
        extra = {"accounting_group": profile.account, **extra}
    return {
        "disk": f"{profile.disk}B", "log_directory": ".", "job_extra_directives": extra,
    }  # fmt: skip


def condor_pair(line: str) -> tuple[str, str]:
    """Return name and value of a line of a submit file."""
    name, _, value = line.partition("=")
    return name.strip(), value.strip()


def _slurm_states(text: str) -> JobStates:
    found: dict[str, tuple[State, str]] = {}
    for line in text.splitlines():
        number, state, reason = line.split("|", 2)
        pending = state in ("PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT")
        found[number] = ("pending" if pending else "running", reason)
    return found


_PBS_STATES: dict[str, tuple[State, str]] = {
    **dict.fromkeys("QWT", ("pending", "queued")), "H": ("pending", "held"),
    "S": ("pending", "suspended"), **dict.fromkeys("RBE", ("running", "")),
}  # fmt: skip


def _pbs_states(text: str) -> JobStates:
    rows = re.findall(r"^\s*(\d+)\S*\s.*\s([A-Z])\s+\S+\s*$", text, re.MULTILINE)
    return {number: _PBS_STATES[state] for number, state in rows if state in _PBS_STATES}


_LSF_STATES: dict[str, tuple[State, str]] = {
    "PEND": ("pending", "pending"), "WAIT": ("pending", "waits for another job"),
    "PSUSP": ("pending", "suspended"), "USUSP": ("pending", "suspended"),
    "SSUSP": ("pending", "suspended by the system"), "RUN": ("running", ""),
    "UNKWN": ("running", "its node does not answer"), "PROV": ("pending", "provisioned"),
}  # fmt: skip


def _lsf_states(text: str) -> JobStates:
    rows = re.findall(r"^(\d+)\s+\S+\s+([A-Z]+)\s", text, re.MULTILINE)
    return {number: _LSF_STATES[state] for number, state in rows if state in _LSF_STATES}


def _sge_states(text: str) -> JobStates:
    found: dict[str, tuple[State, str]] = {}
    for number, state in re.findall(r"^\s*(\d+)\s+\S+\s+\S+\s+\S+\s+(\w+)\s", text, re.MULTILINE):
        if "E" in state:
            found[number] = ("stuck", "in error: see `qstat -j`")
        elif "w" in state or "h" in state:
            found[number] = ("pending", "held" if "h" in state else "queued")
        else:
            found[number] = ("running", "")
    return found


_CONDOR_STATES: dict[str, tuple[State, str]] = {
    "1": ("pending", "idle"), "2": ("running", ""), "5": ("stuck", "held"), "6": ("running", ""),
    "7": ("pending", "suspended"),
}  # fmt: skip


def _condor_states(text: str) -> JobStates:
    found: dict[str, tuple[State, str]] = {}
    for number, code, reason in re.findall(r"^(\d+\.\d+)\s+(\d)\s*(.*)$", text, re.MULTILINE):
        if code in _CONDOR_STATES:
            state, word = _CONDOR_STATES[code]
            told = reason if state == "stuck" and reason != "undefined" else word
            found[number] = (state, told)
    return found


def _words(*before: str) -> Callable[[str, Sequence[str]], list[str]]:
    return lambda name, jobs: [*before, *jobs]


QUEUE_SYSTEMS = {
    "slurm": QueueSystem(
        "Slurm", "sbatch", "scancel", "slurm:SLURMJob",
        job="$SLURM_JOB_ID", log="worker-$SLURM_JOB_ID.log", arguments=_slurm,
        # by the name of all, since it complains of numbers that it has forgotten
        query=lambda name, jobs: ["squeue", "-h", "-n", name, "-o", "%i|%T|%r"],
        parse=_slurm_states,
        # jobs of that name only: a number may be another's by now
        cancel_words=lambda name, jobs: ["scancel", "-n", name, *jobs],
        end="${SLURM_JOB_END_TIME:-"
        '$(SLURM_TIME_FORMAT=%s squeue -h -j "$SLURM_JOB_ID" -o %e 2>/dev/null)}',
        advice=slurm_advice,
    ),
    "pbs": QueueSystem(
        "PBS", "qsub", "qdel", "pbs:PBSJob",
        job="${PBS_JOBID%%.*}", log="$PBS_JOBNAME.o${PBS_JOBID%%.*}", arguments=_pbs,
        query=_words("qstat"), parse=_pbs_states, cancel_words=_words("qdel"),
    ),
    "lsf": QueueSystem(
        "LSF", "bsub", "bkill", "lsf:LSFJob",
        job="$LSB_JOBID", log="worker-$LSB_JOBID.log", arguments=_lsf,
        query=_words("bjobs", "-w"), parse=_lsf_states, cancel_words=_words("bkill"),
    ),
    "sge": QueueSystem(
        "Grid Engine", "qsub", "qdel", "sge:SGEJob",
        job="$JOB_ID", log="$JOB_NAME.o$JOB_ID", arguments=_sge,
        query=lambda name, jobs: ["qstat"], parse=_sge_states, cancel_words=_words("qdel"),
    ),
    "htcondor": QueueSystem(
        "HTCondor", "condor_submit", "condor_rm", "htcondor:HTCondorJob",
        # the submit file puts the number in
        job="$XSURVEY_CONDOR_JOB", log="worker-$XSURVEY_CONDOR_JOB.err", arguments=_htcondor,
        query=lambda name, jobs: ["condor_q", *jobs, "-af:j", "JobStatus", "HoldReason"],
        parse=_condor_states, cancel_words=_words("condor_rm"),
    ),
}  # fmt: skip
