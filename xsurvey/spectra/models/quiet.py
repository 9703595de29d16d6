"""C-level output kept off the standard output of the process."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_FLUSH = ctypes.PyDLL(None).fflush if os.name == "posix" else None


@contextmanager
def quiet_output() -> Iterator[Callable[[], int]]:
    """Keep what C, C++ and Fortran code writes from descriptor 1, for a while.

    Restored even after an error. Output of Python's that is waiting is written before. What
    other threads write meanwhile is lost with it: only for calls that do write.

    Yields
    ------
    callable
        Returns how many bytes were kept away so far.
    """
    if sys.stdout is not None:
        with suppress(OSError, ValueError):  # a closed pipe is the caller's affair
            sys.stdout.flush()
    _flush_c()
    try:
        saved = os.dup(1)
    except OSError:  # the process has no standard output
        yield lambda: 0
        return
    try:
        with tempfile.TemporaryFile() as aside:
            os.dup2(aside.fileno(), 1)
            yield lambda: _size(aside.fileno())
    finally:
        _flush_c()
        os.dup2(saved, 1)
        os.close(saved)


def _size(descriptor: int) -> int:
    _flush_c()
    return os.fstat(descriptor).st_size


def _flush_c() -> None:
    if _FLUSH is not None:
        _FLUSH(None)
