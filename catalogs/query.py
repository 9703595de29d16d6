"""Cone searches and filters, on DuckDB over Arrow data.

The data are pruned first: only the files and row groups whose HEALPix range meets the cone
are read. Then one SQL query computes exact distances, filters, sorts and cuts.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset
from astropy.table import Table

from xsurvey.catalogs.columns import ColumnInfo, to_astropy
from xsurvey.catalogs.expression import check_expression, first_line, nearest_column
from xsurvey.catalogs.healpix import ORDER, cone_ranges
from xsurvey.catalogs.read import Source
from xsurvey.errors import InputError, ParameterError
from xsurvey.units import Cone, parse_cone

SEPARATION = ColumnInfo("separation", "arcsec", "pos.angDistance", "Angular distance")
_PARTITION = re.compile(r"Norder=(\d+)/Dir=\d+/Npix=(\d+)")
# Vincenty's formula: exact for neighbours, antipodes and everything between
_DISTANCE = """degrees(atan2(
    system.main.sqrt(
        system.main.pow(cos(radians({dec})) * sin(radians({ra} - $ra)), 2)
        + system.main.pow(cos(radians($dec)) * sin(radians({dec}))
            - sin(radians($dec)) * cos(radians({dec})) * cos(radians({ra} - $ra)), 2)),
    sin(radians($dec)) * sin(radians({dec}))
    + cos(radians($dec)) * cos(radians({dec})) * cos(radians({ra} - $ra)))) * 3600"""


# outside their domain: null, which fulfils no comparison, in every version of DuckDB
_NULL_OUTSIDE = {
    "sqrt(x)": "CASE WHEN x >= 0 THEN system.main.sqrt(x) END",
    "ln(x)": "CASE WHEN x > 0 THEN system.main.ln(x) END",
    "log(x)": "CASE WHEN x > 0 THEN system.main.log10(x) END",
    "log10(x)": "CASE WHEN x > 0 THEN system.main.log10(x) END",
    "log2(x)": "CASE WHEN x > 0 THEN system.main.log2(x) END",
    "acos(x)": "CASE WHEN abs(x) <= 1 THEN system.main.acos(x) END",
    "asin(x)": "CASE WHEN abs(x) <= 1 THEN system.main.asin(x) END",
    "pow(x, y)": "nullif(system.main.pow(x, y), 'NaN')",
    "power(x, y)": "nullif(system.main.pow(x, y), 'NaN')",
}


class Query(NamedTuple):
    """What `run_query` is asked; the meaning is that of `Catalog.query`."""

    cone: Cone | str | None = None
    where: str | None = None
    columns: Sequence[str] | str | None = None
    limit: int | None = None
    order_by: str | None = None


class _Plan(NamedTuple):
    """The columns there are, the names of those to return, and SQL sort keys."""

    infos: list[ColumnInfo]
    names: list[str]
    order: list[str]


def run_query(source: Source, query: Query) -> Table:
    """Return the rows of a catalog that a query selects.

    Raises
    ------
    ParameterError
        A cone, expression, column or limit that makes no sense.
    InputError
        A cone is asked of a catalog without positions, or a file is damaged.
    """
    cone = _cone(query.cone)
    if cone is not None:
        source.needed_position()
    limit = _limit(query.limit)
    infos = _visible(source, cone)
    known = {info.name: info for info in infos}
    plan = _Plan(
        infos,
        _column_names(query.columns, known, source, cone),
        _order(query.order_by, known, source, cone),
    )
    connection = connect()
    try:
        data = source.data if cone is None else _pruned(source, cone)
        _register(connection, source, data)
        if query.where is not None:
            check_expression(connection, query.where, known)
        sql = _sql(source, plan, query, cone, limit)
        values = {} if cone is None else cone._asdict()
        arrow = _fetch(connection, sql, values, source, query.where)
    finally:
        connection.close()
    return to_astropy(arrow, [known[name] for name in plan.names], source.header)


def connect() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection that can reach no file, network or Python variable."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "allow_community_extensions": "false",
        },
    )
    connection.execute("SET python_enable_replacements = false")
    for option in ("ieee_floating_point_ops", "error_on_division_by_zero"):
        with suppress(duckdb.CatalogException):  # not all versions have both
            connection.execute(f"SET {option} = false")  # a division by zero is null
    for function, definition in _NULL_OUTSIDE.items():
        connection.execute(f"CREATE MACRO {function} AS {definition}")
    connection.execute("SET lock_configuration = true")
    return connection


def _register(
    connection: duckdb.DuckDBPyConnection, source: Source, data: pa.dataset.Dataset | pa.Table
) -> None:
    try:
        connection.register("source", data)
    except duckdb.NotImplementedException as error:
        raise InputError(
            source.path, f"has a column of a rare type ({first_line(error)})", "leave it out"
        ) from error


def find_column(name: str, known: Iterable[str], option: str) -> str:
    """Return the column that ``name`` means; case matters only where it must.

    Raises
    ------
    ParameterError
        No such column; the remedy names the nearest ones.
    """
    known = list(known)
    if name in known:
        return name
    alike = [column for column in known if column.lower() == name.lower()]
    if not alike:
        raise ParameterError(option, f"no column '{name}'", nearest_column(name, known))
    return alike[0]


def _cone(value: Cone | str | None) -> Cone | None:
    if value is None:
        return None
    try:
        return parse_cone(tuple(value) if isinstance(value, Cone) else value)
    except ValueError as error:
        raise ParameterError(
            "cone",
            str(error),
            "write the place in degrees or sexagesimal, the radius with its unit",
        ) from error


def _visible(source: Source, cone: Cone | None) -> list[ColumnInfo]:
    """Return the columns that can be asked for, with the separation where there is a cone."""
    if cone is None:
        return list(source.columns)
    names = {info.name.lower() for info in source.columns}
    renamed = free_name(SEPARATION.name + "_1", names)
    infos = [
        info._replace(name=renamed) if info.name.lower() == SEPARATION.name else info
        for info in source.columns
    ]
    return [*infos, SEPARATION._replace(description="Angular distance from the cone's centre")]


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return ``name``, or the first of ``name_2``, ``name_2_2``, ... that is not taken."""
    taken = {other.lower() for other in taken}
    while name.lower() in taken:
        name += "_2"
    return name


