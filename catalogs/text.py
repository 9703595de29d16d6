"""Tables as aligned text, for terminals."""

import textwrap
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey.errors import printable

_GAP = "  "
_MISSING = "-"
_NARROWEST = 40


def table_text(
    table: Table, width: int | None = None, wrapped: int | None = None
) -> tuple[str, list[str]]:  # fmt: skip
    """Return a table as aligned lines: names, units, values.

    Parameters
    ----------
    table : astropy.table.Table
    width : int, optional
        Keep the first columns that fit in so many characters, at least one.
    wrapped : int, optional
        Break the texts of the last column, so that lines have no more characters than this.

    Returns
    -------
    text : str
        Missing values are a dash; text is cleared of what could move a terminal's cursor.
    left_out : list of str
        Columns that did not fit.
    """
    with_units = any(table[name].unit is not None for name in table.colnames)
    columns = [_column_lines(table, name, with_units) for name in table.colnames]
    if wrapped is not None and columns:
        columns = _wrapped(columns, wrapped)
    shown: list[list[str]] = []
    used = 0
    for lines in columns:
        used += len(lines[0]) + len(_GAP)
        if width is not None and shown and used - len(_GAP) > width:
            break
        shown.append(lines)
    text = "\n".join(_GAP.join(parts).rstrip() for parts in zip(*shown, strict=True))
    return text, table.colnames[len(shown) :]


def _wrapped(columns: list[list[str]], width: int) -> list[list[str]]:
    """Break the texts of the last column into lines of their own; other columns are blank there."""
    *others, last = columns
    left = max(width - sum(len(lines[0]) + len(_GAP) for lines in others), _NARROWEST)
    result: list[list[str]] = [[] for _ in columns]
    for row, text in enumerate(last):
        rule = set(text.strip()) == {"-"}
        parts = [text[:left]] if rule else textwrap.wrap(text, left) or [""]
        for n, part in enumerate(parts):
            for column, lines in zip(result, others, strict=False):
                column.append(lines[row] if n == 0 else " " * len(lines[row]))
            result[-1].append(part)
    return result


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
