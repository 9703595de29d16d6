"""Observations from archives into folders."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xsurvey.archives.base import Archive, Product
from xsurvey.archives.download import FileRecord, Progress, download
from xsurvey.archives.integrity import CHECKSUM_FILE, read_checksums
from xsurvey.archives.listing import list_folder
from xsurvey.archives.manifest import Manifest
from xsurvey.archives.parameters import FetchParameters
from xsurvey.archives.web import NotThereError, Web
from xsurvey.archives.workers import in_parallel
from xsurvey.errors import ArchiveError, InputError, OutputError
from xsurvey.io.unpack import is_archive, unpack_archive, unpacked_name

logger = logging.getLogger(__name__)

_CHECKSUM_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class RemoteFile:
    """A file that an archive has.

    Attributes
    ----------
    name : str
        Path below the observation's folder.
    product : str
    url : str
    digests : dict
        Hex digests by algorithm, from a checksum listing of its folder.
    """

    name: str
    product: str
    url: str
    digests: dict[str, str]


@dataclass
class FetchedObservation:
    """What is on disk of an observation after a fetch."""

    what: str
    folder: Path
    files: dict[str, FileRecord]
    products: dict[str, str]
    fetched: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "observation": self.what,
            "folder": str(self.folder),
            "fetched": len(self.fetched),
            "files": [
                {"path": str(self.folder / name), "product": self.products[name], **r.as_json()}
                for name, r in sorted(self.files.items())
            ],
            "notes": self.notes,
        }


def make_web(parameters: FetchParameters) -> Web:
    """Return the way to the network that the parameters ask for."""
    return Web(parameters.timeout, parameters.retries)


def list_observation(
    web: Web, archive: Archive, identifier: str, parameters: FetchParameters
) -> tuple[list[RemoteFile], list[str]]:
    """Return the files of an observation that would be fetched, and notes on what is missing.

    Raises
    ------
    ArchiveError
        The archive does not answer, or has no such observation or no file of a required kind.
    """
    wanted = archive.choose(parameters.product)
    what = f"{archive.name}:{identifier}"
    notes: list[str] = []
    missing: NotThereError | None = None
    for base in archive.addresses(parameters.base_url):
        try:
            files = _list_below(
                web, f"{base}{archive.folder(identifier)}/", archive, identifier, wanted
            )
        except NotThereError as error:
            missing = missing or error
            logger.info("%s: not at %s", what, base)
            continue
        if missing:
            notes.append(f"{what}: is not at {missing.subject}, taken from {base}")
        found = {file.product for file in files}
        for product in wanted:
            if product.name in found:
                continue
            if product.required:
                raise ArchiveError(
                    what, f"its folder has no file of kind {product.name}",
                    f"look at {base}{archive.folder(identifier)}/",
                )  # fmt: skip
            notes.append(f"{what}: the archive has no {product.name} ({product.description})")
        return files, notes
    raise ArchiveError(
        what, f"the archive has no such public observation ({missing})", "check the identifier"
    )


def _list_below(
    web: Web, root: str, archive: Archive, identifier: str, wanted: Sequence[Product]
) -> list[RemoteFile]:
    files: list[RemoteFile] = []
    folders = dict.fromkeys(product.folder for product in wanted)
    absent: NotThereError | None = None
    for folder in folders:
        try:
            place, names, _ = list_folder(web, f"{root}{folder}/" if folder else root)
        except NotThereError as error:
            absent = error
            continue
        digests = _checksums(web, place, names)
        written = archive.file_identifier(identifier)
        for product in (p for p in wanted if p.folder == folder):
            for name in archive.newest([n for n in names if product.matches(n, written)]):
                path = f"{folder}/{name}" if folder else name
                if any(path == file.name for file in files):
                    continue  # of another kind already
                files.append(
                    RemoteFile(path, product.name, f"{place}{name}", digests.get(name, {}))
                )
    if absent and not files:
        raise absent
    return files


def _checksums(web: Web, place: str, names: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name in names:
        if CHECKSUM_FILE.fullmatch(name):
            page = web.read(f"{place}{name}", _CHECKSUM_LIMIT)
            for file, digests in read_checksums(page.data.decode("utf-8", "replace")).items():
                found.setdefault(file, {}).update(digests)
    return found


def fetch_observation(
    web: Web,
    archive: Archive,
    identifier: str,
    output: Path,
    parameters: FetchParameters,
    progress: Progress,
) -> FetchedObservation:
    """Bring an observation's files into ``OUTPUT/MISSION/IDENTIFIER``.

    What a manifest there says was fetched, and is still so on disk, is not fetched again; if
    that is everything, the network is not used.

    Parameters
    ----------
    web : Web
    archive : Archive
    identifier : str
        In its one form.
    output : Path
    parameters : FetchParameters
    progress : Progress

    Raises
    ------
    ArchiveError
        The archive does not answer, or has it not, or damaged.
    OutputError
        The folder cannot be written.
    """
    what = f"{archive.name}:{identifier}"
    folder = output / archive.name / identifier
    manifest = Manifest.read(folder, what)
    wanted = {product.name for product in archive.choose(parameters.product)}
    good = {name for name in manifest.files if manifest.is_good(name)}
    damaged = sorted(n for n in set(manifest.files) - good if manifest.kinds[n] in wanted)
    result = FetchedObservation(what, folder, manifest.files, manifest.kinds)
    if wanted <= manifest.products and not damaged:
        return result
    _check_folder(folder)
    result.notes += [f"{folder / name}: is not as it was fetched, so again" for name in damaged]
    files, notes = list_observation(web, archive, identifier, parameters)
    result.notes += notes
    _make_folder(folder)
    todo = [f for f in files if f.name not in good or manifest.files[f.name].url != f.url]
    jobs = [functools.partial(_fetch_one, web, file, folder, progress) for file in todo]
    for file, record in in_parallel(jobs, parameters.parallel, web.stop):
        manifest.files[file.name], manifest.kinds[file.name] = record, file.product
        result.fetched.append(file.name)
        manifest.write()
    for name in damaged:
        if name not in result.fetched:
            # the archive has replaced it by a file of another name
            del manifest.files[name], manifest.kinds[name]
    manifest.products |= wanted
    manifest.write()
    return result


def _fetch_one(
    web: Web, file: RemoteFile, folder: Path, progress: Progress
) -> tuple[RemoteFile, FileRecord]:
    target = folder / file.name
    record = download(web, file.url, target, progress, file.digests)
    if is_archive(target.name):
        try:
            unpack_archive(target, target.with_name(unpacked_name(target.name)))
        except InputError as error:
            target.unlink()
            raise ArchiveError(file.url, f"{target.name}: {error.cause}", error.remedy) from None
    return file, record


def _check_folder(folder: Path) -> None:
    """Raise before the network is used if the folder could not be made later."""
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(
            folder, f"cannot be made ({there} cannot be written)", "give another folder with -o"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            folder, f"cannot be made ({error.strerror or error})", "give another folder with -o"
        ) from error
