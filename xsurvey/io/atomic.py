"""Outputs that are whole or absent: written beside their place, then renamed into it."""

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from xsurvey.errors import OutputError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")
_SPACE_LEFT = 64 * 1024


@contextmanager
def atomic_output(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` when the block ends well.

    The block may write a file or make a folder there. The temporary name keeps the
    suffixes of ``path``, since writers choose formats by them. A link stays: what it leads
    to is replaced, in the folder where that lies.

    Raises
    ------
    OutputError
        The folder is missing or not writable, the disk is full, or ``path`` is (or leads to) a
        device, pipe or socket.
    """
    target = Path(path)
    _check_kind(target)
    place = _end_of_links(target)
    folder = place.parent
    if not folder.is_dir():
        raise OutputError(target, f"folder {folder} does not exist", "make it, or write elsewhere")
    temporary = folder / f".{secrets.token_hex(4)}.{target.name}"
    try:
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
        yield temporary
        if temporary.is_dir() and place.is_dir():
            _replace_folder(temporary, place, target.name)
        else:
            os.replace(temporary, place)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _check_kind(target: Path) -> None:
    """Raise if a file cannot be put in the place of what ``target`` is or leads to.

    Renaming a file onto a device or pipe would remove it.
    """
    try:
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise _cannot_write(target, error) from error
    # the system's links to open files may lead to ones that have no name any more
    nameless = not _end_of_links(target).exists()
    if nameless or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OutputError(target, "is a device or pipe, not a file", "give the name of a file")


def _end_of_links(target: Path) -> Path:
    """Return where an output lies: ``target``, or what it leads to if it is a link."""
    return Path(_real(target)) if target.is_symlink() else target


def _real(path: str | os.PathLike[str]) -> str:
    # Path.resolve raises on a link that leads to itself, which gets an error of ours elsewhere
    return os.path.realpath(path)


def no_space(error: OSError, folder: str | os.PathLike[str]) -> str | None:
    """Return how the system says that there is no room in ``folder``, if that is the error.

    Some libraries report a write that was cut short without the system's error number: numpy
    tells it by what was written; else the file system is asked, where there may be room again.
    """
    if error.errno in _NO_SPACE:
        return error.strerror or os.strerror(error.errno)
    if error.errno is None and (
        _CUT_SHORT.search(str(error)) or shutil.disk_usage(folder).free < _SPACE_LEFT
    ):
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
    folder = _end_of_links(target).parent
    if not folder.is_dir():
        return
    temporary = re.compile(rf"\.[0-9a-f]{{8}}\.{re.escape(target.name)}")
    for found in [p for p in folder.iterdir() if temporary.fullmatch(p.name)]:
        if found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)


def _replace_folder(temporary: Path, place: Path, name: str) -> None:
    # a folder cannot be renamed over a full one: move the old one aside first
    old = place.parent / f".{secrets.token_hex(4)}.{name}"
    os.replace(place, old)
    os.replace(temporary, place)
    shutil.rmtree(old, ignore_errors=True)


def check_writable(
    path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str] | None] = ()
) -> None:
    """Raise early, before hours of work, when ``path`` cannot be written later.

    Raises
    ------
    OutputError
        No folder to write in, no permission, ``path`` is a folder, a device or a pipe, or it
        is one of the ``inputs``.
    """
    target = Path(path)
    if any(i is not None and _real(target) == _real(i) for i in inputs):
        raise OutputError(target, "is an input of this command", "write to another file")
    if target.is_dir():
        raise OutputError(target, "is a folder, not a file", "give a file name")
    try:
        with atomic_output(target) as temporary:
            temporary.touch()
            raise _Probed
    except _Probed:
        pass


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise when a folder for results can neither be made nor be written in; make nothing.

    Raises
    ------
    OutputError
        It, or what would hold it, is a file or not writable.
    """
    folder = Path(path).absolute()
    there = next(p for p in (folder, *folder.parents) if os.path.lexists(p))
    if not there.is_dir():
        raise OutputError(path, f"cannot be made: {there} is no folder", "choose another --output")
    if not os.access(there, os.W_OK | os.X_OK):
        what = "cannot be written" if there == folder else f"cannot be made in {there}"
        raise OutputError(path, f"{what} (permission denied)", "choose another --output")


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
    seen: set[str] = set()
    for path in outputs:
        if path is None:
            continue
        check_writable(path, inputs)
        if _real(path) in seen:
            raise OutputError(path, "is given for two outputs", "write them to different files")
        seen.add(_real(path))


class _Probed(Exception):
    """Ends a trial write."""
