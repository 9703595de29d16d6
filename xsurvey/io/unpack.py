"""Strangers' tar and zip files, unpacked inside their folder or not at all."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from xsurvey.errors import InputError, OutputError
from xsurvey.io.atomic import atomic_output

_SUFFIX = re.compile(r"\.(tar|tar\.gz|tgz|tar\.bz2|tar\.xz|zip)$", re.IGNORECASE)
_MAX_BYTES = 50 * 1024**3
_MAX_MEMBERS = 100_000
_MAX_RATIO, _RATIO_FROM = 200, 64 * 1024**2  # photon lists shrink by ten, never by hundreds
_MAX_HEADER = 1024 * 1024  # bytes read at once; longer names or attributes are an attack
_BLOCK = 256 * 1024
_PACKED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError,
    struct.error, ValueError, LookupError, OverflowError, NotImplementedError, RuntimeError,
)  # fmt: skip
_REMEDY = "do not use this archive; nothing of it is kept"


@dataclass(frozen=True)
class _Member:
    """A file, folder or symbolic link of an archive.

    ``link`` is a symbolic link's target, or the file that a hard link repeats.
    """

    name: str
    kind: str
    link: str = ""
    open: Callable[[], IO[bytes]] | None = None


def is_archive(name: str) -> bool:
    """Tell by its name whether a file is a tar or zip archive."""
    return _SUFFIX.search(name) is not None


def unpacked_name(name: str) -> str:
    """Return the name without the archive's suffix.

    Examples
    --------
    >>> unpacked_name("products.tar.gz")
    'products'
    """
    return _SUFFIX.sub("", name) or "unpacked"


def unpack_archive(
    path: str | os.PathLike[str], folder: str | os.PathLike[str], max_bytes: int = _MAX_BYTES
) -> list[Path]:
    """Unpack a tar (plain, gz, bz2, xz) or zip file into a new folder.

    Regular files, folders, and links that stay inside are made; permissions are the user's
    usual ones. Folder and content appear at once, when all is good.

    Parameters
    ----------
    path : path
        The archive.
    folder : path
        Where its members go; does not exist yet, or is empty.
    max_bytes : int
        Most bytes that the members may have together.

    Returns
    -------
    list of Path
        The files, sorted.

    Raises
    ------
    InputError
        It is damaged or no archive, a member would leave the folder (absolute, ``..``, a link
        that points outside), is there twice, is a device, or it unpacks to too much. The
        member is named and nothing is left.
    OutputError
        The folder is not empty, cannot be written, or the disk is too small.
    """
    source, target = Path(path), Path(folder)
    if target.is_symlink() or (target.exists() and not _is_empty_folder(target)):
        raise OutputError(target, "exists already", "move it away or give another folder")
    if not source.is_file():
        raise InputError(source, "does not exist", "check the path")
    with atomic_output(target) as temporary:
        temporary.mkdir()
        budget = _Budget(source, min(max_bytes, shutil.disk_usage(temporary).free))
        with ExitStack() as stack:
            try:
                members = _zip_members if zipfile.is_zipfile(source) else _tar_members
                tree = _Tree(source, temporary)
                for member in members(source, budget, stack):
                    budget.member(member.name)
                    tree.add(member, budget)
                tree.make_links()
            except _DAMAGED as error:
                raise InputError(
                    source, f"is damaged or not an archive ({error})", "fetch it again"
                ) from None
    return sorted(p for p in target.rglob("*") if p.is_file() and not p.is_symlink())


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


class _Budget:
    """How much an archive may still unpack to."""

    def __init__(self, source: Path, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._packed = max(source.stat().st_size, 1)
        self._bytes = 0
        self._members = 0

    def member(self, name: str) -> None:
        """Count a member."""
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise _refused(self._source, name, f"is one of more than {_MAX_MEMBERS} members")

    def spend(self, name: str, size: int) -> None:
        """Count bytes of its content."""
        self._bytes += size
        self.check(name, self._bytes)

    def check(self, name: str, total: int) -> None:
        """Raise if so many bytes are too many."""
        bomb = total > _RATIO_FROM and total > _MAX_RATIO * self._packed
        if bomb or total > self._limit:
            cause = f"unpacks to more than {total // 10**6} MB, which is too much"
            raise _refused(self._source, name, cause)


def _refused(source: Path, name: str, cause: str) -> InputError:
    return InputError(source, f"member '{name[:200]}' {cause}", _REMEDY)


class _Tree:
    """What has been made of an archive so far, and what each path is."""

    def __init__(self, source: Path, root: Path) -> None:
        self._source = source
        self._root = root
        self._taken: dict[Path, str] = {root: "folder"}
        self._links: list[tuple[Path, _Member]] = []

    def add(self, member: _Member, budget: _Budget) -> None:
        """Make a file or folder; links wait, so that nothing is written through one."""
        place = self._claim(member)
        if member.kind == "folder":
            place.mkdir(parents=True, exist_ok=True)
        elif member.kind == "link":
            self._links.append((place, member))
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            with self._content(member) as content, place.open("xb") as output:
                while block := content.read(_BLOCK):
                    budget.spend(member.name, len(block))
                    output.write(block)

    def make_links(self) -> None:
        """Make the symbolic links, then judge them together: one may lead through another."""
        for place, member in self._links:
            if not member.link or "\0" in member.link or len(os.fsencode(member.link)) > 1000:
                raise _refused(self._source, member.name, "is a link to nothing that can be")
            if PurePosixPath(member.link).is_absolute():
                raise _refused(self._source, member.name, "is a link to an absolute path")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(member.link)
        for place, member in self._links:
            root = self._root.resolve()
            resolved = Path(os.path.realpath(place))
            if resolved != root and root not in resolved.parents:
                cause = f"is a link out of its folder ({member.link[:80]})"
                raise _refused(self._source, member.name, cause)
            if _leads_to_itself(place):
                raise _refused(self._source, member.name, "is a link that leads to itself")

    def _claim(self, member: _Member) -> Path:
        place = self._root / _inside(self._source, member.name)
        if self._taken.get(place, member.kind) != "folder" and place in self._taken:
            raise _refused(self._source, member.name, "is there twice")
        if place in self._taken and member.kind != "folder":
            raise _refused(self._source, member.name, "is there twice")
        for parent in place.parents:
            if parent == self._root or self._root not in parent.parents:
                break
            if self._taken.setdefault(parent, "folder") != "folder":
                raise _refused(self._source, member.name, "is inside something that is no folder")
        self._taken[place] = member.kind
        return place

    def _content(self, member: _Member) -> IO[bytes]:
        if member.open is not None:
            return member.open()
        # a hard link: the same content again, of a file that came before
        linked = self._root / _inside(self._source, member.link)
        if self._taken.get(linked) != "file" or not linked.is_file():
            raise _refused(self._source, member.name, "is a link to no file before it")
        return linked.open("rb")


def _leads_to_itself(link: Path) -> bool:
    try:
        link.stat()
    except OSError as error:  # a link to nothing is harmless, one in a circle traps who follows
        return error.errno == errno.ELOOP
    return False


def _inside(source: Path, name: str) -> Path:
    """Return a member's path below the folder."""
    parts = PurePosixPath(name).parts
    if not name or PurePosixPath(name).is_absolute() or "\\" in name or re.match("[A-Za-z]:", name):
        raise _refused(source, name, "has an absolute path")
    if ".." in parts:
        raise _refused(source, name, "leaves its folder")
    if not name.isprintable() or any(len(os.fsencode(part)) > 255 for part in parts):
        raise _refused(source, name, "has a name that cannot be used")
    return Path(*parts)


