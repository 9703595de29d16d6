"""FITS files of strangers: opened with care, their tables read in row chunks.

Headers are read by astropy. Rows are read with plain sequential reads instead of a memory
map, so that the memory used stays the size of one chunk whatever the length of the file,
and a gzipped file is read the same way.
"""

import gzip
import logging
import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyError
from astropy.utils.exceptions import AstropyUserWarning

from xsurvey.errors import InputError, printable

logger = logging.getLogger(__name__)

ROWS_PER_CHUNK = 500_000
_DAMAGED = "fetch or copy it again"

# what astropy raises on headers of which a byte changed: found by changing them all in turn
HEADER_ERRORS = (
    OSError, VerifyError, zlib.error, EOFError, ValueError, LookupError, TypeError, AttributeError,
    ArithmeticError, MemoryError, AssertionError,
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A binary table extension: where its rows are and how they are laid out.

    Attributes
    ----------
    dtype : numpy.dtype
        One row as it lies in the file (big-endian, unscaled).
    scaling : dict
        Column name (lower case) to ``(TSCAL, TZERO)``, only where they do something.
    nulls : dict
        Column name (lower case) to TNULL, the stored value that stands for none.
    """

    path: Path
    index: int
    header: fits.Header
    dtype: np.dtype
    rows: int
    offset: int
    scaling: dict[str, tuple[float, float]]
    nulls: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Column names in lower case; FITS does not tell cases apart."""
        return [name.lower() for name in self.dtype.names or ()]

    def column_number(self, name: str) -> int:
        """Return the 1-based FITS number of a column."""
        return self.names.index(name.lower()) + 1

    def unit(self, name: str) -> str:
        """Return TUNIT of a column, empty where the header has none."""
        return str(self.header.get(f"TUNIT{self.column_number(name)}", "")).strip()

    def values(self, raw: np.ndarray, name: str) -> np.ndarray:
        """Return a column of a raw chunk in native byte order with its scaling applied."""
        field = (self.dtype.names or ())[self.names.index(name.lower())]
        column = raw[field]
        if column.dtype.byteorder == ">":
            column = column.astype(column.dtype.newbyteorder("="))
        if name.lower() in self.scaling:
            scale, zero = self.scaling[name.lower()]
            column = column * scale + zero
        return np.asarray(column)

    def numbers(self, raw: np.ndarray, name: str) -> np.ndarray:
        """Return a column as `values` does, NaN where it holds TNULL."""
        column = self.values(raw, name)
        null = self.nulls.get(name.lower())
        if null is None:
            return column
        stored = raw[(self.dtype.names or ())[self.names.index(name.lower())]]
        return np.where(stored == null, np.nan, column)

    def chunks(self, rows: int = ROWS_PER_CHUNK) -> Iterator[np.ndarray]:
        """Yield the rows as structured arrays of at most ``rows``, in file order.

        Raises
        ------
        InputError
            The file ends early or its compression is damaged.
        """
        with _reading(self.path) as stream:
            stream.seek(self.offset)
            for start in range(0, self.rows, rows):
                count = min(rows, self.rows - start)
                buffer = np.empty(count, dtype=self.dtype)
                if _read_into(stream, buffer) != buffer.nbytes:
                    raise truncated(self.path)
                yield buffer

    def read(self) -> np.ndarray:
        """Return all rows; for small tables such as GTIs."""
        chunks = list(self.chunks())
        return np.concatenate(chunks) if chunks else np.empty(0, dtype=self.dtype)

    def heap(self) -> np.ndarray:
        """Return the bytes that descriptors of variable-length columns point into.

        Raises
        ------
        InputError
            The file ends early, or its header puts the heap where it cannot be.
        """
        length = self.rows * self.dtype.itemsize
        gap = int(self.header.get("THEAP", length)) - length
        size = int(self.header.get("PCOUNT", 0)) - gap
        if gap < 0 or size < 0:
            raise InputError(self.path, "has its heap in a wrong place (THEAP)", _DAMAGED)
        buffer = np.empty(size, dtype=np.uint8)
        with _reading(self.path) as stream:
            stream.seek(self.offset + length + gap)
            if size and _read_into(stream, buffer) != size:
                raise truncated(self.path)
        return buffer


@dataclass(frozen=True)
class FitsFile:
    """The headers of a FITS file and the layout of its tables."""

    path: Path
    headers: tuple[fits.Header, ...]
    tables: tuple[Table, ...]

    @property
    def primary(self) -> fits.Header:
        """Header of the primary HDU."""
        return self.headers[0]

    def find(self, name: str) -> list[Table]:
        """Return the tables whose EXTNAME or HDUNAME is ``name`` or starts with it, any case."""
        wanted = name.upper()
        return [t for t in self.tables if extension_name(t.header).startswith(wanted)]


def extension_name(header: fits.Header) -> str:
    """Return EXTNAME in capitals, empty where there is none."""
    return str(header.get("EXTNAME", "")).strip().upper()


def open_fits(path: str | os.PathLike[str]) -> FitsFile:
    """Read the headers of a FITS file and check that its data are all there.

    Raises
    ------
    InputError
        Missing, a folder, unreadable, empty, not FITS, truncated, or damaged compression.
    """
    path = Path(path)
    check_readable(path)
    try:
        with quietly(), _open_plainly(path) as hdus:
            headers, tables, end = [], [], 0
            for index, hdu in enumerate(hdus):
                if index and hdu.header.cards[0].keyword != "XTENSION":
                    raise InputError(
                        path, f"has no extension where number {index} should begin: a size in "
                        "the headers is wrong", _DAMAGED,
                    )  # fmt: skip
                info = hdu.fileinfo()
                headers.append(_readable(hdu.header, path))
                end = max(end, info["datLoc"] + _data_size(hdu.header))
                if isinstance(hdu, fits.BinTableHDU):
                    tables.append(_table(path, headers[-1], index, hdu, info["datLoc"]))
        if _size_up_to(path, end) < end:
            raise truncated(path)
        if _has_more_extensions(path, end):
            raise InputError(
                path, "has an extension where the sizes in its headers say that nothing is left",
                _DAMAGED,
            )  # fmt: skip
    except HEADER_ERRORS as error:
        raise unreadable(path, error) from error
    return FitsFile(path, tuple(headers), tuple(tables))


def _readable(header: fits.Header, path: Path) -> fits.Header:
    """Return a header without the cards that cannot be parsed, each of which is warned of.

    Astropy parses values when they are asked for, which may be long after the file was opened.
    """
    unreadable_keywords = []
    for card in header.cards:
        try:
            _ = card.value
        except VerifyError:
            logger.warning("%s: header card %s cannot be read", path, printable(card.keyword))
            unreadable_keywords.append(card.keyword)
    kept = header.copy()  # after that, with the values that are parsed by now
    for keyword in unreadable_keywords:
        kept.remove(keyword, ignore_missing=True, remove_all=True)
    return kept


def _open_plainly(path: Path) -> fits.HDUList:
    """Open a file with compressed images seen as the tables that they are stored as."""
    return fits.open(path, memmap=False, disable_image_compression=True)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep astropy's warnings back: what matters in them becomes an error of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        yield


def check_readable(path: Path) -> None:
    """Raise the error that a missing, unreadable or empty file deserves."""
    if not path.exists():
        raise InputError(path, "does not exist", "check the path")
    if path.is_dir():
        raise InputError(path, "is a folder, not a file", "give a file")
    if not os.access(path, os.R_OK):
        raise InputError(path, "cannot be read", "check its permissions")
    if path.stat().st_size == 0:
        raise InputError(path, "is empty", _DAMAGED)


def is_event_file(path: str | os.PathLike[str]) -> bool:
    """Tell an event file from an image.

    Raises
    ------
    InputError
        Not a FITS file, or neither of both.
    """
    file = open_fits(path)
    if file.find("EVENTS") or file.find("STDEVT"):
        return True
    if any(is_image(header) for header in file.headers):
        return False
    raise InputError(path, "holds neither an EVENTS table nor an image", "give one of them")


def is_image(header: fits.Header) -> bool:
    """Tell the header of an image from that of a table."""
    if header.get("ZIMAGE"):
        return int(header.get("ZNAXIS", 0)) >= 2
    return bool(header.get("NAXIS", 0) >= 2 and header.get("XTENSION", "IMAGE").strip() == "IMAGE")


def truncated(path: Path) -> InputError:
    """Return the error for a file that ends before its data do."""
    return InputError(path, "is truncated: it ends before its data do", _DAMAGED)


def unreadable(path: Path, error: BaseException) -> InputError:
    """Return the error of a file that astropy could not make sense of."""
    if isinstance(error, InputError):
        return error
    text = str(error)
    gzipped = _is_gzip(path)
    if isinstance(error, EOFError) or (gzipped and "end-of-stream" in text):
        return InputError(path, "is truncated: its gzip stream has no end", _DAMAGED)
    if isinstance(error, (zlib.error, gzip.BadGzipFile)):
        return InputError(path, "has a damaged gzip stream", _DAMAGED)
    if "truncated" in text.lower():
        return truncated(path)
    damage = _damage_of_gzip(path) if gzipped else None
    if damage is not None:
        return unreadable(path, damage)
    return InputError(path, "is not a FITS file, or its header is damaged", "give a FITS file")


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _damage_of_gzip(path: Path) -> Exception | None:
    """Return what reading a gzipped file to its end raises: astropy gives other reasons."""
    try:
        with gzip.open(path, "rb") as stream:
            while stream.read(1 << 20):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return error
    return None


def _reading(path: Path) -> IO[bytes] | gzip.GzipFile:
    if _is_gzip(path):
        return gzip.open(path, "rb")
    return path.open("rb", buffering=0)


def _read_into(stream: Any, buffer: np.ndarray) -> int:
    view = memoryview(buffer.view(np.uint8).reshape(-1).data)
    done = 0
    try:
        while done < len(view):
            count = stream.readinto(view[done:])
            if not count:
                break
            done += count
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise unreadable(Path(stream.name), error) from error
    return done


def _size_up_to(path: Path, end: int) -> int:
    if not _is_gzip(path):
        return path.stat().st_size
    with gzip.open(path, "rb") as stream:
        stream.seek(end)
        position = stream.tell()
        while stream.read(1 << 20):  # to its end, so that the checksum is verified
            pass
        return position


def _has_more_extensions(path: Path, end: int) -> bool:
    """Look for headers past the end, which a damaged size keyword leaves behind."""
    if _is_gzip(path):
        return False
    block = 2880
    with path.open("rb") as stream:
        stream.seek(-(-end // block) * block)
        while part := stream.read(block):
            if part.startswith(b"XTENSION="):
                return True
    return False


def _data_size(header: fits.Header) -> int:
    axes = [int(header[f"NAXIS{i + 1}"]) for i in range(int(header["NAXIS"]))]
    if not axes:
        return 0
    elements = int(np.prod(axes, dtype=np.int64))
    groups = int(header.get("GCOUNT", 1))
    return abs(int(header["BITPIX"])) // 8 * groups * (int(header.get("PCOUNT", 0)) + elements)


def _table(
    path: Path, header: fits.Header, index: int, hdu: fits.BinTableHDU, offset: int
) -> Table:
    columns = hdu.columns
    dtype = columns.dtype.newbyteorder(">")
    if dtype.itemsize != int(hdu.header["NAXIS1"]):
        raise ValueError("row layout does not match NAXIS1")
    if int(hdu.header["NAXIS2"]) < 0:
        raise ValueError("negative number of rows")
    scaling, nulls = {}, {}
    for column in columns:
        if isinstance(column.null, int):
            nulls[column.name.lower()] = column.null
        scale = 1.0 if column.bscale in (None, "") else float(column.bscale)
        zero = 0.0 if column.bzero in (None, "") else float(column.bzero)
        if (scale, zero) != (1.0, 0.0):
            scaling[column.name.lower()] = (scale, zero)
    return Table(path, index, header, dtype, int(hdu.header["NAXIS2"]), offset, scaling, nulls)
