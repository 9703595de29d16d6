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
    return f"{version}-{fingerprint(libraries[0])[:8]}" if libraries else version


def fingerprint(path: Path) -> str:
    """Return a hash of a file's size and of blocks spread over it.

    The libraries and atomic data have 50 MB each: hashing all of them would take longer
    than a fit. Versions of them differ all over.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        for i in range(_BLOCKS):
            stream.seek(max(0, (size - _BLOCK) * i // (_BLOCKS - 1)))
            digest.update(stream.read(_BLOCK))
    return digest.hexdigest()