def _column_names(
    wanted: Sequence[str] | str | None,
    known: dict[str, ColumnInfo],
    source: Source,
    cone: Cone | None,
) -> list[str]:
    hidden = source.index[0] if source.index else None
    if wanted is None:
        return [name for name in known if name != hidden]
    if isinstance(wanted, str):
        wanted = [name.strip() for name in wanted.split(",") if name.strip()]
    names = [found for name in wanted for found in _matching(name, known, hidden)]
    if not names:
        raise ParameterError("columns", "names no column", "name one, or leave it out for all")
    if cone is not None:
        names.append(SEPARATION.name)
    return list(dict.fromkeys(names))


def _matching(name: str, known: Iterable[str], hidden: str | None) -> list[str]:
    """Return the columns that a name means, or a pattern such as ``rate_*``, the index apart."""
    known = list(known)
    if name in known or not set(name) & set("*?["):
        return [find_column(name, known, "columns")]
    found = [n for n in known if n != hidden and fnmatch.fnmatchcase(n.lower(), name.lower())]
    if not found:
        raise ParameterError(
            "columns", f"no column matches '{name}'", "`xsurvey catalog info` lists the columns"
        )
    return found


def _order(
    order_by: str | None, known: dict[str, ColumnInfo], source: Source, cone: Cone | None
) -> list[str]:
    """Return SQL sort keys; the position is the last, so that ties have one order."""
    ties = [quote(name) for name in source.position or ()]
    if order_by is None:
        return [quote(SEPARATION.name), *ties] if cone is not None else []
    name, _, direction = order_by.strip().rpartition(" ")
    if direction.lower() not in ("asc", "desc") or not name:
        name, direction = order_by, "asc"
    column = find_column(name.strip(), known, "order_by")
    return [f"{quote(column)} {direction} NULLS LAST", *ties]


def _limit(limit: int | None) -> int | None:
    if limit is not None and limit < 0:
        raise ParameterError("limit", f"{limit} is negative", "give a number of rows")
    return limit


