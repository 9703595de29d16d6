"""One file from an archive: resumed, verified, and in its place only when it is whole."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from xsurvey.archives.integrity import DamagedError, verify
from xsurvey.archives.partial import PartialFile, partial_file
from xsurvey.archives.web import Transient, Web
from xsurvey.errors import ArchiveError

_TRIALS = 2  # a damaged file is fetched once more, from its first byte


class Progress(Protocol):
    """What downloads tell of their progress, from several threads."""

    def start(self, name: str, size: int | None, had: int) -> None:
        """Begin a file: its bytes if known, and how many are here already."""

    def advance(self, name: str, size: int) -> None:
        """Tell of more bytes."""

    def end(self, name: str) -> None:
        """End a file, which is whole."""


@dataclass(frozen=True)
class FileRecord:
    """What the manifest keeps of a file."""

    url: str
    size: int
    sha256: str
    date: str
    etag: str | None
    last_modified: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def download(
    web: Web, url: str, target: Path, progress: Progress, digests: Mapping[str, str] | None = None
) -> FileRecord:
    """Fetch a file into its place.

    Parameters
    ----------
    web : Web
    url : str
    target : Path
        Where it will be. Until it is whole and verified it is ``NAME.part``.
    progress : Progress
    digests : mapping, optional
        Hex digests by algorithm, from the archive's checksum listings.

    Returns
    -------
    FileRecord

    Raises
    ------
    ArchiveError
        It cannot be had, or is damaged at the archive.
    OutputError
        It cannot be written.
    Stopped
        An end was asked for; the part is kept.
    """
    with partial_file(target) as part:
        for trial in range(1, _TRIALS + 1):
            # a part that was whole when an earlier fetch ended only needs to be verified
            if not (part.whole and part.headers(url)):
                web.retrying(url, lambda: _attempt(web, url, part, progress), lambda: part.length)
            try:
                sha256 = verify(
                    part.path, target.name, part.size, {**part.digests, **(digests or {})}
                )
                break
            except DamagedError as error:
                cause = str(error)
            part.restart()
            if trial == _TRIALS:
                raise ArchiveError(url, cause, "nothing of it is kept; try again later")
        size, (etag, modified) = part.length, part.validators
        part.finish()
    progress.end(target.name)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return FileRecord(url, size, sha256, now, etag, modified)


def _attempt(web: Web, url: str, part: PartialFile, progress: Progress) -> None:
    asked = part.headers(url)
    with web.open(url, asked, accept=(416,)) as response:
        if response.status == 416 or (
            response.status == 206 and not (asked and part.continues(response.headers))
        ):
            part.restart()
            raise Transient("the file changed at the archive", wait=0.0)
        if response.status != 206:  # the whole file, also from servers that know no ranges
            _refuse_encoded(url, response.headers)
            part.begin(url, response.headers)
        part.check_space()
        progress.start(part.target.name, part.size, part.length)
        for chunk in web.chunks(response, url):
            if part.size is None:  # a body without an end must not fill the disk
                part.check_space()
            part.write(chunk)
            progress.advance(part.target.name, len(chunk))
    if part.size is not None and part.length != part.size:
        raise Transient(f"the connection ended after {part.length} of {part.size} bytes")


def _refuse_encoded(url: str, headers: Mapping[str, str]) -> None:
    # servers often label .gz files as encoded; those bytes are the file
    encoding = (headers.get("Content-Encoding") or "identity").lower()
    if encoding != "identity" and not url.endswith(".gz"):
        raise ArchiveError(
            url, f"comes encoded as {encoding} though that was not asked for",
            "give a mirror with --base-url",
        )  # fmt: skip


class NoProgress:
    """Tells nobody."""

    def start(self, name: str, size: int | None, had: int) -> None:
        """Nothing."""

    def advance(self, name: str, size: int) -> None:
        """Nothing."""

    def end(self, name: str) -> None:
        """Nothing."""


class CountedProgress(NoProgress):
    """Counts the bytes that came over the network."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._lock = threading.Lock()
        self.bytes = 0

    def start(self, name: str, size: int | None, had: int) -> None:
        """Pass on."""
        self._shown.start(name, size, had)

    def advance(self, name: str, size: int) -> None:
        """Count and pass on."""
        with self._lock:
            self.bytes += size
        self._shown.advance(name, size)

    def end(self, name: str) -> None:
        """Pass on."""
        self._shown.end(name)
