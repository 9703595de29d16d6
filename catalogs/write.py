"""Catalogs as files: FITS tables with units and UCDs, and every format of an export."""

import csv
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table
from astropy.units import UnrecognizedUnit

from xsurvey import __version__
from xsurvey.catalogs.columns import ColumnInfo, column_infos, header_of, parsed_unit, to_arrow
from xsurvey.catalogs.hats_layout import write_hats
from xsurvey.errors import OutputError, printable
from xsurvey.io.atomic import atomic_output

__all__ = ["write_fits", "write_hats", "write_table"]

_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
_FITS_CODES = {"u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}
_WIDER = {"b1": "i2", "i1": "i2", "u2": "i4", "u4": "i8", "u8": "i8", "f2": "f4"}


def write_fits(
    table: Table, path: str | os.PathLike[str], header: Mapping[str, Any] | None = None
) -> None:
    """Write a table as the first extension of a FITS file.

    Units go to TUNITn, UCDs to TUCDn and descriptions to TCOMMn, where TOPCAT reads them;
    missing whole numbers are marked by TNULLn. The same table gives the same bytes: there is
    no date in the file.

    Parameters
    ----------
    table : astropy.table.Table
        UCDs are taken from ``column.meta['ucd']``, keywords also from ``table.meta``.
    path : path
        Replaced if it exists.
    header : mapping, optional
        Provenance: keyword of at most eight characters to value, or to (value, comment).

    Raises
    ------
    OutputError
        The file cannot be written, or a column holds what FITS cannot (text that is not
        ASCII, vectors of different lengths).
    ValueError
        A keyword that FITS does not allow.
    """
    infos = column_infos(table)
    columns = [_fits_column(table[info.name], info, Path(path)) for info in infos]
    extension = fits.BinTableHDU.from_columns(columns, nrows=len(table))
    extension.name = "CATALOG"
    for number, info in enumerate(infos, start=1):
        last = f"TUNIT{number}" if f"TUNIT{number}" in extension.header else f"TFORM{number}"
        for key, text in (("TCOMM", info.description), ("TUCD", info.ucd)):
            if text:
                extension.header.set(f"{key}{number}", _ascii(text), after=last)
    _set_keywords(extension.header, {**header_of(table), **(header or {})})
    primary = fits.PrimaryHDU()
    for hdu in (primary, extension):
        _set_keywords(hdu.header, {"CREATOR": f"xsurvey {__version__}"})
        hdu.header.setdefault("ORIGIN", "xsurvey")
        hdu.add_checksum(when="checksum of the HDU")
    with atomic_output(path) as temporary:
        fits.HDUList([primary, extension]).writeto(temporary)


def write_table(
    table: Table,
    path: str | os.PathLike[str],
    position: tuple[str, str] | None = None,
) -> None:
    """Write a table in the format that the suffix names.

    ``.fits``, ``.csv`` (no units), ``.ecsv``, ``.parquet``, or ``.hats`` (a folder that LSDB
    reads, and which needs to know the ``position`` columns).

    Raises
    ------
    OutputError
        An unknown suffix, a table that the format cannot hold, or no place to write.
    """
    path = Path(path)
    writer = _writer(path)
    if writer is write_hats:
        write_hats(table, path, path.stem, position=position or ("ra", "dec"))
    else:
        writer(table, path)


def check_format(path: str | os.PathLike[str]) -> None:
    """Raise the error of `write_table` for an unknown suffix before any work is done."""
    _writer(Path(path))


def _writer(path: Path) -> Callable[..., None]:
    writers: dict[str, Callable[..., None]] = {
        ".fits": write_fits,
        ".fit": write_fits,
        ".csv": _write_csv,
        ".ecsv": _write_ecsv,
        ".parquet": _write_parquet,
        ".hats": write_hats,
    }
    suffix = path.suffix.lower()
    if suffix not in writers:
        cause = f"'{suffix}' is not a catalog format" if suffix else "has no suffix"
        raise OutputError(path, cause, "end it in .fits, .csv, .ecsv, .parquet or .hats")
    return writers[suffix]


def _write_csv(table: Table, path: Path) -> None:
    arrow = to_arrow(table)
    for name, kind in zip(arrow.column_names, arrow.schema.types, strict=True):
        if pa.types.is_nested(kind):
            raise OutputError(
                path, f"column {name} holds vectors, which CSV cannot", "write .ecsv or .fits"
            )
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    with atomic_output(path) as temporary, temporary.open("wb") as stream:
        stream.write((_csv_line(arrow.column_names) + "\n").encode())
        pyarrow.csv.write_csv(arrow, stream, options)


def _csv_line(names: list[str]) -> str:
    class Line(list):
        write = list.append

    line: Any = Line()
    csv.writer(line, lineterminator="").writerow(names)
    return str(line[0])


def _write_ecsv(table: Table, path: Path) -> None:
    with atomic_output(path) as temporary:
        table.write(temporary, format="ascii.ecsv")


def _write_parquet(table: Table, path: Path) -> None:
    with atomic_output(path) as temporary:
        pyarrow.parquet.write_table(to_arrow(table), temporary, compression="zstd")


def _fits_column(column: Column, info: ColumnInfo, path: Path) -> fits.Column:
    data, null = _fits_values(column, path)
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
