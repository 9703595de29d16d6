"""Where XSPEC's model library and its tables of names are: of HEASoft, or of its Python package.

Nothing here loads the library, so that definitions can be read without it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xsurvey.errors import MissingDataError

_PACKAGE = "xspectrampoline"
_BLOCKS, _BLOCK = 16, 64 * 1024


@dataclass(frozen=True)
class Installation:
    """An installation of XSPEC's models.

    Attributes
    ----------
    headas : Path
        What ``$HEADAS`` is or will be.
    spectral : Path
        Its folder with ``manager`` (names, abundances) and, of HEASoft, ``modelData``.
    version : str
        Of HEASoft, with what tells this build of the library from others.
    """

    headas: Path
    spectral: Path
    version: str

    @property
    def manager(self) -> Path:
        """The folder of ``model.dat``."""
        return self.spectral / "manager"


def installation() -> Installation:
    """Return the installation that is used: ``$HEADAS`` if set, else the Python package's.

    Raises
    ------
    MissingDataError
        There is none, or ``$HEADAS`` has no models.
    """
    return _installation(os.environ.get("HEADAS") or None)


@cache
def _installation(headas: str | None) -> Installation:
    root = Path(headas) if headas else _package_root()
    # HEASoft has spectral/ beside the folder of the platform, the package has it inside
    for spectral in (root / "spectral", root.parent / "spectral"):
        if (spectral / "manager" / "model.dat").is_file():
            return Installation(root, spectral, _version(root))
    raise MissingDataError(
        f"HEADAS={root}", "has no XSPEC models (spectral/manager/model.dat)",
        "initialise HEASoft, or unset HEADAS to use the library that came with xsurvey",
    )  # fmt: skip


def _package_root() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for root in sorted(Path(folder).glob("LibXSPEC_*")):
            return root
    raise MissingDataError(
        "XSPEC's model library", "is not installed",
        f"run `pip install {_PACKAGE}`, or install HEASoft and set HEADAS",
    )  # fmt: skip


def _version(root: Path) -> str:
    found = re.search(r"(\d+[._]\d+(?:[._]\d+)?)", f"{root.parent.name}/{root.name}")
    version = found.group(1).replace("_", ".") if found else "unknown"
    libraries = sorted((root / "lib").glob("libXSFunctions.*"))
    return f"{version}-{_sampled_hash(libraries[0])[:8]}" if libraries else version


def content_hash(path: Path) -> str:
    """Return the hash of a file, read once a process as long as it does not change."""
    state = path.stat()
    return _content_hash(path, state.st_size, state.st_mtime_ns)


@cache
def _content_hash(path: Path, size: int, time: int) -> str:
    del size, time  # they tell a changed file
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sampled_hash(path: Path) -> str:
    """Return a hash of a file's size and of blocks spread over it.

    Builds of a library differ all over; to read all of it would take longer than to read
    its definitions, for which this is asked.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        for i in range(_BLOCKS):
            stream.seek(max(0, (size - _BLOCK) * i // (_BLOCKS - 1)))
            digest.update(stream.read(_BLOCK))
    return digest.hexdigest()
