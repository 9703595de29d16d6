"""Whether a run that was submitted before is still with its scheduler, for the same output."""

import logging
import subprocess
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from xsurvey.engine.clusters.commands import call, last_words
from xsurvey.engine.clusters.profiles import ClusterError
from xsurvey.engine.clusters.queue_systems import NOT_TOLD, QUEUE_SYSTEMS, JobStates
from xsurvey.engine.clusters.submitted import BATCH_NAME, SubmittedJob, submitted_jobs

logger = logging.getLogger(__name__)

_LOOKED_AT = 20
_QUERY_S = 30.0


def require_no_job(output: Path, jobs: Path) -> None:
    """Raise if a job for an output folder waits in the queue, or runs.

    The second of two would find the folder in use, and end. Where the scheduler does not answer a
    warning is logged.

    Parameters
    ----------
    output : path
        For the message.
    jobs : path
        The folder of the folders of jobs.

    Raises
    ------
    ClusterError
        There is one.
    """
    by_backend: dict[str, list[SubmittedJob]] = {}
    for job in islice(submitted_jobs(jobs), _LOOKED_AT):
        by_backend.setdefault(job.backend, []).append(job)
    for backend, submitted in by_backend.items():
        if backend not in QUEUE_SYSTEMS:
            continue
        states, silence = _ask(backend, [job.job for job in submitted])
        for job in submitted:
            state, reason = states.get(job.job, ("gone", ""))
            if silence is not None or reason == NOT_TOLD:
                _warn(job, silence or "it was not told of")
                break
            if state != "gone":
                raise _there(output, job, state, reason)


def _ask(backend: str, numbers: Sequence[str]) -> tuple[JobStates, str | None]:
    """Return the states of jobs, and why they are not known if they are not."""
    system = QUEUE_SYSTEMS[backend]
    try:
        done = call(system.query(BATCH_NAME, numbers), _QUERY_S)
    except (OSError, subprocess.SubprocessError) as error:
        return {}, str(error)
    states = system.answer(numbers, done)
    if states is None:
        return {}, last_words(done.stderr)
    # HTCondor counts the processes of a job
    return {number.partition(".")[0]: state for number, state in states.items()}, None


def _warn(job: SubmittedJob, reason: str) -> None:
    label = QUEUE_SYSTEMS[job.backend].label
    logger.warning(
        "whether job %s of %s, submitted before for this folder, has ended is not known (%s); "
        "if it has not, one of the two finds the folder in use and ends", job.job, label, reason,
    )  # fmt: skip


def _there(output: Path, job: SubmittedJob, state: str, reason: str) -> ClusterError:
    system = QUEUE_SYSTEMS[job.backend]
    does = {"pending": "is pending", "running": "runs"}.get(state, "is held after an error")
    why = f" ({reason})" if reason and state != "running" else ""
    cancel = " ".join(system.cancel_words(BATCH_NAME, [job.job]))
    return ClusterError(
        output, f"job {job.job} of {system.label}, submitted before for this folder, {does}{why}",
        f"wait for it, or cancel it first: `{cancel}`",
    )  # fmt: skip
