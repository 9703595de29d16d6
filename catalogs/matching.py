"""Which sources of two catalogs are neighbours on the sky."""

import numpy as np
import pyarrow as pa
from astropy.table import Table
from scipy.spatial import cKDTree

from xsurvey.catalogs.columns import to_astropy
from xsurvey.catalogs.expression import first_line
from xsurvey.catalogs.query import SEPARATION, free_name
from xsurvey.catalogs.read import Source
from xsurvey.errors import InputError, ParameterError
from xsurvey.units import parse_angle

_WIDEST = 10 * 3600.0
_SLACK = 1 + 1e-9


def match_positions(
    left: tuple[np.ndarray, np.ndarray],
    right: tuple[np.ndarray, np.ndarray],
    radius: float,
    *,
    every: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of neighbours within a radius.

    Parameters
    ----------
    left, right : (ndarray, ndarray), each of shape (n,) and (m,)
        Right ascension and declination in degrees; NaN matches nothing.
    radius : float
        In arcsec.
    every : bool
        All neighbours of a left position, nearest first, instead of the nearest alone.

    Returns
    -------
    left_index, right_index : ndarray of int64, shape (pairs,)
        In the order of the left positions.
    separation : ndarray of float64, shape (pairs,)
        Great-circle distance in arcsec.

    Notes
    -----
    A k-d tree of unit vectors: an angle t is the chord 2 sin(t / 2).
    """
    rows = [np.flatnonzero(np.isfinite(ra) & np.isfinite(dec)) for ra, dec in (left, right)]
    vectors = (
        _unit_vectors(left[0][rows[0]], left[1][rows[0]]),
        _unit_vectors(right[0][rows[1]], right[1][rows[1]]),
    )
    chord = 2 * np.sin(np.radians(radius / 3600) / 2) * _SLACK
    if not (len(rows[0]) and len(rows[1])):
        first = second = np.empty(0, dtype=np.int64)
    elif every:
        first, second = _all_neighbours(*vectors, chord)
    else:
        first, second = _nearest_neighbours(*vectors, chord)
    separation = _separation(vectors[0][first], vectors[1][second])
    close = separation <= radius
    first, second, separation = first[close], second[close], separation[close]
    order = np.lexsort((second, separation, first))
    return rows[0][first[order]], rows[1][second[order]], separation[order]


def match_sources(left: Source, right: Source, radius: str | float, *, every: bool) -> Table:
    """Return the joined rows of two catalogs; see `xsurvey.catalogs.catalog.crossmatch`."""
    arcsec = _radius(radius)
    first, second, separation = match_positions(
        positions(left), positions(right), arcsec, every=every
    )
    table = _rows(left, first)
    _rename(table, [SEPARATION.name], "_1")
    other = _rows(right, second)
    _rename(other, [SEPARATION.name, *table.colnames], "_2")
    for name in other.colnames:
        table[name] = other[name]
    table[SEPARATION.name] = separation
    table[SEPARATION.name].unit = SEPARATION.unit
    table[SEPARATION.name].description = "Angular distance of the two positions"
    table[SEPARATION.name].info.meta = {"ucd": SEPARATION.ucd}
    return table


def _radius(value: str | float) -> float:
    try:
        arcsec = float(value) if isinstance(value, (int, float)) else parse_angle(value)
    except ValueError as error:
        raise ParameterError("radius", str(error), "write an angle, such as 3arcsec") from error
    if not 0 < arcsec <= _WIDEST:
        raise ParameterError("radius", f"{value} is not between 0 and 10 degrees", "correct it")
    return arcsec


def _unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)


def _separation(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    half = np.linalg.norm(left - right, axis=1) / 2
    return np.degrees(2 * np.arcsin(np.minimum(half, 1))) * 3600


def _nearest_neighbours(
    left: np.ndarray, right: np.ndarray, chord: float
) -> tuple[np.ndarray, np.ndarray]:
    _, nearest = cKDTree(right).query(left, distance_upper_bound=chord, workers=-1)
    found = np.flatnonzero(nearest < len(right))
    return found, nearest[found]


def _all_neighbours(
    left: np.ndarray, right: np.ndarray, chord: float
) -> tuple[np.ndarray, np.ndarray]:
    lists = cKDTree(right).query_ball_point(left, chord, workers=-1)
    counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    if not counts.any():
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    pairs = np.concatenate([np.asarray(found, dtype=np.int64) for found in lists])
    return np.repeat(np.arange(len(left)), counts), pairs


def positions(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination of every row, in degrees, NaN where missing."""
    columns = _reading(source, list(source.needed_position()))
    ra, dec = (np.asarray(c.cast(pa.float64()).to_numpy()) for c in columns.columns)
    return ra, dec


def _rows(source: Source, rows: np.ndarray) -> Table:
    hidden = source.index[0] if source.index else None
    infos = [info for info in source.columns if info.name != hidden]
    arrow = _reading(source, [info.name for info in infos]).take(rows)
    return to_astropy(arrow, infos, source.header)


def _reading(source: Source, columns: list[str]) -> pa.Table:
    if isinstance(source.data, pa.Table):
        return source.data.select(columns)
    try:
        return source.data.to_table(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            source.path, f"cannot be read ({first_line(error)})", "fetch or write it again"
        ) from error


def _rename(table: Table, taken: list[str], suffix: str) -> None:
    """Give columns whose name is taken, whatever the case, a suffix."""
    names = {name.lower() for name in taken}
    for name in table.colnames:
        if name.lower() in names:
            table.rename_column(name, free_name(name + suffix, [*taken, *table.colnames]))
