"""A whole run as one job: its script, and how it is submitted."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xsurvey.engine.clusters.commands import call, last_words
from xsurvey.engine.clusters.environment import (
    carried_variables,
    exports,
    one_thread,
    strictly,
)
from xsurvey.engine.clusters.in_job import ENDS, JOB, LOG
from xsurvey.engine.clusters.job_folder import PRIVATE, check_place, write_script
from xsurvey.engine.clusters.profiles import ClusterError, ClusterProfile
from xsurvey.engine.clusters.queue_profiles import (
    HTCondorProfile,
    LsfProfile,
    PbsProfile,
    QueueProfile,
    SgeProfile,
)
from xsurvey.engine.clusters.queue_systems import QUEUE_SYSTEMS, clock_text, megabytes
from xsurvey.engine.clusters.submitted import BATCH_NAME, record_submitted
from xsurvey.engine.lock import SILENT_AFTER_S, WAIT_VARIABLE
from xsurvey.errors import ParameterError

_NAME = BATCH_NAME
_SCRIPT, _SUBMIT_FILE, _PROFILE = "job.sh", "job.submit", "cluster.yaml"
_SUBMIT_S = 120.0
_CLIENT = 1_000_000_000
"""Bytes of a job beside its workers' memory: client, scheduler, and what watches workers."""

_WORKER_MARGIN = 200_000_000


