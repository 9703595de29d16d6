"""Rows of pieces as they lie in a FITS file; the pieces used last are kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xsurvey.catalogs.fits_rows import fits_values
from xsurvey.catalogs.schema import ColumnSchema
from xsurvey.pipelines.source_pieces import GIVEN, SourcePiece

_CACHE_BYTES = 128 * 2**20


class PieceRecords:
    """Takes rows of one of the tables of pieces.

    Parameters
    ----------
    pieces : sequence of SourcePiece
    name : {'sources', 'observations'}
    columns : sequence of ColumnSchema
        Of the catalog's table. What a piece has not, such as bands of other missions, is missing.
    """

    def __init__(
        self, pieces: Sequence[SourcePiece], name: str, columns: Sequence[ColumnSchema]
    ) -> None:
        self._pieces = pieces
        self._name = name
        given = {*GIVEN[name], "detection_id"}
        self._columns = [column for column in columns if column.name not in given]
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()

    def take(self, dtype: np.dtype, stack: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Return rows, by the numbers of their pieces and in these.

        Parameters
        ----------
        dtype : numpy.dtype
            As `xsurvey.catalogs.fits_rows.row_type` gives it; columns that the catalog gives are
            left at zero.
        stack, row : ndarray of int, shape (n,)

        Returns
        -------
        ndarray of dtype, shape (n,)
        """
        taken = np.zeros(len(row), dtype)
        order = np.argsort(stack, kind="stable")
        bounds = np.flatnonzero(np.diff(stack[order])) + 1
        for own in np.split(order, bounds) if len(order) else ():
            taken[own] = self._of_piece(int(stack[own[0]]), dtype)[row[own]]
        return taken

    def _of_piece(self, number: int, dtype: np.dtype) -> np.ndarray:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        names = {column.name for column in self._columns}
        table = self._pieces[number].read(self._name, lambda field: field.name in names)
        records = np.zeros(len(table), dtype)
        for column in self._columns:
            if column.name in table.column_names:
                records[column.name] = _values(table[column.name], dtype[column.name])
            else:
                records[column.name] = _missing(column)
        self._kept[number] = records
        while len(self._kept) > 1 and sum(r.nbytes for r in self._kept.values()) > _CACHE_BYTES:
            self._kept.popitem(last=False)
        return records


def _values(values: pa.ChunkedArray, kind: np.dtype) -> np.ndarray:
    if kind.kind == "S" and pa.types.is_string(values.type):
        texts = pc.fill_null(values, "").cast(pa.binary()).to_pylist()
        # those of rows that the table leaves out may be longer
        return np.array(texts, dtype="S" if texts else kind).astype(kind)
    return fits_values(values.to_numpy(), kind)


def _missing(column: ColumnSchema) -> float | int | bytes:
    if column.dtype == "str" and not column.required:
        return b""
    if column.dtype.startswith("float") and not column.required:
        return float("nan")
    if column.missing is not None:
        return column.missing
    raise ValueError(f"column {column.name} has no value in a stack without its band")
