"""Columns of tables by name, as plain numbers, in what their unit makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table

from xsurvey.errors import InputError, printable


def column_named(path: Path, table: Table, what: str, names: Sequence[str]) -> str:
    """Return the first of some columns that there is, in any case.

    Raises
    ------
    InputError
        There is none.
    """
    by_lower = {name.lower(): name for name in reversed(table.colnames)}
    found = next((by_lower[name] for name in names if name in by_lower), None)
    if found is None:
        columns = ", ".join(printable(n) for n in table.colnames)
        raise InputError(path, f"has no column of {what}, but {columns}", f"call it {names[0]}")
    return found


def plain_numbers(path: Path, table: Table, name: str) -> np.ndarray:
    """Return a column of numbers, shape (n,); masked ones are NaN.

    Raises
    ------
    InputError
        It has something else.
    """
    column = table[name]
    kind = getattr(column, "dtype", np.dtype(object)).kind
    if kind not in "fiu" or getattr(column, "ndim", 1) != 1:
        raise InputError(path, f"column {name} has no plain numbers", "write one number a row")
    return np.asarray(np.ma.filled(np.ma.asarray(column, float), np.nan), float)


def converted(
    path: Path, table: Table, name: str, convert: Callable[[u.UnitBase], np.ndarray]
) -> np.ndarray:
    """Return what ``convert`` makes of the unit of a column.

    Raises
    ------
    InputError
        The column has no unit, or one of something else.
    """
    unit = getattr(table[name], "unit", None)
    if unit is None or str(unit).strip() == "":
        raise InputError(
            path, f"column {name} has no unit", f"write one, as in '{name} [...]' or in ECSV"
        )
    try:
        return np.asarray(convert(u.Unit(unit)))
    except (u.UnitConversionError, u.UnitTypeError, ValueError, TypeError, AttributeError):
        raise InputError(
            path, f"column {name} is in '{unit}'", "the spectral axis is in Hz, eV or m, the flux "
            "a flux density such as erg / (cm2 s), Jy or 1 / (TeV cm2 s)",
        ) from None  # fmt: skip