def quote(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _sql(source: Source, plan: _Plan, query: Query, cone: Cone | None, limit: int | None) -> str:
    inner = [
        f"{_value(column.name, source.data.schema)} AS {quote(info.name)}"
        for column, info in zip(source.columns, plan.infos, strict=False)
    ]
    conditions = []
    near = ""
    if cone is not None:
        ra, dec = (f"{quote(name)}::DOUBLE" for name in source.needed_position())
        inner.append(f"{_DISTANCE.format(ra=ra, dec=dec)} AS {quote(SEPARATION.name)}")
        near = f" WHERE {dec} BETWEEN $dec - $radius / 3599 AND $dec + $radius / 3599"
        conditions.append(f"{quote(SEPARATION.name)} <= $radius")
    if query.where is not None:
        conditions.append(f"({query.where}\n)")
    # identifiers are quoted, values are parameters, and the condition has been checked
    rows = f"(SELECT {', '.join(inner)} FROM source{near})"  # noqa: S608
    sql = f"SELECT {', '.join(map(quote, plan.names))} FROM {rows}"  # noqa: S608
    if conditions:
        sql += f" WHERE {' AND '.join(conditions)}"
    if plan.order:
        sql += f" ORDER BY {', '.join(plan.order)}"
    return sql if limit is None else f"{sql} LIMIT {int(limit)}"


def _value(name: str, schema: pa.Schema) -> str:
    # DuckDB takes NaN for the greatest number: as null it fails every comparison, as it should
    if pa.types.is_floating(schema.field(name).type):
        return f"nullif({quote(name)}, 'NaN')"
    return quote(name)


def _pruned(source: Source, cone: Cone) -> pa.dataset.Dataset | pa.Table:
    """Return the part of the data whose index meets the cone, whole row groups at a time."""
    if source.index is None or isinstance(source.data, pa.Table):
        return source.data
    column, order = source.index
    ranges = cone_ranges(cone)
    shift = 2 * (ORDER - order)
    first, last = ranges[:, 0] >> shift, (ranges[:, 1] - 1) >> shift
    field = pa.dataset.field(column)
    meets = reduce(
        or_, ((field >= int(a)) & (field <= int(b)) for a, b in zip(first, last, strict=True))
    )
    try:
        groups = [
            group
            for fragment in source.data.get_fragments()
            if _meets_partition(fragment.path, ranges)
            for group in fragment.split_by_row_group(meets, schema=source.data.schema)
        ]
    except (pa.ArrowException, OSError) as error:
        raise damaged(source, error) from error
    if not groups:
        return source.data.schema.empty_table()
    return pa.dataset.FileSystemDataset(
        groups, source.data.schema, source.data.format, source.data.filesystem
    )


def _meets_partition(path: str, ranges: np.ndarray) -> bool:
    found = _PARTITION.search(path)
    if not found:
        return True
    order, pixel = (int(number) for number in found.groups())
    if order > ORDER:
        return True
    shift = 2 * (ORDER - order)
    first, end = pixel << shift, (pixel + 1) << shift
    return bool(np.any((ranges[:, 0] < end) & (ranges[:, 1] > first)))


def _fetch(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    values: dict[str, float],
    source: Source,
    where: str | None,
) -> pa.Table:
    try:
        if where is not None:
            connection.execute(f"EXPLAIN {sql}", values).fetchall()
    except duckdb.Error as error:
        raise _mistake(error) from error
    try:
        return connection.sql(sql, params=values).to_arrow_table()
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        if where is None:
            raise
        raise _mistake(error) from error
    except (duckdb.InvalidInputException, duckdb.IOException, pa.ArrowException, OSError) as error:
        raise damaged(source, error) from error


def _mistake(error: Exception) -> ParameterError:
    return ParameterError(
        "where", f"cannot be computed ({first_line(error)})", "correct the expression"
    )


def damaged(source: Source, error: Exception) -> InputError:
    """Return what is told of a file of which a part cannot be read."""
    return InputError(
        source.path, f"cannot be read ({first_line(error)})", "fetch or write it again"
    )
