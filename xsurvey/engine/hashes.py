"""Content hashes of input files, remembered between runs."""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from xsurvey.errors import InputError
from xsurvey.io.atomic import atomic_output

# a file changed within the clock tick of a file system keeps its time: young files are not
# remembered (the longest tick, FAT's, is 2 s)
_SETTLED_AFTER_NS = 2_000_000_000
_READERS = 4


class FileStamp(NamedTuple):
    """What changes when a file is written: size in bytes and time in ns."""

    size: int
    mtime_ns: int


class FileHashes:
    """SHA-256 of files, each read once while its size and times stay.

    Parameters
    ----------
    cache : path
        The JSON file that :meth:`save` writes; it may be missing or damaged, since all in it can
        be computed again.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known: dict[str, list[int | str]] | None = None
        self._stamps: dict[Path, tuple[FileStamp, str]] = {}
        self._changed = False

    def sha256(self, path: Path) -> str:
        """Return the hash of a file's content, as it was when this object first saw it.

        Raises
        ------
        InputError
            The file is missing, a folder, not readable, or being written.
        """
        return self._look(path)[1]

    def stamp(self, path: Path) -> FileStamp:
        """Return size and time of the content that :meth:`sha256` tells of."""
        return self._look(path)[0]

    def prepare(self, paths: Iterable[Path]) -> None:
        """Hash many files, a few at a time."""
        self._load()
        pool = ThreadPoolExecutor(_READERS)
        try:
            list(pool.map(self._look, paths))
        finally:  # an error, or Ctrl-C, must not wait for all the others
            pool.shutdown(wait=False, cancel_futures=True)

    def save(self) -> None:
        """Write the cache, if there is anything new in it."""
        if self._changed and self._known is not None:
            with atomic_output(self._cache) as temporary:
                temporary.write_text(json.dumps(self._known))
            self._changed = False

    def _look(self, path: Path) -> tuple[FileStamp, str]:
        if path not in self._stamps:
            self._stamps[path] = self._stamp_and_hash(path)
        return self._stamps[path]

    def _stamp_and_hash(self, path: Path) -> tuple[FileStamp, str]:
        known = self._load()
        name = os.path.abspath(path)
        before = _stat(path)
        entry = [before.st_size, before.st_mtime_ns, before.st_ctime_ns]
        stamp = FileStamp(before.st_size, before.st_mtime_ns)
        if name in known and known[name][:3] == entry:
            return stamp, str(known[name][3])
        started = time.time_ns()
        digest = _hash(path)
        after = _stat(path)
        if (after.st_size, after.st_mtime_ns) != stamp:
            raise InputError(
                path, "is being written by another program", "run again when it is done"
            )
        if started - max(before.st_mtime_ns, before.st_ctime_ns) > _SETTLED_AFTER_NS:
            known[name] = [*entry, digest]
            self._changed = True
        return stamp, digest

    def _load(self) -> dict[str, list[int | str]]:
        if self._known is None:
            self._known = _read_cache(self._cache)
        return self._known


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_unchanged(path: Path, stamp: FileStamp) -> None:
    """Raise if a file is no longer what it was when its hash was taken.

    Raises
    ------
    InputError
        Its size or time differ, or it is gone.
    """
    now = _stat(path)
    if (now.st_size, now.st_mtime_ns) != tuple(stamp):
        raise InputError(path, "changed during the run", "run again when nothing writes to it")


def _stat(path: Path) -> os.stat_result:
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    if path.is_dir():
        raise InputError(path, "is a folder, not a file", "name the file in it")
    return found


def _hash(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(path, "does not exist", "check the path")
    return InputError(path, f"cannot be read ({error.strerror or error})", "check its permissions")


def _read_cache(path: Path) -> dict[str, list[int | str]]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {k: v for k, v in known.items() if isinstance(v, list) and len(v) == 4}