@dataclass(frozen=True)
class BatchJob:
    """A run that is to be one job.

    Attributes
    ----------
    profile : QueueProfile
        What to ask the scheduler for.
    folder : path
        Absolute; for the job's script, profile and logs. It need not exist yet.
    arguments : sequence of str
        Of ``xsurvey run``, without those that say which cluster.
    """

    profile: QueueProfile
    folder: Path
    arguments: Sequence[str]

    def files(self) -> dict[str, str]:
        """Return the texts of the files of the job by their names.

        Raises
        ------
        ParameterError
            The profile lacks something.
        OutputError
            Schedulers cannot take the path of the folder.
        """
        check_place(self.folder)
        texts = {_SCRIPT: self.script(), _PROFILE: json.dumps(self._inner(), indent=1) + "\n"}
        if isinstance(self.profile, HTCondorProfile):
            texts[_SUBMIT_FILE] = _htcondor_file(self.profile)
        return texts

    def script(self) -> str:
        """Return the script of the job."""
        profile, system = self.profile, QUEUE_SYSTEMS[self.profile.backend]
        python = profile.python_words()
        words = [
            *self.arguments, "--cluster", str(self.folder / _PROFILE),
            "--workers", str(profile.workers),
        ]  # fmt: skip
        lines = ["#!/bin/bash", *_DIRECTIVES[profile.backend](profile)]
        lines += [f"cd {shlex.quote(str(Path.cwd()))}", *strictly(profile.prologue)]
        lines += [*exports(carried_variables()), *one_thread()]
        # nobody is there to start it again when a run that was killed has been silent for long
        lines += exports({WAIT_VARIABLE: f"{SILENT_AFTER_S + 60:g}"})
        lines.append(f'export {JOB}="{system.job}"')
        if profile.backend != "slurm":
            log = shlex.quote(str(self.folder))
            lines.append(f'export {LOG}={log}/"{_LOGS[profile.backend]}"')
            if profile.walltime is not None:
                lines.append(f'export {ENDS}="$(( $(date +%s) + {int(profile.walltime)} ))"')
        lines.append(f"exec {python} -m xsurvey run {shlex.join(words)}")
        return "\n".join(lines) + "\n"

    def submit(self) -> str:
        """Write the files, submit the job, and return its number.

        Raises
        ------
        ClusterError
            The scheduler refuses it.
        """
        self.folder.mkdir(PRIVATE, parents=True)
        for name, text in self.files().items():
            (write_script if name == _SCRIPT else Path.write_text)(self.folder / name, text)
        words, by_input = self._submit_words(), self._by_input
        try:
            done = call(
                words, _SUBMIT_S, folder=self.folder, given=self.script() if by_input else ""
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise self._refused(str(error)) from error
        found = _NUMBER.search(done.stdout)
        if done.returncode or found is None:
            raise self._refused(last_words(done.stderr or done.stdout))
        record_submitted(self.folder, self.profile.backend, found[1], self.log(found[1]))
        return found[1]

    def command(self) -> str:
        """Return how the job is submitted, as a shell line in its folder."""
        words = shlex.join(self._submit_words())
        return f"{words} < {_SCRIPT}" if self._by_input else words

    @property
    def _by_input(self) -> bool:
        return self.profile.backend == "lsf"

    def _submit_words(self) -> list[str]:
        words = [QUEUE_SYSTEMS[self.profile.backend].submit]
        if not self._by_input:
            words.append(_SUBMIT_FILE if self.profile.backend == "htcondor" else _SCRIPT)
        return words

    def log(self, job: str) -> Path:
        """Return the log of the job with a number."""
        name = _LOGS[self.profile.backend]
        return self.folder / re.sub(r"\$(\{[^}]*\}|\w+)", job, name)

    def _inner(self) -> dict[str, Any]:
        """Return the profile of the cluster within the job."""
        # of one node the workers are processes like any other
        local = self.profile.backend != "slurm"
        kept = ["memory", "attempts", "task_timeout", "walltime_margin", "time_limit"]
        if not local:
            kept += ["interface", "python", "scratch", "encryption"]
        values = self.profile.normalised()
        return {"backend": "local" if local else "allocation", "start_timeout": "10min"} | {
            name: values[name] for name in kept
        }

    def _refused(self, reason: str) -> ClusterError:
        system = QUEUE_SYSTEMS[self.profile.backend]
        return ClusterError(
            f"cluster '{self.profile.backend}'",
            f"{system.submit} refuses the job: {reason}",
            "correct queue, account, walltime, memory or extra_directives of the profile",
        )  # fmt: skip


_NUMBER = re.compile(r"(?:cluster |[Jj]ob <?|^)(\d+)", re.MULTILINE)
"""Of a job, as the schedulers tell it: ``Submitted batch job 7``, ``7.host``, ``Job <7> is``,
``Your job 7``, ``submitted to cluster 7.``"""

_LOGS = {
    "slurm": "slurm-$SLURM_JOB_ID.log", "pbs": f"{_NAME}.o${{PBS_JOBID%%.*}}",
    "lsf": "lsf-$LSB_JOBID.log", "sge": f"{_NAME}.o$JOB_ID", "htcondor": "job.log",
}  # fmt: skip


def _memory(profile: QueueProfile) -> int:
    """Return the bytes that the job asks for."""
    return profile.workers * (profile.memory + _WORKER_MARGIN) + _CLIENT


def _given(*pairs: tuple[str, object]) -> list[str]:
    return [f"{word}{value}" for word, value in pairs if value is not None]


def _slurm(profile: QueueProfile) -> list[str]:
    time = None if profile.walltime is None else clock_text(profile.walltime)
    each = megabytes(_memory(profile) // profile.workers)
    words = _given(
        ("--job-name=", _NAME), ("--ntasks=", profile.workers), ("--cpus-per-task=", 1),
        ("--mem-per-cpu=", f"{each}M"), ("--time=", time), ("--partition=", profile.queue),
        ("--account=", profile.account), ("--output=", "slurm-%j.log"),
        ("--open-mode=", "append"),
    )  # fmt: skip
    # a lost node does not end the job; one whose first node is lost begins again, and goes on
    words += ["--no-kill", "--requeue", *profile.extra_directives]
    return [f"#SBATCH {word}" for word in words]


def _pbs(profile: PbsProfile) -> list[str]:
    spec = profile.resource_spec
    if spec is None:
        spec = f"select=1:ncpus={profile.workers}:mem={megabytes(_memory(profile))}mb"
    time = None if profile.walltime is None else f"walltime={clock_text(profile.walltime)}"
    words = _given(
        ("-N ", _NAME), ("-q ", profile.queue), ("-A ", profile.account), ("-l ", spec),
        ("-l ", time), ("-j ", "oe"),
    )  # fmt: skip
    return [f"#PBS {word}" for word in [*words, *profile.extra_directives]]


def _lsf(profile: LsfProfile) -> list[str]:
    from xsurvey.engine.clusters.jobqueue import lsf  # noqa: PLC0415 - half a second, when needed

    unit = profile.memory_unit or lsf.lsf_detect_units()
    time = None if profile.walltime is None else clock_text(profile.walltime, with_seconds=False)
    words = _given(
        ("-J ", _NAME), ("-q ", profile.queue), ("-P ", profile.account), ("-n ", profile.workers),
        ("-R ", '"span[hosts=1]"'),
        ("-M ", lsf.lsf_format_bytes_ceil(_memory(profile), lsf_units=unit)), ("-W ", time),
        ("-o ", "lsf-%J.log"),
    )  # fmt: skip
    return [f"#BSUB {word}" for word in [*words, *profile.extra_directives]]


def _sge(profile: SgeProfile) -> list[str]:
    environment = profile.parallel_environment
    if environment is None and profile.workers > 1:
        raise ParameterError(
            "parallel_environment", "is required for a job of several workers",
            "name one of `qconf -spl` in the profile, or give --workers 1",
        )  # fmt: skip
    time = None if profile.walltime is None else f"h_rt={clock_text(profile.walltime)}"
    several = None if environment is None else f"{environment} {profile.workers}"
    words = _given(
        ("-N ", _NAME), ("-q ", profile.queue), ("-P ", profile.account),
        ("-l ", profile.resource_spec), ("-l ", time), ("-pe ", several),
    )  # fmt: skip
    words += ["-cwd", "-j y", "-S /bin/bash"]
    return [f"#$ {word}" for word in [*words, *profile.extra_directives]]


def _htcondor_file(profile: HTCondorProfile) -> str:
    time = None if profile.walltime is None else int(profile.walltime)
    lines = _given(
        ("executable = ", _SCRIPT), ("batch_name = ", _NAME), ("request_cpus = ", profile.workers),
        ("request_memory = ", f"{megabytes(_memory(profile))}MB"),
        ("request_disk = ", f"{megabytes(profile.disk)}MB"),
        ("accounting_group = ", profile.account),
        ("allowed_execute_duration = ", time),
        ("environment = ", '"XSURVEY_CONDOR_JOB=$(ClusterId).$(ProcId)"'),
        ("output = ", "job.log"), ("error = ", "job.log"), ("log = ", "htcondor.log"),
        ("stream_output = ", True), ("stream_error = ", True),
    )  # fmt: skip
    return "\n".join([*lines, *profile.extra_directives, "queue"]) + "\n"


_DIRECTIVES: dict[str, Callable[[Any], list[str]]] = {
    "slurm": _slurm, "pbs": _pbs, "lsf": _lsf, "sge": _sge, "htcondor": lambda profile: [],
}  # fmt: skip


_WAITS = {
    "slurm": re.compile(r"^(-d|--dependency\b)"), "pbs": re.compile(r"^-W\s*depend"),
    "sge": re.compile(r"^-hold_jid"), "lsf": re.compile(r"^-w"),
}  # fmt: skip
"""How directives begin that have a job wait for another, by scheduler; HTCondor has none."""


def waits_for_others(profile: QueueProfile) -> bool:
    """Return whether the user has the job wait for others, as links of a chain of jobs do."""
    waits = _WAITS.get(profile.backend)
    return waits is not None and any(
        waits.search(line.strip()) for line in profile.extra_directives
    )


def batch_profile(profile: ClusterProfile, name: str) -> QueueProfile:
    """Return a profile if it is one of a scheduler that takes jobs.

    Raises
    ------
    ParameterError
        It is not.
    """
    if not isinstance(profile, QueueProfile):
        raise ParameterError(
            f"cluster profile '{name}'",
            f"has no scheduler to submit to (backend {profile.backend})",
            f"give --cluster with one of {', '.join(QUEUE_SYSTEMS)}, or a file with such a backend",
        )  # fmt: skip
    return profile
