"""The three tables of a catalog, whose rows are taken from the pieces when they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey.catalogs import build_table, load_schema
from xsurvey.catalogs.fits_rows import ROWS_AT_ONCE, row_type
from xsurvey.catalogs.names import name_array
from xsurvey.pipelines.source_gathering import Gathered, Lengths, gather
from xsurvey.pipelines.source_linking import LinkedSources, linked_sources, source_id
from xsurvey.pipelines.source_pieces import SourcePiece
from xsurvey.pipelines.source_records import PieceRecords

_DIGITS = 4  # of a running number, at least: see source_id

Keys = dict[str, np.ndarray]
"""Columns that the catalog gives to some rows."""


@dataclass(frozen=True)
class JoinedTable:
    """A table of the catalog, of which some rows at a time are made.

    Attributes
    ----------
    empty : astropy.table.Table
        Its columns.
    widths : dict of str to int
        Characters of the longest text of each column of text.
    length : int
        Number of rows.
    """

    empty: Table
    widths: dict[str, int]
    length: int
    _records: PieceRecords
    _keys: Callable[[slice], Keys]
    _where: Callable[[slice], tuple[np.ndarray, np.ndarray]]

    def chunks(self, size: int = ROWS_AT_ONCE) -> Iterator[np.ndarray]:
        """Yield all rows, ``size`` at a time, as they lie in a FITS file."""
        dtype = row_type(self.empty, self.widths)
        for start in range(0, self.length, size):
            part = slice(start, min(start + size, self.length))
            rows = self._records.take(dtype, *self._where(part))
            for name, values in self._keys(part).items():
                rows[name] = values
            yield rows


def joined_tables(
    pieces: Sequence[SourcePiece], groups: Mapping[str, str], acronym: str, systematic: float
) -> dict[str, JoinedTable]:
    """Join what stacks measured.

    Parameters
    ----------
    pieces : sequence of SourcePiece
    groups : mapping of str to str
        As of `xsurvey.pipelines.source_gathering.gather`.
    acronym : str
        Prefix of the IAU designations.
    systematic : float
        Error of each stack's coordinates on each axis, arcsec, for matches between stacks.

    Returns
    -------
    dict of str to JoinedTable
        ``sources``, ``detections``, ``observations``.

    Raises
    ------
    InputError
        Two pieces give a letter to different bands.

    Notes
    -----
    In memory are a few hundred bytes of each detection and of each row of observations, and the
    rows of a few pieces.
    """
    known = gather(pieces, groups)
    linked = linked_sources(known.detections, systematic)
    return {
        "sources": _sources(known, linked, acronym),
        "detections": _detections(known, linked),
        "observations": _observations(known, linked),
    }


def _sources(known: Gathered, linked: LinkedSources, acronym: str) -> JoinedTable:
    found, best = known.detections, linked.best
    names = name_array(found.ra[best], found.dec[best], acronym)
    of_source = _source_of(known, linked)[known.seen.detection]
    n_observations = np.bincount(of_source[of_source >= 0], minlength=len(best))

    def keys(part: slice) -> Keys:
        return {
            "source_id": _ids(known, best[part]), "name": names[part],
            "stack": _stacks(known, best[part]), "n_detections": linked.sizes[part],
            "n_observations": n_observations[part],
        }  # fmt: skip

    widths = {
        **_widest(known.lengths, best), "source_id": _id_width(known, best),
        "name": int(np.char.str_len(names).max(initial=1)), "stack": _stack_width(known, best),
    }  # fmt: skip
    return _table("sources", known, widths, len(best), keys, lambda part: _place(known, best[part]))


def _detections(known: Gathered, linked: LinkedSources) -> JoinedTable:
    members = linked.members
    best = np.repeat(linked.best, linked.sizes)
    observed = np.bincount(known.seen.detection, minlength=len(known.detections))

    def keys(part: slice) -> Keys:
        own = members[part]
        return {
            "detection_id": _ids(known, own), "source_id": _ids(known, best[part]),
            "stack": _stacks(known, own), "n_observations": observed[own],
        }  # fmt: skip

    widths = {
        **_widest(known.lengths, members), "detection_id": _id_width(known, members),
        "source_id": _id_width(known, linked.best), "stack": _stack_width(known, members),
    }  # fmt: skip
    return _table(
        "detections", known, widths, len(members), keys, lambda part: _place(known, members[part])
    )


def _observations(known: Gathered, linked: LinkedSources) -> JoinedTable:
    seen = known.seen
    source = _source_of(known, linked)[seen.detection]
    place = np.zeros(len(known.detections), np.int64)
    place[linked.members] = np.arange(len(linked.members))
    own = np.flatnonzero(source >= 0)
    # in order of time; of the same time and name in the order in which they come
    order = own[np.lexsort(
        (seen.row[own], place[seen.detection[own]], seen.name[own], seen.start[own], source[own])
    )]  # fmt: skip
    source = source[order]
    counts = np.bincount(source, minlength=len(linked.best))
    epoch = np.arange(len(order)) - np.append(0, np.cumsum(counts))[source] + 1

    def keys(part: slice) -> Keys:
        return {
            "source_id": _ids(known, linked.best[source[part]]),
            "detection_id": _ids(known, seen.detection[order[part]]), "epoch": epoch[part],
        }  # fmt: skip

    def where(part: slice) -> tuple[np.ndarray, np.ndarray]:
        return seen.stack[order[part]], seen.row[order[part]]

    widths = {
        **_widest(seen.lengths, order), "source_id": _id_width(known, linked.best[source]),
        "detection_id": _id_width(known, seen.detection[order]),
    }  # fmt: skip
    return _table("observations", known, widths, len(order), keys, where)


def _table(
    name: str, known: Gathered, widths: dict[str, int], length: int, keys: Callable[[slice], Keys],
    where: Callable[[slice], tuple[np.ndarray, np.ndarray]],
) -> JoinedTable:  # fmt: skip
    """Return a table of a schema, whose rows are those of pieces with keys."""
    meanings = known.meanings
    labels: tuple[Any, ...] = (
        meanings.bands, meanings.hardness, meanings.parts if name == "sources" else (),
        meanings.searched,
    )  # fmt: skip
    empty = build_table([], name, *labels)
    columns = load_schema(name).expand(*labels)
    widths = {n: max(w, 1) for n, w in widths.items() if n in empty.colnames}
    of_pieces = "observations" if name == "observations" else "sources"
    records = PieceRecords(known.pieces, of_pieces, columns)
    return JoinedTable(empty, widths, length, records, keys, where)


def _source_of(known: Gathered, linked: LinkedSources) -> np.ndarray:
    """Return the source of each detection, -1 of those that count for none."""
    source = np.full(len(known.detections), -1, np.int64)
    source[linked.members] = np.repeat(np.arange(len(linked.best)), linked.sizes)
    return source


def _place(known: Gathered, detections: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return known.detections.stack[detections], known.detections.row[detections]


def _ids(known: Gathered, detections: np.ndarray) -> np.ndarray:
    stacks = known.detections.stacks
    places = (values.tolist() for values in _place(known, detections))
    return np.array(
        [source_id(stacks[stack], row + 1).encode() for stack, row in zip(*places, strict=True)],
        dtype="S" if len(detections) else "S1",
    )


def _stacks(known: Gathered, detections: np.ndarray) -> np.ndarray:
    return np.array(known.detections.stacks, "S")[known.detections.stack[detections]]


def _id_width(known: Gathered, detections: np.ndarray) -> int:
    stack, row = _place(known, detections)
    digits = np.maximum(np.floor(np.log10(row + 1.0)).astype(int) + 1, _DIGITS)
    return int((_name_lengths(known)[stack] + 1 + digits).max(initial=1))


def _stack_width(known: Gathered, detections: np.ndarray) -> int:
    return int(_name_lengths(known)[known.detections.stack[detections]].max(initial=1))


def _name_lengths(known: Gathered) -> np.ndarray:
    return np.array([len(name) for name in known.detections.stacks])


def _widest(lengths: Lengths, rows: np.ndarray) -> dict[str, int]:
    return {name: int(own[rows].max(initial=1)) for name, own in lengths.items()}
