"""Columns and keywords of OGIP tables, with care: what is not a number is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.errors import InputError, printable
from xsurvey.io.fits_file import Table

_DAMAGED = "fetch or copy it again"
_HEAP_KINDS = {"B": "u1", "I": "i2", "J": "i4", "K": "i8", "E": "f4", "D": "f8"}
_STRUCTURE = re.compile(
    r"(XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|THEAP|CHECKSUM|DATASUM|COMMENT|HISTORY|LONGSTRN"
    r"|CONTINUE|(TTYPE|TFORM|TUNIT|TNULL|TSCAL|TZERO|TDISP|TDIM|TLMIN|TLMAX|TDMIN|TDMAX)\d+)?"
)


@dataclass(frozen=True)
class Ragged:
    """A column of vectors that may differ in length from row to row.

    Attributes
    ----------
    values : ndarray, shape (total,)
        The rows' elements, one row after the other.
    lengths : ndarray of int, shape (n,)
    """

    values: np.ndarray
    lengths: np.ndarray

    def first(self, numbers: np.ndarray) -> np.ndarray:
        """Return the first ``numbers[i]`` elements of each row, joined, shape (sum,)."""
        starts = np.cumsum(self.lengths) - self.lengths
        return np.asarray(self.values[runs(starts, numbers)])


def runs(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return ``start, start + 1 ...`` of each run, joined, shape (sum of lengths,).

    Examples
    --------
    >>> runs(np.array([5, 0]), np.array([3, 2])).tolist()
    [5, 6, 7, 0, 1]
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total)


class Columns:
    """The columns of one small table, all rows in memory.

    Parameters
    ----------
    table : Table
    what : str
        How errors call it, as in "its spectrum".
    """

    def __init__(self, table: Table, what: str) -> None:
        self.table, self.header, self.what = table, table.header, what
        self.warnings: list[str] = []
        self._vectors: dict[str, Ragged] = {}
        if not table.rows:
            raise self.error("has no rows")
        self.raw = table.read()

    def error(self, cause: str, remedy: str = _DAMAGED) -> InputError:
        """Return the error for something wrong in this table."""
        return InputError(self.table.path, f"{self.what} {cause}", remedy)

    def has(self, name: str) -> bool:
        """Tell whether there is a column of this name."""
        return name.lower() in self.table.names

    def form(self, name: str) -> str:
        """Return TFORM of a column."""
        return str(self.header.get(f"TFORM{self.table.column_number(name)}", "")).strip().upper()

    def limit(self, name: str) -> int | None:
        """Return TLMIN of a column, None where the header has none.

        Raises
        ------
        InputError
            It is not a whole number.
        """
        if not self.has(name):
            return None
        key = f"TLMIN{self.table.column_number(name)}"
        value = self.number(key)
        if value is None:
            return None
        if value != round(value):
            raise self.error(f"has {key} = {value:g}, which is not a number of a channel")
        return int(value)

    def number(self, key: str) -> float | None:
        """Return a keyword as a finite number, None where the header has none.

        Raises
        ------
        InputError
            It holds text or is not finite.
        """
        value = self.header.get(key)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise self.error(
                f"has {key} = {printable(value)!r}, not a number", "correct the header"
            )
        return float(value)

    def text(self, key: str) -> str:
        """Return a keyword as text, empty where the header has none."""
        value = self.header.get(key, "")
        return printable(value).strip() if isinstance(value, str | int | float) else ""

    def vectors(self, name: str) -> Ragged:
        """Return a column of numbers, one or more a row, of fixed or variable length.

        Raises
        ------
        InputError
            There is no such column, it holds no numbers, or its descriptors point outside the heap.
        """
        if name not in self._vectors:
            self._vectors[name] = self._read(name)
        return self._vectors[name]

    def _read(self, name: str) -> Ragged:
        if not self.has(name):
            raise self.error(f"has no column {name}", "give a complete file")
        variable = re.fullmatch(r"[01]?([PQ])([A-Z])(\(\d*\))?", self.form(name))
        if variable:
            return self._from_heap(name, variable.group(2))
        values = self.table.numbers(self.raw, name)
        if values.dtype.kind not in "iuf" or re.search("[PQXL]", self.form(name)):
            raise self.error(f"has a column {name} that does not hold numbers")
        values = values.reshape(len(values), -1)
        return Ragged(values.reshape(-1), np.full(len(values), values.shape[1], dtype=np.int64))

    def _from_heap(self, name: str, kind: str) -> Ragged:
        if kind not in _HEAP_KINDS:
            raise self.error(f"has a column {name} that does not hold numbers")
        dtype = np.dtype(_HEAP_KINDS[kind]).newbyteorder(">")
        field = (self.table.dtype.names or ())[self.table.names.index(name.lower())]
        lengths, offsets = self.raw[field].astype(np.int64).T
        heap = self.table.heap()
        # a heap's length bounds both, so that the sum below cannot overflow
        bad = (lengths < 0) | (lengths > len(heap)) | (offsets < 0) | (offsets > len(heap))
        bad |= offsets + lengths * dtype.itemsize > len(heap)
        if np.any(bad & (lengths != 0)):
            raise self.error(f"has a column {name} that points outside the file's data")
        # rows may share elements, but many times the heap would be a way to fill the memory
        if lengths.sum() * dtype.itemsize > 4 * len(heap):
            raise self.error(f"has a column {name} whose rows lie upon each other")
        scale, zero = self.table.scaling.get(name.lower(), (1.0, 0.0))
        values = _gather(heap, dtype, offsets, lengths)
        return Ragged(values if (scale, zero) == (1.0, 0.0) else values * scale + zero, lengths)

    def scalars(self, name: str) -> np.ndarray:
        """Return a column of one number a row, shape (n,).

        Raises
        ------
        InputError
            As `vectors`, or rows hold several.
        """
        column = self.vectors(name)
        if np.any(column.lengths != 1):
            raise self.error(f"has several values a row in column {name}", "give a simple file")
        return column.values

    def whole(self, name: str) -> np.ndarray:
        """Return a column of one whole number a row, shape (n,)."""
        return self.as_whole(self.scalars(name), name)

    def as_whole(self, values: np.ndarray, name: str) -> np.ndarray:
        """Return numbers of a column as integers.

        Raises
        ------
        InputError
            They are not whole.
        """
        if values.dtype.kind == "f":
            # beyond 2**31 no channel is: NaN and overflow end here as well
            if not np.all((np.abs(values) < 2**31) & (values == np.round(values))):
                raise self.error(f"has values in column {name} that are not whole numbers")
        elif values.size and (values.max() >= 2**31 or values.min() < -(2**31)):
            raise self.error(f"has impossibly large values in column {name}")
        return values.astype(np.int64)

    def unit_factor(self, name: str, factors: dict[str, float], default: str) -> float:
        """Return what turns a column's unit into ours; no unit is ``default``, and warned of.

        Raises
        ------
        InputError
            The unit is not among ``factors`` (whose keys are lower case without blanks).
        """
        unit = self.table.unit(name)
        if not unit:
            self.warnings.append(f"column {name} has no unit: taken as {default}")
            return factors[default.lower()]
        known = factors.get(re.sub(r"[\s*^]", "", unit).lower())
        if known is None:
            raise self.error(
                f"has {name} in '{printable(unit)}'", f"give a file with {name} in {default}"
            )
        return known

    def other_keywords(self, used: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the keywords that say neither how the table is built nor what was ``used``."""
        return {
            str(key): value
            for key, value in self.header.items()
            if not _STRUCTURE.fullmatch(key) and key not in used
            and isinstance(value, str | int | float | bool)
        }  # fmt: skip


def _gather(
    heap: np.ndarray, dtype: np.dtype, offsets: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """Return vectors that lie anywhere in a heap, joined, in native byte order."""
    size = dtype.itemsize
    wanted = runs(offsets // size, lengths)
    phases = np.repeat(offsets % size, lengths)  # columns of other types come between
    out = np.empty(len(wanted), dtype=dtype.newbyteorder("="))
    for phase in np.unique(phases):
        part = heap[phase : phase + (len(heap) - phase) // size * size]
        chosen = phases == phase
        out[chosen] = part.view(dtype)[wanted[chosen]]
    return out
