"""Where AtomDB's files are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from xsurvey.errors import InputError, MissingDataError
from xsurvey.io.datasets import DATASETS
from xsurvey.spectra.models.installation import installation
from xsurvey.spectra.models.settings import ModelSettings

_KINDS = ("line", "coco")
DATASET = "atomdb"


def find_atomdb(settings: ModelSettings) -> Path:
    """Return the prefix of AtomDB's files, such as ``FOLDER/apec_v3.0.9``.

    Looked for in the settings' own folder and nowhere else if one is given; otherwise in
    ``$ATOMDB``, HEASoft's ``modelData`` and the installed data set.

    Raises
    ------
    InputError
        The given folder does not have them.
    MissingDataError
        They are nowhere; the message says how to install them.
    """
    name = f"apec_v{settings.atomdb}"
    if settings.atomdb_folder is not None:
        folder = Path(settings.atomdb_folder).expanduser()
        if not _has(folder, name):
            raise InputError(
                folder, f"has no {name}_line.fits and {name}_coco.fits",
                "give the folder where they are, or run `xsurvey data install atomdb`",
            )  # fmt: skip
        return folder / name
    for folder in _folders():
        if _has(folder, name):
            return folder / name
    data = DATASETS[DATASET]
    if settings.atomdb != data.version:
        raise MissingDataError(
            f"AtomDB {settings.atomdb}", f"{name}_line.fits and _coco.fits were not found",
            f"set ATOMDB to their folder, or use {data.version}",
        )  # fmt: skip
    raise MissingDataError(
        f"AtomDB {settings.atomdb}", "is not installed", f"run `xsurvey data install {DATASET}`"
    )


def atomdb_files(prefix: Path) -> tuple[Path, Path]:
    """Return the files of lines and of continua with a prefix."""
    line, coco = (prefix.with_name(f"{prefix.name}_{kind}.fits") for kind in _KINDS)
    return line, coco


def _folders() -> Iterator[Path]:
    if os.environ.get("ATOMDB"):
        yield Path(os.environ["ATOMDB"])
    yield installation().spectral / "modelData"
    yield DATASETS[DATASET].folder


def _has(folder: Path, name: str) -> bool:
    return all(path.is_file() for path in atomdb_files(folder / name))
