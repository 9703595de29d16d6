"""The folder of a run's jobs: their scripts, logs and numbers; jobs of runs that were killed."""

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from xsurvey.engine.clusters.commands import call, last_words
from xsurvey.engine.clusters.queue_systems import QUEUE_SYSTEMS, ended_jobs
from xsurvey.errors import OutputError
from xsurvey.io.atomic import atomic_output

logger = logging.getLogger(__name__)

BATCH = "batch-"
"""What names of folders of jobs begin with that are a whole run each."""

PRIVATE = 0o700
"""Mode of folders of jobs, and of scripts: these carry variables of their owner."""

COMPLAINT = "xsurvey: error: "
"""What a line begins with in which a job tells why it ends."""

_NUMBERS = "jobs.json"
_KEPT = 5
_COMMAND_S = 60.0
_LAST_BYTES = 100_000


def check_place(folder: Path) -> None:
    """Raise if the path of a folder of jobs cannot be given to schedulers as it is.

    In names of logs they put numbers for ``%`` and a letter, or take a backslash for a sign that
    nothing is to be put in.

    Raises
    ------
    OutputError
        It has such a character, or one that cannot be seen, as the end of a line.
    """
    text = str(folder.absolute())
    wrong = {c if c.isprintable() else "an invisible character" for c in text if not _is_plain(c)}
    if wrong:
        raise OutputError(
            text, f"its path has {' and '.join(sorted(wrong))}, for which schedulers put something "
            "else", "give an output folder without, whose folders are without",
        )  # fmt: skip


def _is_plain(character: str) -> bool:
    return character.isprintable() and character not in "%\\"


def write_script(path: Path, text: str) -> None:
    """Write a script that its owner alone can read and run."""
    path.touch(PRIVATE)
    path.chmod(PRIVATE)
    path.write_text(text)


def last_complaint(folder: Path) -> str | None:
    """Return what the newest log of a job tells to be wrong with its profile, None if nothing."""
    for log in sorted(folder.glob("*"), key=_modified, reverse=True):
        if log.suffix not in (".sh", ".json"):
            text = _last_part(log)
            told = [line for line in text.splitlines() if line.startswith(COMPLAINT)]
            if told:
                return told[-1].removeprefix(COMPLAINT)
    return None


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # taken away since the folder was listed
        return 0.0


def _last_part(log: Path) -> str:
    """Return the end of a log, where a job that ended tells why; nothing of what is no file."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LAST_BYTES))
            return stream.read().decode(errors="replace")
    except OSError:
        return ""


class JobRecord:
    """The numbers of a run's jobs, in a file: who comes after a run that was killed needs them.

    Parameters
    ----------
    folder : path
        Of the run's jobs.
    backend : str
        Which scheduler has them.
    name : str
        The name of all jobs.
    """

    def __init__(self, folder: Path, backend: str, name: str) -> None:
        self._folder, self._backend, self._name = folder, backend, name
        self.jobs: list[str] = []

    def add(self, job: str) -> None:
        """Note a job that was submitted."""
        self.jobs.append(job)
        self._write(self.jobs)

    def cancel(self) -> None:
        """Cancel all jobs, and note that none is left."""
        if self.jobs and cancel_jobs(self._backend, self._name, self.jobs):
            self._write([])

    def _write(self, jobs: Sequence[str]) -> None:
        with atomic_output(self._folder / _NUMBERS) as temporary:
            temporary.write_text(
                json.dumps({"backend": self._backend, "name": self._name, "jobs": list(jobs)})
            )


def cancel_jobs(backend: str, name: str, jobs: Sequence[str]) -> bool:
    """Cancel jobs, of which some may have ended; return whether none is left."""
    words = QUEUE_SYSTEMS[backend].cancel_words(name, jobs)
    try:
        done = call(words, _COMMAND_S)
    except (OSError, subprocess.SubprocessError) as error:
        reason = str(error)
    else:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        # all complain of jobs that have ended; of what else they complain is there still
        if not done.returncode or (said and all(ended_jobs(line, jobs) for line in said)):
            return True
        reason = last_words(done.stderr)
    logger.warning(
        "jobs %s were not cancelled (%s: %s); the next run tries it again, or cancel them by hand",
        ", ".join(jobs), words[0], reason,
    )  # fmt: skip
    return False


def clear_left_jobs(parent: Path) -> None:
    """Cancel what runs that were killed left in the queue; remove all but the newest folders.

    Those of jobs that could not be cancelled stay as well: their numbers are nowhere else.

    Parameters
    ----------
    parent : path
        The folder of the folders of jobs; nobody else works in it.
    """
    # those of whole runs that were submitted may wait in the queue still
    found = [folder for folder in parent.glob("*") if folder.is_dir()]
    folders = [folder for folder in found if not folder.name.startswith(BATCH)]
    folders = [folder for folder in folders if _cancel_left(folder)]
    folders.sort(key=lambda folder: folder.stat().st_mtime)
    for folder in folders[:-_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def _cancel_left(folder: Path) -> bool:
    """Cancel the jobs of a folder; return whether none is left."""
    try:
        told = json.loads((folder / _NUMBERS).read_text())
        backend, name, jobs = (
            told["backend"],
            told["name"],
            sorted(told["jobs"], key=lambda job: (len(job), job)),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return True
    if not jobs or backend not in QUEUE_SYSTEMS:
        return True
    logger.info("jobs %s of a run that was killed are cancelled", ", ".join(jobs))
    if not cancel_jobs(backend, name, jobs):
        return False
    (folder / _NUMBERS).unlink(missing_ok=True)
    return True
