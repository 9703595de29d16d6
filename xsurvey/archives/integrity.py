"""Whether a file is what the archive has: sizes, digests of headers and listings, gzip, FITS."""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

_BLOCK = 1024 * 1024
_LINE = re.compile(
    r"(?P<digest>[0-9a-fA-F]{32,128})[ \t]+\*?(?:\./)?(?P<name>\S+)"
    r"|(?P<algorithm>MD5|SHA1|SHA256|SHA512) ?\((?P<bsd_name>[^)]+)\) ?= ?(?P<bsd>[0-9a-fA-F]+)"
)
_LENGTHS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_HEADER_NAMES = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
CHECKSUM_FILE = re.compile(
    r"(md5|sha1|sha256|sha512)(sums?)?(\.txt)?|checksums?\.(md5|sha1|sha256|sha512|txt)",
    re.IGNORECASE,
)
"""Names under which archives keep the checksums of a folder."""


class DamagedError(Exception):
    """A file is not whole or not the right one; the message says why."""


def digests_of_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the hex digests of the whole file that a full response's headers promise.

    Content-MD5 (RFC 1864), Digest (RFC 3230), Repr-Digest and Content-Digest (RFC 9530);
    what cannot be read, and unknown algorithms, are left out.
    """
    found: dict[str, str] = {}
    _note(found, "md5", headers.get("Content-MD5"))
    for name in ("Digest", "Repr-Digest", "Content-Digest"):
        for part in (headers.get(name) or "").split(","):
            algorithm, _, value = part.strip().partition("=")
            known = _HEADER_NAMES.get(algorithm.strip().lower())
            if known:
                _note(found, known, value.strip().strip(":"))
    return found


def _note(found: dict[str, str], algorithm: str, text: str | None) -> None:
    try:
        raw = base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        return
    if len(raw) == hashlib.new(algorithm, usedforsecurity=False).digest_size:
        found[algorithm] = raw.hex()


def read_checksums(text: str) -> dict[str, dict[str, str]]:
    """Return the digests of a checksum listing, by file name and algorithm.

    Both layouts are read: ``DIGEST  NAME`` (md5sum) and ``MD5 (NAME) = DIGEST`` (BSD).

    Examples
    --------
    >>> read_checksums("d41d8cd98f00b204e9800998ecf8427e  a.fits")
    {'a.fits': {'md5': 'd41d8cd98f00b204e9800998ecf8427e'}}
    """
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if not match:
            continue
        digest = (match["digest"] or match["bsd"]).lower()
        algorithm = _LENGTHS.get(len(digest))
        if algorithm and match["algorithm"] in (None, algorithm.upper()):
            found.setdefault(match["name"] or match["bsd_name"], {})[algorithm] = digest
    return found


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(path: Path, name: str, size: int | None, digests: Mapping[str, str]) -> str:
    """Check a file as far as anything is known of it.

    Parameters
    ----------
    path : Path
        Where it is now.
    name : str
        What it will be called; the suffix says what must be in it.
    size : int or None
        Bytes that the archive announced.
    digests : mapping
        Hex digests by algorithm.

    Returns
    -------
    str
        Its SHA-256.

    Raises
    ------
    DamagedError
        Something does not agree.
    """
    length = path.stat().st_size
    if size is not None and length != size:
        raise DamagedError(f"has {length} bytes, the archive says {size}")
    hashes = {a: hashlib.new(a, usedforsecurity=False) for a in {*digests, "sha256"}}
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            for known in hashes.values():
                known.update(block)
    for algorithm, expected in digests.items():
        if hashes[algorithm].hexdigest() != expected.lower():
            raise DamagedError(f"its {algorithm} checksum is not the archive's")
    _check_content(path, name)
    return hashes["sha256"].hexdigest()


def _check_content(path: Path, name: str) -> None:
    """Read a gzip file to its end, and look at the first card of a FITS file.

    A login page sent in place of a file has status 200 and a right Content-Length.
    """
    zipped = name.endswith(".gz")
    start = b""
    try:
        with gzip.open(path, "rb") if zipped else path.open("rb") as stream:
            start = stream.read(9)
            while zipped and stream.read(_BLOCK):
                pass
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedError(f"is not a whole gzip file ({error})") from None
    if name.removesuffix(".gz").endswith(".fits") and start != b"SIMPLE  =":
        raise DamagedError("is not a FITS file")
