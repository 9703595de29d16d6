"""C-level output kept off the standard output of the process."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_FLUSH = ctypes.PyDLL(None).fflush if os.name == "posix" else None


@contextmanager
def quiet_output() -> Iterator[None]:
    """Send what C, C++ and Fortran code writes to descriptor 1 to nowhere, for a while.

    Restored even after an error. Output of Python's that is waiting is written before.
    """
    if sys.stdout is not None:
        with suppress(OSError, ValueError):  # a closed pipe is the caller's affair
            sys.stdout.flush()
    _flush_c()
    try:
        saved = os.dup(1)
    except OSError:  # the process has no standard output
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        _flush_c()
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)


def _flush_c() -> None:
    if _FLUSH is not None:
        _FLUSH(None)
