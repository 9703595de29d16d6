"""What is known of whole runs that were submitted as jobs, before they begin and after."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from xsurvey.engine.clusters.job_folder import BATCH
from xsurvey.engine.provenance import timestamp
from xsurvey.io.atomic import atomic_output

BATCH_NAME = "xsurvey"
"""The name that each job has which is a whole run."""

_NAME = "submitted.json"


@dataclass(frozen=True)
class SubmittedJob:
    """A run that was submitted.

    Attributes
    ----------
    backend : str
        The scheduler.
    job : str
        Its number.
    log : str
        Where the job writes.
    submitted : str
        UTC, ISO 8601.
    """

    backend: str
    job: str
    log: str
    submitted: str


def record_submitted(folder: Path, backend: str, job: str, log: Path) -> None:
    """Remember a job in its folder.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    about = SubmittedJob(backend, job, str(log), timestamp())
    with atomic_output(folder / _NAME) as temporary:
        temporary.write_text(json.dumps(asdict(about)) + "\n")


def newest_submitted(jobs: Path) -> SubmittedJob | None:
    """Return the run that was submitted last, None if there is none.

    Parameters
    ----------
    jobs : path
        The folder of the folders of jobs.
    """
    return next(submitted_jobs(jobs), None)


def submitted_jobs(jobs: Path) -> Iterator[SubmittedJob]:
    """Yield the runs that were submitted, the newest first; see `newest_submitted`."""
    # their names begin with the time
    for folder in sorted(jobs.glob(f"{BATCH}*"), reverse=True):
        try:
            yield SubmittedJob(**json.loads((folder / _NAME).read_text()))
        except (OSError, ValueError, TypeError):
            continue
