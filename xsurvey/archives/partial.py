"""The part of a file that has come so far, and what is needed to go on with it.

Beside ``NAME.part`` lies ``NAME.part.json`` with the address, the announced size and the
validators (ETag, Last-Modified; RFC 9110, 8.8) of what the part is a part of. A part is only
continued from a server that confirms that the file is still the same.
"""

from __future__ import annotations

import email.utils
import errno
import fcntl
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

from xsurvey.archives.integrity import digests_of_headers
from xsurvey.archives.web import check_address
from xsurvey.errors import OutputError, ParameterError

logger = logging.getLogger(__name__)

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_MARGIN = 16 * 1024 * 1024  # bytes of the disk that a download leaves free


class _State(TypedDict):
    url: str
    size: int | None
    etag: str | None
    modified: str | None
    validator: str | None
    digests: dict[str, str]


class PartialFile:
    """A file that is being fetched; made by `partial_file`.

    Attributes
    ----------
    path : Path
        The part.
    length : int
        Bytes that it has.
    """

    def __init__(self, target: Path, stream: BinaryIO) -> None:
        self.target = target
        self.path = _part(target)
        self._stream = stream
        self._state: _State | None = _read_state(target)
        self.length = stream.seek(0, os.SEEK_END)

    @property
    def size(self) -> int | None:
        """Bytes of the whole file, as far as they are known."""
        return self._state["size"] if self._state else None

    @property
    def digests(self) -> dict[str, str]:
        """Hex digests of the whole file that headers promised."""
        return dict(self._state["digests"]) if self._state else {}

    @property
    def validators(self) -> tuple[str | None, str | None]:
        """ETag and Last-Modified of the file."""
        return (self._state["etag"], self._state["modified"]) if self._state else (None, None)

    @property
    def whole(self) -> bool:
        """Whether all announced bytes are there."""
        return self.size is not None and self.length == self.size

    def headers(self, url: str) -> dict[str, str]:
        """Return the headers that ask for the rest; without a safe way to, the part is dropped."""
        state = self._state
        usable = state is not None and state["url"] == url and state["validator"] is not None
        if state is None or not usable or not self.length:
            self.restart()
            return {}
        if self.size is not None and self.length > self.size:
            self.restart()
            return {}
        return {"Range": f"bytes={self.length}-", "If-Range": str(state["validator"])}

    def continues(self, headers: Mapping[str, str]) -> bool:
        """Tell whether a partial response is the rest of this very file.

        Some servers ignore If-Range, so everything that the response tells is compared.
        """
        match = _RANGE.fullmatch((headers.get("Content-Range") or "").strip())
        if not match or self._state is None or int(match[1]) != self.length:
            return False
        if match[3] != "*" and self.size is not None and int(match[3]) != self.size:
            return False
        for name, known in (("ETag", self._state["etag"]),
                            ("Last-Modified", self._state["modified"])):  # fmt: skip
            if known is not None and headers.get(name) not in (None, known):
                return False
        if self.size is None and match[3] != "*":
            self._state["size"] = int(match[3])
            self._write_state()
        return True

    def begin(self, url: str, headers: Mapping[str, str]) -> None:
        """Start from the first byte with a full response."""
        self.restart()
        text = headers.get("Content-Length")
        self._state = {
            "url": url, "size": int(text) if text and text.isdigit() else None,
            "etag": headers.get("ETag"), "modified": headers.get("Last-Modified"),
            "validator": _validator(headers), "digests": digests_of_headers(headers),
        }  # fmt: skip
        self._write_state()

    def restart(self) -> None:
        """Forget all that came."""
        with _writing(self.target):
            self._stream.truncate(0)
            self._stream.seek(0)
            _state_file(self.target).unlink(missing_ok=True)
        self._state, self.length = None, 0

    def check_space(self) -> None:
        """Raise if the disk cannot hold the rest, or nothing more where that is unknown.

        Raises
        ------
        OutputError
            Too little is free.
        """
        missing = max(0, (self.size or 0) - self.length)
        free = shutil.disk_usage(self.target.parent).free
        if missing + _MARGIN > free:
            raise OutputError(
                self.target, f"needs {missing / 1e6:.1f} MB, the disk has {free / 1e6:.1f} MB",
                "make room or write elsewhere with -o; what came is kept",
            )  # fmt: skip

    def write(self, data: bytes) -> None:
        """Append bytes; they are with the operating system on return."""
        rest = memoryview(data)
        while rest:  # an unbuffered write may take less than it is given
            with _writing(self.target):
                taken = self._stream.write(rest)
            rest = rest[taken:]
            self.length += taken

    def finish(self) -> None:
        """Put the file in its place."""
        with _writing(self.target):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            os.replace(self.path, self.target)
            _state_file(self.target).unlink(missing_ok=True)

    def _write_state(self) -> None:
        with _writing(self.target):
            _state_file(self.target).write_text(json.dumps(self._state), encoding="utf-8")


@contextmanager
def partial_file(target: Path) -> Iterator[PartialFile]:
    """Open the part of ``target``, for this process alone.

    Raises
    ------
    OutputError
        The folder cannot be written, or another process is fetching the same file.
    """
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # unbuffered: an interrupted download must keep all that came
        stream = open(_part(target), "ab", buffering=0)  # noqa: SIM115 - closed below
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            stream.close()
            raise OutputError(
                target, "is being fetched by another process", "wait for that one"
            ) from None
        # some network file systems have no locks; two fetches into one folder are rare
        logger.info("%s: cannot be locked (%s)", target, error.strerror)
    try:
        partial = PartialFile(target, stream)
        yield partial
    finally:
        if _part(target).exists() and not stream.seek(0, os.SEEK_END):
            _part(target).unlink()
            _state_file(target).unlink(missing_ok=True)
        stream.close()


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _state_file(target: Path) -> Path:
    return target.with_name(target.name + ".part.json")


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "make room and run again; what came is kept" if full else "check the folder, or give -o"
        )
        raise OutputError(
            target, f"cannot be written ({error.strerror or error})", remedy
        ) from error


def _validator(headers: Mapping[str, str]) -> str | None:
    """Return what If-Range may carry: a strong ETag, or a date that is surely strong.

    A date within a second of the response's own is weak (RFC 9110, 8.8.2.2): the file may
    have changed twice in it.
    """
    etag = headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    modified, date = headers.get("Last-Modified"), headers.get("Date")
    try:
        age = email.utils.parsedate_to_datetime(date or "") - email.utils.parsedate_to_datetime(
            modified or ""
        )
    except (TypeError, ValueError):
        return None
    return modified if age.total_seconds() > 1 else None


def _read_state(target: Path) -> _State | None:
    """Return what is known of the part, None if nothing or not all of it can be used."""
    try:
        text = _state_file(target).read_text(encoding="utf-8")
        values: Any = json.loads(text)
    except (OSError, ValueError):
        return None
    texts = ("etag", "modified", "validator")
    if not isinstance(values, dict) or values.keys() != _State.__annotations__.keys():
        return None
    good = all(isinstance(values[name], str | None) for name in texts)
    good = good and isinstance(values["size"], int | None) and isinstance(values["digests"], dict)
    try:
        check_address(str(values["url"]))
    except ParameterError:
        return None
    return _State(**values) if good else None  # type: ignore[typeddict-item]
