"""From the rows a pipeline measured to a typed table with units and meanings."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Column, Table
from astropy.units import Unit

from xsurvey.catalogs.names import assign_names
from xsurvey.catalogs.schema import ColumnSchema, TableSchema, load_schema
from xsurvey.errors import nearest

__all__ = ["assign_names", "build_table"]


def build_table(
    rows: Sequence[Mapping[str, Any]],
    schema: TableSchema | str,
    bands: Mapping[str, str],
    hardness: Mapping[str, str] | None = None,
    parts: Collection[str] = (),
    searched: Mapping[str, str] | None = None,
) -> Table:
    """Return the table that a schema describes, filled from ``rows``.

    Parameters
    ----------
    rows : sequence of mappings
        Column name to value; a missing number (not given, None or NaN) becomes NaN, a
        missing text becomes empty.
    schema : TableSchema or str
        A schema, or its name.
    bands, hardness, parts, searched
        As in `TableSchema.expand`.

    Returns
    -------
    astropy.table.Table
        Every column of the schema in its order, with unit and description, and the UCD in
        ``column.meta['ucd']``; columns are there even where there are no rows.

    Raises
    ------
    ValueError
        A row has an unknown key, lacks a required value (a NaN position, for one) or a
        whole number, or has a value of the wrong type: a mistake of the caller, not of the
        user.
    """
    if isinstance(schema, str):
        schema = load_schema(schema)
    columns = schema.expand(bands, hardness, parts, searched)
    _check_keys(rows, {column.name for column in columns})
    table = Table(meta={"SCHEMA": f"{schema.name} {schema.version}"})
    for column in columns:
        table[column.name] = _column(column, rows)
    return table


def _check_keys(rows: Sequence[Mapping[str, Any]], known: set[str]) -> None:
    for index, row in enumerate(rows):
        unknown = sorted(set(row) - known)
        if unknown:
            raise ValueError(f"row {index}: no column '{unknown[0]}'; {nearest(unknown[0], known)}")


def _column(column: ColumnSchema, rows: Sequence[Mapping[str, Any]]) -> Column:
    values = [
        _value(column, index, row.get(column.name, column.missing))
        for index, row in enumerate(rows)
    ]
    dtype: Any = column.dtype
    if column.dtype == "str":
        dtype = f"U{max(map(len, values), default=1) or 1}"
    try:
        data = np.array(values, dtype=dtype)
    except OverflowError as error:
        raise ValueError(f"column {column.name}: {error}") from error
    return Column(
        data,
        name=column.name,
        unit=None if column.unit is None else Unit(column.unit),
        description=column.description,
        meta={"ucd": column.ucd} if column.ucd else {},
    )


def _value(column: ColumnSchema, index: int, value: Any) -> Any:
    try:
        converted = _converted(column.dtype, value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"row {index}: {column.name} is {value!r}, which is no {column.dtype}"
        ) from error
    missing = converted == "" or (isinstance(converted, float) and math.isnan(converted))
    if column.required and missing:
        raise ValueError(f"row {index}: {column.name} is required and is {value!r}")
    return converted


def _converted(dtype: str, value: Any) -> Any:
    if dtype == "str":
        return "" if value is None else str(value)
    if dtype.startswith("float"):
        if isinstance(value, str):
            raise TypeError
        return float("nan") if value is None or np.ma.is_masked(value) else float(value)
    if dtype == "bool":
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError
        return bool(value)
    if isinstance(value, str) or int(value) != value:
        raise ValueError
    return int(value)
