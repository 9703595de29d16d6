"""Outputs that are whole or absent: written beside their place, then renamed into it."""

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from xsurvey.errors import OutputError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SPACE_LEFT = 64 * 1024


@contextmanager
def atomic_output(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` when the block ends well.

    The block may write a file or make a folder there. The temporary name keeps the
    suffixes of ``path``, since writers choose formats by them.

    Raises
    ------
    OutputError
        The folder is missing or not writable, or the disk is full.
    """
    target = Path(path)
    folder = target.parent
    if not folder.is_dir():
        raise OutputError(target, f"folder {folder} does not exist", "make it, or write elsewhere")
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    temporary = folder / f".{secrets.token_hex(4)}.{target.name}"
    try:
        yield temporary
        if temporary.is_dir() and target.is_dir():
            _replace_folder(temporary, target)
        else:
            os.replace(temporary, target)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def no_space(error: OSError, folder: str | os.PathLike[str]) -> str | None:
    """Return how the system says that there is no room in ``folder``, if that is the error.

    Some libraries report a write that was cut short without the system's error number; the
    file system is asked then.
    """
    if error.errno in _NO_SPACE:
        return error.strerror or os.strerror(error.errno)
    if error.errno is None and shutil.disk_usage(folder).free < _SPACE_LEFT:
        return os.strerror(errno.ENOSPC)
    return None


def _cannot_write(target: Path, error: OSError) -> OutputError:
    full = no_space(error, target.parent)
    if full is not None:
        return OutputError(target, f"cannot be written ({full})", "make room and try again")
    return OutputError(
        target, f"cannot be written ({error.strerror or error})", "check folder and disk"
    )


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove what a process that was killed while it wrote ``path`` has left beside it.

    Only for the one process that may write there: it would take another's work away.
    """
    target = Path(path)
    if not target.parent.is_dir():
        return
    temporary = re.compile(rf"\.[0-9a-f]{{8}}\.{re.escape(target.name)}")
    for found in [p for p in target.parent.iterdir() if temporary.fullmatch(p.name)]:
        if found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)


def _replace_folder(temporary: Path, target: Path) -> None:
    # a folder cannot be renamed over a full one: move the old one aside first
    old = target.parent / f".{secrets.token_hex(4)}.{target.name}"
    os.replace(target, old)
    os.replace(temporary, target)
    shutil.rmtree(old, ignore_errors=True)


def check_writable(
    path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str] | None] = ()
) -> None:
    """Raise early, before hours of work, when ``path`` cannot be written later.

    Raises
    ------
    OutputError
        No folder to write in, no permission, ``path`` is a folder, or it is one of the
        ``inputs``.
    """
    target = Path(path)
    if any(i is not None and target.resolve() == Path(i).resolve() for i in inputs):
        raise OutputError(target, "is an input of this command", "write to another file")
    if target.is_dir():
        raise OutputError(target, "is a folder, not a file", "give a file name")
    try:
        with atomic_output(target) as temporary:
            temporary.touch()
            raise _Probed
    except _Probed:
        pass


def check_outputs(
    outputs: Iterable[str | os.PathLike[str] | None],
    inputs: Iterable[str | os.PathLike[str] | None] = (),
) -> None:
    """Check all files that a command will write, before it does anything.

    Parameters
    ----------
    outputs, inputs : iterable of path or None
        None stands for an option that was not given.

    Raises
    ------
    OutputError
        As `check_writable`, or two outputs are the same file.
    """
    inputs = list(inputs)
    seen: set[Path] = set()
    for path in outputs:
        if path is None:
            continue
        check_writable(path, inputs)
        if Path(path).resolve() in seen:
            raise OutputError(path, "is given for two outputs", "write them to different files")
        seen.add(Path(path).resolve())


class _Probed(Exception):
    """Ends a trial write."""
