"""Tables of models kept on disk, by what they were made from.

A table is an uncompressed ``.npz`` (its checksums tell a damaged one), named by the hash of
all that decides its content; written beside its place and renamed, so that any number of
processes may write at once. The oldest are removed beyond a limit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import OutputError
from xsurvey.io.atomic import atomic_output

logger = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]
TABLE_FORMAT = 1
"""Version of what tables hold: part of their names, and of the keys of fits in pipelines."""
_MOST_BYTES = 1_000_000_000
_IN_MEMORY = 16
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)

_memory: OrderedDict[str, Arrays] = OrderedDict()
_lock = threading.Lock()


def cache_directory() -> Path:
    """Return where tables are kept: below ``$XSURVEY_CACHE``, or the XDG place."""
    if os.environ.get("XSURVEY_CACHE"):
        return Path(os.environ["XSURVEY_CACHE"]) / "models"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "xsurvey" / "models"


def stored_table(
    origin: Mapping[str, Any], edges: np.ndarray, make: Callable[[], Arrays]
) -> Arrays:
    """Return a table from memory or disk; otherwise make and keep it.

    A file that is damaged is made anew. Where the disk cannot be written the table is
    used all the same.

    Parameters
    ----------
    origin : mapping
        All that decides the content beside the energies, as JSON values.
    edges : ndarray, shape (n + 1,)
        Energies in keV.
    make : callable
        Makes the arrays.

    Returns
    -------
    dict of ndarray
        Not to be written to.
    """
    key = table_key(origin, edges)
    with _lock:
        if key in _memory:
            _memory.move_to_end(key)
            return _memory[key]
    path = cache_directory() / f"{key}.npz"
    arrays = _read(path)
    if arrays is None:
        arrays = make()
        _write(path, arrays)
    for array in arrays.values():
        array.setflags(write=False)
    with _lock:
        _memory[key] = arrays
        while len(_memory) > _IN_MEMORY:
            _memory.popitem(last=False)
    return arrays


def table_key(origin: Mapping[str, Any], edges: np.ndarray) -> str:
    """Return the name of a table."""
    text = json.dumps({"format": TABLE_FORMAT, **origin}, sort_keys=True)
    digest = hashlib.sha256(text.encode())
    digest.update(np.ascontiguousarray(edges, dtype="<f8").tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path) -> Arrays | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        os.utime(path)  # what is used stays
    except PermissionError:  # of the time stamp: another user's cache
        return arrays
    except _DAMAGED as error:
        logger.warning("%s: is damaged (%s), made anew", path, error)
        return None
    return arrays


def _write(path: Path, arrays: Arrays) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_output(path) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]
        _keep_below(path.parent, _MOST_BYTES)
    except (OSError, OutputError) as error:
        logger.warning("tables of models are not kept (%s): set XSURVEY_CACHE", error)


def _keep_below(folder: Path, most_bytes: int) -> None:
    """Remove the tables that were not used for longest; others may do the same meanwhile."""
    files = []
    for path in folder.glob("*.npz"):
        with contextlib.suppress(FileNotFoundError):
            state = path.stat()
            files.append((state.st_mtime, state.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files)[:-1]:
        if total <= most_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size
