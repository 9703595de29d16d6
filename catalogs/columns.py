"""Columns between astropy and Arrow tables, with their units, UCDs and descriptions."""

import json
import re
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.table import Column, MaskedColumn, Table
from astropy.units import Unit, UnitBase

_HEADER_KEY = b"xsurvey.header"
_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")


class ColumnInfo(NamedTuple):
    """What is known of a column besides its values; empty texts where nothing is."""

    name: str
    unit: str = ""
    ucd: str = ""
    description: str = ""


def column_infos(table: Table) -> list[ColumnInfo]:
    """Return what an astropy table says of its columns."""
    return [
        ColumnInfo(
            name,
            "" if column.unit is None else str(column.unit),
            str(column.info.meta.get("ucd", "")) if column.info.meta else "",
            column.info.description or "",
        )
        for name, column in table.columns.items()
    ]


def header_of(table: Table) -> dict[str, Any]:
    """Return the entries of ``table.meta`` that can be keywords of a FITS header."""
    return _keywords(table.meta)


def _keywords(entries: Any) -> dict[str, Any]:
    if not isinstance(entries, Mapping):
        return {}
    return {
        key: value
        for key, value in entries.items()
        if _KEYWORD.fullmatch(str(key)) and isinstance(value, (str, bool, int, float))
    }


def to_arrow(table: Table) -> pa.Table:
    """Return an astropy table as Arrow; NaN and masked values become null.

    Units, UCDs and descriptions go to the metadata of the fields, the header to that of the
    schema.
    """
    infos = column_infos(table)
    arrays = [_to_array(table[info.name]) for info in infos]
    fields = [field(info, array.type) for info, array in zip(infos, arrays, strict=True)]
    header = json.dumps(header_of(table), sort_keys=True).encode()
    return pa.table(arrays, schema=pa.schema(fields, metadata={_HEADER_KEY: header}))


def field(info: ColumnInfo, dtype: pa.DataType) -> pa.Field:
    """Return an Arrow field that carries what is known of the column."""
    known = {"unit": info.unit, "ucd": info.ucd, "description": info.description}
    return pa.field(info.name, dtype, metadata={k: v for k, v in known.items() if v} or None)


def field_info(arrow: pa.Field) -> ColumnInfo:
    """Return what the metadata of an Arrow field say of the column."""
    metadata = {k.decode("utf-8", "replace"): v for k, v in (arrow.metadata or {}).items()}
    texts = [metadata.get(k, b"").decode("utf-8", "replace") for k in ColumnInfo._fields[1:]]
    return ColumnInfo(arrow.name, *texts)


def schema_header(schema: pa.Schema) -> dict[str, Any]:
    """Return the header that `to_arrow` put into the metadata of a schema."""
    try:
        return _keywords(json.loads((schema.metadata or {}).get(_HEADER_KEY, b"{}")))
    except (ValueError, RecursionError):
        return {}


def to_astropy(arrow: pa.Table, infos: list[ColumnInfo], header: dict[str, Any]) -> Table:
    """Return an Arrow table as astropy, with units, UCDs and descriptions.

    Missing floating-point numbers are NaN; other columns with missing values are masked.
    """
    table = Table(meta=dict(header))
    for info, values in zip(infos, arrow.columns, strict=True):
        data, mask = _to_numpy(simple(values))
        kind: type[Column] = Column if mask is None else MaskedColumn
        column = kind(data, name=info.name, description=info.description or None)
        if mask is not None:
            column.mask = mask
        if info.unit:
            column.unit = parsed_unit(info.unit)
        if info.ucd:
            column.info.meta = {"ucd": info.ucd}
        table[info.name] = column
    return table


def parsed_unit(text: str) -> UnitBase:
    """Return a unit as a stranger's table writes it; UnrecognizedUnit where it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as erg/cm^2/s, which has one slash too many
        return Unit(text, parse_strict="silent")


def simple(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as one of the types that tables of astronomers have.

    Dates and times become ISO texts, decimals float64, bytes and dictionaries text; a column
    without any value becomes float64.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        return simple(values.cast(kind.value_type))
    if pa.types.is_null(kind) or pa.types.is_decimal(kind):
        return values.cast(pa.float64())
    if pa.types.is_float16(kind):
        return values.cast(pa.float32())
    if pa.types.is_temporal(kind):
        return values.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        texts = [None if v is None else v.decode("utf-8", "replace") for v in values.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return values


def _to_array(column: Column) -> pa.Array:
    data = np.asarray(column)
    mask = np.asarray(column.mask) if isinstance(column, MaskedColumn) else None
    if data.ndim > 1 or data.dtype.kind == "O":
        return pa.array([v.tolist() if isinstance(v, np.ndarray) else v for v in data])
    if data.dtype.kind == "S":
        texts = [value.decode("utf-8", "replace") for value in data]
        return pa.array(texts, pa.string(), mask=mask)
    if data.dtype.kind == "U":
        return pa.array(data.astype(object), pa.string(), mask=mask)
    if data.dtype.kind == "f":
        mask = np.isnan(data) if mask is None else mask | np.isnan(data)
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    return pa.array(np.ascontiguousarray(data), mask=mask)


def _to_numpy(values: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray | None]:
    kind = values.type
    if pa.types.is_floating(kind):
        return values.to_numpy(), None
    if pa.types.is_nested(kind):
        return _vectors(values.to_pylist()), None
    mask = values.is_null().to_numpy() if values.null_count else None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        texts = pc.fill_null(values.cast(pa.large_string()), "").to_numpy()
        return texts.astype(str) if len(texts) else np.empty(0, "U1"), mask
    filler = False if pa.types.is_boolean(kind) else 0
    return pc.fill_null(values, filler).to_numpy(), mask


def _vectors(rows: list[Any]) -> np.ndarray:
    """Return lists of one length as a matrix, others as an array of objects."""
    lengths = {len(row) if isinstance(row, list) else -1 for row in rows}
    if len(lengths) == 1 and lengths != {-1}:
        return np.array(rows)
    vectors = np.empty(len(rows), dtype=object)
    for index, row in enumerate(rows):
        vectors[index] = row
    return vectors
