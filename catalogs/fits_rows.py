"""FITS tables that are larger than memory: written and read some rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from astropy.table import Column, Table

from xsurvey.catalogs.columns import column_infos, header_of, parsed_unit
from xsurvey.catalogs.fits_columns import fits_column, table_hdus
from xsurvey.catalogs.fits_sum import DataSum, set_checksums
from xsurvey.errors import InputError
from xsurvey.io.atomic import atomic_output

ROWS_AT_ONCE = 16_384
"""Rows that are in memory together where a table is gone through."""

_BLOCK = 2880
_KINDS = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_TRUE, _FALSE = ord("T"), ord("F")


def row_type(table: Table, widths: Mapping[str, int] | None = None) -> np.dtype:
    """Return how a row of a table lies in a FITS file.

    Parameters
    ----------
    table : astropy.table.Table
        With its columns; its rows do not matter.
    widths : mapping of str to int, optional
        Characters of the columns of text; the longest of the table's if not given.
    """
    fields = []
    for info in column_infos(table):
        given = (widths or {}).get(info.name, 0)
        code = str(fits_column(table[info.name], info, Path(info.name), given).format)
        shape = table[info.name].shape[1:]
        width = int(code[:-1]) // int(np.prod(shape))
        fields.append((info.name, f"S{width}" if code[-1] == "A" else _KINDS[code[-1]], shape))
    return np.dtype(fields)


class FitsRowWriter:
    """Takes the rows of a FITS table in their order; made by `writing_fits`.

    Attributes
    ----------
    dtype : numpy.dtype
        Of the rows, as they lie in the file; logical values are ``b"T"`` and ``b"F"``.
    """

    def __init__(self, stream: BinaryIO, dtype: np.dtype, datasum: DataSum) -> None:
        self.dtype = dtype
        self.rows = 0
        self._stream = stream
        self._sum = datasum

    def append(self, records: np.ndarray) -> None:
        """Write further rows, of the type `dtype`."""
        if records.dtype != self.dtype:
            raise TypeError(f"rows of {records.dtype}, not {self.dtype}")
        data = np.ascontiguousarray(records).tobytes()
        self._stream.write(data)
        self._sum.add(data)
        self.rows += len(records)


@contextmanager
def writing_fits(
    path: str | os.PathLike[str], empty: Table, widths: Mapping[str, int], rows: int,
    header: Mapping[str, Any] | None = None,
) -> Iterator[FitsRowWriter]:  # fmt: skip
    """Yield what takes the rows of a FITS table; the file is as `write_fits` writes it.

    Parameters
    ----------
    path : path
        Replaced when the block ends well.
    empty : astropy.table.Table
        Columns, without rows.
    widths : mapping of str to int
        Characters of the longest text of each column of text.
    rows : int
        How many will come.
    header : mapping, optional
        As of `write_fits`.

    Raises
    ------
    OutputError
        The file cannot be written.
    ValueError
        Another number of rows came.
    """
    infos = column_infos(empty)
    columns = [fits_column(empty[i.name], i, Path(path), widths.get(i.name, 0)) for i in infos]
    hdus = table_hdus(columns, infos, 0, {**header_of(empty), **(header or {})})
    whole = BytesIO()
    fits.HDUList(list(hdus)).writeto(whole)
    # of the HDU itself some keywords could not be changed any more
    of_table = hdus[1].header.copy()
    of_table["NAXIS2"] = rows
    start = len(whole.getvalue()) - len(of_table.tostring())
    with atomic_output(path) as temporary, temporary.open("wb") as stream:
        stream.write(whole.getvalue()[:start])
        stream.write(of_table.tostring().encode("ascii"))
        datasum = DataSum()
        writer = FitsRowWriter(stream, row_type(empty, widths), datasum)
        yield writer
        if writer.rows != rows:
            raise ValueError(f"{writer.rows} rows of {rows}")
        stream.write(bytes(-stream.tell() % _BLOCK))
        set_checksums(of_table, datasum.value)
        stream.seek(start)
        stream.write(of_table.tostring().encode("ascii"))


class FitsRows:
    """The rows of the first table of a FITS file, which stay on disk until they are asked for.

    Parameters
    ----------
    path : path
    empty : astropy.table.Table, optional
        What is to be known of the columns of tables that `table` returns; what the header says of
        them if not given.

    Raises
    ------
    InputError
        The file is no such table.
    """

    def __init__(self, path: Path, empty: Table | None = None) -> None:
        self.path = path
        try:
            with fits.open(path, memmap=True) as file:
                table = file[1]
                self.header = table.header.copy()
                self._start = int(table.fileinfo()["datLoc"])
                kind = np.dtype(table.columns.dtype)
        except (OSError, ValueError, IndexError, AttributeError) as error:
            raise InputError(path, f"is no table ({error})", "write it again") from error
        self._length = int(self.header["NAXIS2"])
        self.dtype = _as_written(kind, self.header)
        self.empty = _described(self.dtype, self.header) if empty is None else empty

    def __len__(self) -> int:
        return self._length

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return rows by their numbers, from 0, in the order of the numbers.

        Parameters
        ----------
        rows : ndarray of int, shape (n,)

        Returns
        -------
        ndarray of `dtype`, shape (n,)
        """
        found = np.empty(len(rows), self.dtype)
        order = np.argsort(rows, kind="stable")
        wanted = np.asarray(rows)[order]
        breaks = np.flatnonzero(np.diff(wanted) != 1) + 1
        starts, ends = np.append(0, breaks), np.append(breaks, len(wanted))
        size = self.dtype.itemsize
        read = np.empty(len(rows), self.dtype)
        with self.path.open("rb", buffering=0) as stream:
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                if start < end:
                    data = os.pread(
                        stream.fileno(), (end - start) * size,
                        self._start + int(wanted[start]) * size,
                    )  # fmt: skip
                    if len(data) < (end - start) * size:
                        raise InputError(self.path, "ends too early", "write it again")
                    read[start:end] = np.frombuffer(data, self.dtype)
        found[order] = read
        return found

    def chunks(self, size: int = ROWS_AT_ONCE) -> Iterator[np.ndarray]:
        """Yield all rows, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))

    def table(self, records: np.ndarray) -> Table:
        """Return rows as a table, with what is known of the columns."""
        return records_table(records, self.empty)


def records_table(records: np.ndarray, empty: Table) -> Table:
    """Return rows as they lie in a FITS file as an astropy table.

    Parameters
    ----------
    records : ndarray of a type that `row_type` returns
    empty : astropy.table.Table
        Columns, with units and descriptions, and header of the result.
    """
    table = Table(meta=dict(empty.meta))
    for name in records.dtype.names or ():
        known = empty[name]
        table[name] = Column(
            _native(records[name], known.dtype.kind), name=name, unit=known.unit,
            description=known.description, meta=dict(known.info.meta or {}),
        )  # fmt: skip
    return table


def _described(dtype: np.dtype, header: fits.Header) -> Table:
    """Return a table without rows, with what a header says of its columns."""
    table = Table()
    for number, name in enumerate(dtype.names or (), start=1):
        unit, ucd, text = (str(header.get(f"{k}{number}", "")) for k in ("TUNIT", "TUCD", "TCOMM"))
        logical = _is_logical(header, number)
        table[name] = Column(
            np.empty((0, *dtype[name].shape), bool if logical else dtype[name].base), name=name,
            unit=parsed_unit(unit) if unit else None, description=text or None,
            meta={"ucd": ucd} if ucd else {},
        )  # fmt: skip
    return table


def _is_logical(header: fits.Header, number: int) -> bool:
    return str(header[f"TFORM{number}"]).strip() in ("L", "1L")


def fits_values(values: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Return values of a column, as `build_table` has them, as they lie in a FITS file."""
    if values.dtype.kind == "b":
        return np.where(values, _TRUE, _FALSE).astype(np.uint8).view(kind)
    return values.astype(kind)


def _native(values: np.ndarray, kind: str) -> np.ndarray:
    values = np.ascontiguousarray(values)
    if kind == "b":
        return values.view(np.uint8) == _TRUE
    if values.dtype.kind == "S":
        return values.astype(str) if len(values) else np.empty(0, "U1")
    return values.astype(values.dtype.newbyteorder("="))


def _as_written(kind: np.dtype, header: fits.Header) -> np.dtype:
    """Return the type of a row, whose logical values astropy takes for numbers."""
    fields = []
    for number, name in enumerate(kind.names or (), start=1):
        logical = _is_logical(header, number)
        own = kind[name].base
        fields.append((name, "S1" if logical else own.newbyteorder(">").str, kind[name].shape))
    return np.dtype(fields)