class _Bounded(io.RawIOBase):
    """The unpacked bytes of a tar file, refused in great pieces and beyond the budget.

    tarfile reads headers of any length into memory at once.
    """

    def __init__(self, source: Path, stream: IO[bytes], budget: _Budget) -> None:
        self._source = source
        self._stream = stream
        self._budget = budget

    def read(self, size: int | None = -1) -> bytes:
        """Read a piece."""
        if size is None or not 0 <= size <= _MAX_HEADER:
            raise _refused(self._source, "(header)", "is too long")
        return self._read(size)

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise InputError(self._source, f"is damaged ({error})", "fetch it again") from None
        self._budget.check("(whole)", self._stream.tell())
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move, by reading where the file is compressed."""
        if whence != 0:
            raise _refused(self._source, "(header)", "cannot be read in order")
        while self._stream.tell() < offset:
            if not self._read(min(_BLOCK, offset - self._stream.tell())):
                break
        return self._stream.seek(offset) if self._stream.tell() > offset else self._stream.tell()

    def tell(self) -> int:
        """Return the place."""
        return self._stream.tell()


def _tar_members(source: Path, budget: _Budget, stack: ExitStack) -> Iterator[_Member]:
    with source.open("rb") as plain:
        start = plain.read(6)
    opened = next((how for magic, how in _PACKED.items() if start.startswith(magic)), open)
    raw = stack.enter_context(opened(source, "rb"))
    bounded: Any = _Bounded(source, raw, budget)
    tar = stack.enter_context(tarfile.open(fileobj=bounded, mode="r:"))  # noqa: SIM115
    for info in tar:
        if info.isdir():
            yield _Member(info.name, "folder")
        elif info.issym():
            yield _Member(info.name, "link", info.linkname)
        elif info.islnk():
            yield _Member(info.name, "file", info.linkname)
        elif info.isreg():
            yield _Member(info.name, "file", open=_opener(source, tar, info))
        else:
            raise _refused(source, info.name, "is a device or a pipe")


def _opener(source: Path, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def open_member() -> IO[bytes]:
        content = tar.extractfile(info)
        if content is None:
            raise _refused(source, info.name, "has no content")
        return content

    return open_member


def _zip_members(source: Path, budget: _Budget, stack: ExitStack) -> Iterator[_Member]:
    archive = stack.enter_context(zipfile.ZipFile(source))
    for info in archive.infolist():
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        if info.flag_bits & 1:
            raise _refused(source, info.filename, "is encrypted")
        if info.is_dir():
            yield _Member(info.filename.rstrip("/") or info.filename, "folder")
        elif kind == stat.S_IFLNK:
            with archive.open(info) as content:
                link = content.read(_BLOCK).decode("utf-8", "surrogateescape")
            yield _Member(info.filename, "link", link)
        elif kind in (0, stat.S_IFREG):
            yield _Member(info.filename, "file", open=lambda i=info: archive.open(i))  # type: ignore[misc]
        else:
            raise _refused(source, info.filename, "is a device or a pipe")
