"""How the columns of a table are written in FITS: types, marks of missing values, texts."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Column, MaskedColumn
from astropy.units import UnrecognizedUnit

from xsurvey import __version__
from xsurvey.catalogs.columns import ColumnInfo, parsed_unit
from xsurvey.errors import OutputError, printable

_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
_FITS_CODES = {"u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}
_WIDER = {"b1": "i2", "i1": "i2", "u2": "i4", "u4": "i8", "u8": "i8", "f2": "f4"}
CHECKSUM_REMARK = "checksum of the HDU"


def table_hdus(
    columns: Sequence[fits.Column], infos: Sequence[ColumnInfo], rows: int,
    keywords: Mapping[str, Any],
) -> tuple[fits.PrimaryHDU, fits.BinTableHDU]:  # fmt: skip
    """Return the HDUs of a file with one table, with checksums.

    Parameters
    ----------
    columns : sequence of astropy.io.fits.Column
    infos : sequence of ColumnInfo
        UCD and description of each.
    rows : int
        That the columns have.
    keywords : mapping
        Keyword to value, or to (value, comment).

    Raises
    ------
    ValueError
        A keyword that FITS does not allow.
    """
    extension = fits.BinTableHDU.from_columns(columns, nrows=rows)
    extension.name = "CATALOG"
    for number, info in enumerate(infos, start=1):
        last = f"TUNIT{number}" if f"TUNIT{number}" in extension.header else f"TFORM{number}"
        for key, text in (("TCOMM", info.description), ("TUCD", info.ucd)):
            if text:
                extension.header.set(f"{key}{number}", _ascii(text), after=last)
    _set_keywords(extension.header, keywords)
    primary = fits.PrimaryHDU()
    for hdu in (primary, extension):
        _set_keywords(hdu.header, {"CREATOR": f"xsurvey {__version__}"})
        hdu.header.setdefault("ORIGIN", "xsurvey")
        hdu.add_checksum(when=CHECKSUM_REMARK)
    return primary, extension


def fits_column(column: Column, info: ColumnInfo, path: Path, width: int = 0) -> fits.Column:
    """Return a column of a FITS table.

    Parameters
    ----------
    column : astropy.table.Column
    info : ColumnInfo
        Its name and unit.
    path : path
        The file, for errors.
    width : int, optional
        Characters that a text may have; the longest of the column if not given.

    Raises
    ------
    OutputError
        It holds what FITS cannot.
    """
    data, null = _fits_values(column, path)
    if width and data.dtype.kind == "S":
        data = data.astype(f"S{width}")
    code = _fits_code(data, info.name, path)
    if not info.name.isascii():
        raise OutputError(
            path, f"column name '{info.name}' is not ASCII", "write .parquet or .ecsv"
        )
    return fits.Column(
        name=info.name, format=code, unit=_fits_unit(info.unit), array=data, null=null
    )


def _fits_values(column: Column, path: Path) -> tuple[np.ndarray, int | None]:
    """Return the values as a FITS type, and the number that marks a missing one."""
    data = np.asarray(column)
    mask = np.asarray(column.mask) if isinstance(column, MaskedColumn) else np.False_
    if data.dtype.kind in "US":
        data = np.where(mask, np.zeros((), data.dtype), data)
        try:
            return np.char.encode(data, "ascii") if data.dtype.kind == "U" else data, None
        except UnicodeEncodeError as error:
            raise OutputError(
                path, f"column {column.name} holds text that is not ASCII, which FITS cannot",
                "write .parquet or .ecsv",
            ) from error  # fmt: skip
    missing = bool(np.any(mask))
    kind = data.dtype.str[1:]
    if kind != "b1" or missing:
        data = data.astype(_WIDER.get(kind, kind))
    if not missing:
        return data, None
    if data.dtype.kind == "f":
        return np.where(mask, np.nan, data).astype(data.dtype), None
    null = int(np.iinfo(data.dtype).min)
    return np.where(mask, null, data).astype(data.dtype), null


def _fits_code(data: np.ndarray, name: str, path: Path) -> str:
    if data.dtype.kind == "S":
        code, width = "A", max(data.dtype.itemsize, 1)
    elif data.dtype.kind == "b":
        code, width = "L", 1
    elif data.dtype.str[1:] in _FITS_CODES:
        code, width = _FITS_CODES[data.dtype.str[1:]], 1
    else:
        raise OutputError(
            path, f"column {name} holds values that FITS tables cannot", "leave it out"
        )
    return f"{width * int(np.prod(data.shape[1:]))}{code}"


def _fits_unit(text: str) -> str | None:
    if not text:
        return None
    unit = parsed_unit(text)
    if isinstance(unit, UnrecognizedUnit):
        return _ascii(text)
    try:
        return str(unit.to_string("fits"))
    except ValueError:
        return _ascii(text)


def _set_keywords(header: fits.Header, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if not _KEYWORD.fullmatch(key):
            raise ValueError(f"'{key}' is not a FITS keyword")
        plain, comment = value if isinstance(value, tuple) else (value, None)
        header[key] = (_ascii(plain) if isinstance(plain, str) else plain, comment)


def _ascii(text: str) -> str:
    return printable(text).encode("ascii", "replace").decode()
