"""The content-addressed store of results in an output folder."""

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from xsurvey.engine.hashes import FileHashes
from xsurvey.engine.lock import folder_lock
from xsurvey.engine.stage import MANIFEST_NAME
from xsurvey.errors import OutputError

STORE_NAME = ".xsurvey"


class Store:
    """Results of tasks under ``OUTPUT/.xsurvey``, each in a folder named by the task's key.

    A result is made in a temporary folder, its manifest is written last, and the folder is
    renamed into place: whole or absent. Folders are spread over 256 by the first two digits of
    the key. Making the object writes nothing.

    Parameters
    ----------
    output : path
        The folder that the user named for the outputs.

    Attributes
    ----------
    hashes : FileHashes
        Content hashes of the input files.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.root = output.absolute() / STORE_NAME
        self.hashes = FileHashes(self.root / "hashes.json")
        self._locks = 0

    def folder(self, key: str) -> Path:
        """Return where the results of a task are, or will be."""
        return self.root / "tasks" / key[:2] / key

    def log_file(self, key: str) -> Path:
        """Return where the log of a task goes."""
        return self.root / "logs" / key[:2] / f"{key}.log"

    def manifest(self, key: str) -> dict[str, Any] | None:
        """Return the manifest of a finished task, or None if it is not done.

        Done means: the manifest can be read and is this task's, and every file in it is there
        with the size it had.
        """
        folder = self.folder(key)
        try:
            found = json.loads((folder / MANIFEST_NAME).read_bytes())
            if found["key"] != key:
                return None
            for entry in found["outputs"]:
                if (folder / entry["name"]).stat().st_size != entry["size"]:
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
        if self._locks:
            yield
            return
        with ExitStack() as held:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                held.enter_context(folder_lock(self.root / "lock"))
            except OSError as error:
                raise OutputError(
                    self.output, f"cannot be written ({error.strerror or error})",
                    "check the folder's permissions, or give another output folder",
                ) from error  # fmt: skip
            self._locks += 1
            held.callback(self._unlocked)
            self._remove_temporary()
            held.callback(self._remove_temporary)
            yield

    def _unlocked(self) -> None:
        self._locks -= 1

    def _remove_temporary(self) -> None:
        shutil.rmtree(self.root / "tmp", ignore_errors=True)

    def clear(self) -> None:
        """Forget all results, to start afresh; inside :meth:`writing`."""
        aside = self.root / "tmp" / secrets.token_hex(4)
        aside.mkdir(parents=True)
        for name in ("tasks", "logs"):
            if (self.root / name).exists():
                os.replace(self.root / name, aside / name)
        shutil.rmtree(aside, ignore_errors=True)

    def temporary(self, key: str) -> Path:
        """Make and return a new folder for one attempt at a task."""
        folder = self._attempts(key) / secrets.token_hex(4)
        folder.mkdir(parents=True)
        return folder

    def attempts(self, key: str) -> int:
        """Return how many attempts at a task began and did not end, since its worker died."""
        folder = self._attempts(key)
        return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0

    def discard(self, temporary: Path) -> None:
        """Remove the folder of an attempt that has ended."""
        shutil.rmtree(temporary, ignore_errors=True)

    def commit(self, temporary: Path, key: str, manifest: Mapping[str, Any]) -> None:
        """Turn an attempt into the result of its task.

        Parameters
        ----------
        temporary : path
            What :meth:`temporary` gave, with the outputs in it.
        key : str
            The task's key.
        manifest : mapping
            What to record; ``key`` and ``outputs`` (names and sizes in bytes) are added.
        """
        outputs = [{"name": n, "size": (temporary / n).stat().st_size} for n in _files(temporary)]
        text = json.dumps({"key": key, **manifest, "outputs": outputs}, allow_nan=False, indent=1)
        (temporary / MANIFEST_NAME).write_text(text + "\n")
        if self.manifest(key) is None:  # else a worker thought dead was quicker, with the same
            self._replace(temporary, key)
        shutil.rmtree(self._attempts(key), ignore_errors=True)

    def _replace(self, temporary: Path, key: str) -> None:
        target = self.folder(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():  # damaged, or nobody would have worked at it
            os.replace(target, self._attempts(key) / f"{secrets.token_hex(4)}.damaged")
        try:
            os.replace(temporary, target)
        except OSError:
            if self.manifest(key) is None:
                raise

    def _attempts(self, key: str) -> Path:
        return self.root / "tmp" / key[:2] / key


def _files(folder: Path) -> Iterable[str]:
    found = (p for p in folder.rglob("*") if p.is_file())
    return sorted(p.relative_to(folder).as_posix() for p in found)
