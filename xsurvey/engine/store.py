"""The content-addressed store of results in an output folder."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from xsurvey.engine.hashes import FileHashes, file_sha256
from xsurvey.engine.lock import FolderLock, folder_lock
from xsurvey.engine.stage import MANIFEST_NAME
from xsurvey.engine.workers.attempt import Attempt, attempts_in, new_attempt
from xsurvey.errors import OutputError
from xsurvey.io.atomic import remove_leftovers

STORE_NAME = ".xsurvey"
PROGRESS_NAME = "progress.json"
PRODUCTS_NAME = "products.json"
_SPLIT_MARK = "split"


class Store:
    """Results of tasks under ``OUTPUT/.xsurvey``, each in a folder named by the task's key.

    A result is made in a temporary folder, its manifest is written last, and the folder is
    renamed into place: whole or absent. Folders are spread over 256 by the first two digits of
    the key. Making the object writes nothing.

    Parameters
    ----------
    output : path
        The folder that the user named for the outputs.
    run : str, optional
        The run that works in it, for a worker of that run. Each run has temporary folders of
        its own, so that workers of one whose process was killed cannot get among those of the
        next.

    Attributes
    ----------
    hashes : FileHashes
        Content hashes of the input files.
    """

    def __init__(self, output: Path, run: str | None = None) -> None:
        self.output = output
        self.root = output.absolute() / STORE_NAME
        self._tasks = f"{self.root}/tasks"
        self.run = run or secrets.token_hex(4)
        self.hashes = FileHashes(self.root / "hashes.json")
        self._lock: FolderLock | None = None

    def folder(self, key: str) -> Path:
        """Return where the results of a task are, or will be."""
        return Path(f"{self._tasks}/{key[:2]}/{key}")

    def log_file(self, key: str) -> Path:
        """Return where the log of a task goes."""
        return self.root / "logs" / key[:2] / f"{key}.log"

    def manifest(self, key: str) -> dict[str, Any] | None:
        """Return the manifest of a finished task, or None if it is not done.

        Done means: the manifest can be read and is this task's, and every file in it is there
        with the size it had.
        """
        # plain strings: a plan of many tasks is looked up in seconds
        folder = f"{self._tasks}/{key[:2]}/{key}"
        try:
            with open(f"{folder}/{MANIFEST_NAME}", "rb") as stream:
                found = json.loads(stream.read())
            if found["key"] != key:
                return None
            for entry in found["outputs"]:
                if os.stat(f"{folder}/{entry['name']}").st_size != entry["size"]:
                    return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return dict(found)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the output folder for this process; may be nested.

        Leftovers of runs that died are removed at the start.

        Raises
        ------
        OutputError
            The folder cannot be written, or another run uses it.
        """
        if self._lock is not None:
            yield
            return
        with ExitStack() as held:
            with self._errors():
                self.root.mkdir(parents=True, exist_ok=True)
                self._lock = held.enter_context(folder_lock(self.root / "lock"))
            held.callback(self._unlocked)
            progress = self.root / PROGRESS_NAME
            with self._errors():
                self._remove_temporary()
                progress.unlink(missing_ok=True)
            held.callback(self._clean_up)
            yield
            # after an error it stays, to tell how far it was
            progress.unlink(missing_ok=True)

    def check_lock(self) -> None:
        """Raise if another run took the folder over while this process was asleep.

        Raises
        ------
        OutputError
            It did; nothing may be written any more.
        """
        if self._lock is not None:
            self._lock.check()

    def is_taken(self) -> bool:
        """Return whether another run took the folder over while we held it."""
        return self._lock is not None and self._lock.is_taken()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                self.output, f"cannot be written ({error.strerror or error})",
                "check the folder's permissions and the disk, or give another output folder",
            ) from error  # fmt: skip

    def _unlocked(self) -> None:
        self._lock = None

    def _clean_up(self) -> None:
        if not self.is_taken():  # else it is the other run's
            self._remove_temporary()

    def _remove_temporary(self) -> None:
        """Remove temporary files, which are nobody's or ours while we hold the lock."""
        for name in ("tmp", "hashes.json", PROGRESS_NAME, PRODUCTS_NAME):
            remove_leftovers(self.root / name)
        # out of the way at once: workers of a run that was killed may still write there, and
        # what is half removed must not be made a result
        aside = self.root / f".{secrets.token_hex(4)}.tmp"
        if (self.root / "tmp").exists():
            os.replace(self.root / "tmp", aside)
        shutil.rmtree(aside, ignore_errors=True)

    def clear(self) -> None:
        """Forget all results, to start afresh; inside :meth:`writing`.

        Raises
        ------
        OutputError
            They cannot be moved.
        """
        aside = self.root / "tmp" / secrets.token_hex(4)
        with self._errors():
            aside.mkdir(parents=True)
            for name in ("tasks", "logs"):
                if (self.root / name).exists():
                    os.replace(self.root / name, aside / name)
        shutil.rmtree(aside, ignore_errors=True)

    def mark_split(self, key: str) -> None:
        """Remember that the elements of a member are done one by one, for the runs to come."""
        folder = self.folder(key)
        with suppress(OSError):  # else the next run finds it out again
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _SPLIT_MARK).touch()

    def is_split(self, key: str) -> bool:
        """Return whether a member was split in this or an earlier run."""
        return (self.folder(key) / _SPLIT_MARK).exists()

    def report_file(self, key: str) -> Path:
        """Return where a worker of this run leaves its report of a task."""
        return self.root / "tmp" / self.run / "reports" / f"{key}.json"

    def attempt(self, key: str) -> Attempt:
        """Make the folders of one attempt at a task, by this process."""
        return new_attempt(self._attempts(key))

    def attempts(self, key: str) -> list[Attempt]:
        """Return the attempts at a task that began and did not end, or not yet."""
        return attempts_in(self._attempts(key))

    def commit(self, attempt: Attempt, key: str, manifest: Mapping[str, Any]) -> None:
        """Turn the outputs of an attempt into the result of its task.

        Parameters
        ----------
        attempt : Attempt
            What :meth:`attempt` gave, with the outputs in its folder.
        key : str
            The task's key.
        manifest : mapping
            What to record; ``key`` and ``outputs`` (names, sizes in bytes, SHA-256) are added.
        """
        made, names = attempt.outputs, _files(attempt.outputs)
        outputs = [
            {"name": n, "size": (made / n).stat().st_size, "sha256": file_sha256(made / n)}
            for n in names
        ]
        text = json.dumps({"key": key, **manifest, "outputs": outputs}, allow_nan=False, indent=1)
        (made / MANIFEST_NAME).write_text(text + "\n")
        # on the disk before it has its name: after a power cut a result is whole or absent too
        for name in (*names, MANIFEST_NAME, "."):
            _sync(made / name)
        if self.manifest(key) is None:  # else a worker thought dead was quicker, with the same
            self._replace(made, key)

    def _replace(self, made: Path, key: str) -> None:
        target = self.folder(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():  # damaged, or nobody would have worked at it
            os.replace(target, made.with_name("damaged"))
        try:
            os.replace(made, target)
        except OSError:
            if self.manifest(key) is None:
                raise

    def _attempts(self, key: str) -> Path:
        return self.root / "tmp" / self.run / key


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: Path) -> list[str]:
    found = (p for p in folder.rglob("*") if p.is_file())
    return sorted(p.relative_to(folder).as_posix() for p in found)
