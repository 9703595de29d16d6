"""Tables as aligned text, for terminals."""

from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey.errors import printable

_GAP = "  "
_MISSING = "-"


def table_text(table: Table, width: int | None = None) -> tuple[str, list[str]]:
    """Return a table as aligned lines: names, units, values.

    Parameters
    ----------
    table : astropy.table.Table
    width : int, optional
        Keep the first columns that fit in so many characters, at least one.

    Returns
    -------
    text : str
        Missing values are a dash; text is cleared of what could move a terminal's cursor.
    left_out : list of str
        Columns that did not fit.
    """
    with_units = any(table[name].unit is not None for name in table.colnames)
    columns = [_column_lines(table, name, with_units) for name in table.colnames]
    shown: list[list[str]] = []
    used = 0
    for lines in columns:
        used += len(lines[0]) + len(_GAP)
        if width is not None and shown and used - len(_GAP) > width:
            break
        shown.append(lines)
    text = "\n".join(_GAP.join(parts).rstrip() for parts in zip(*shown, strict=True))
    return text, table.colnames[len(shown) :]


def _column_lines(table: Table, name: str, with_units: bool) -> list[str]:
    column = table[name]
    unit = "" if column.unit is None else printable(column.unit)
    mask = getattr(column, "mask", None)
    masked = np.broadcast_to(False if mask is None else mask, (len(column), *column.shape[1:]))
    cells = [
        _MISSING if np.all(gone) else _cell(value, unit)
        for value, gone in zip(np.asarray(column), masked, strict=True)
    ]
    heads = [printable(name), unit] if with_units else [printable(name)]
    widest = max(map(len, [*heads, *cells]))
    lines = [*heads, "-" * widest, *cells]
    if column.dtype.kind in "iuf" and column.ndim == 1:
        return [line.rjust(widest) for line in lines]
    return [line.ljust(widest) for line in lines]


def _cell(value: Any, unit: str) -> str:
    if isinstance(value, np.floating):
        if np.isnan(value):
            return _MISSING
        if unit == "deg":
            return f"{value:.6f}"
        if 1 <= abs(value) < 1e6:  # positions without a unit keep their milli-arcseconds, too
            return f"{value:.6f}".rstrip("0").rstrip(".")
        return f"{value:.6g}"
    return printable(value) or _MISSING
