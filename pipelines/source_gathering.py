"""What is read of all pieces before any row is written: places, errors, times, lengths of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xsurvey.errors import InputError
from xsurvey.pipelines.source_linking import Detections
from xsurvey.pipelines.source_pieces import NUMBER, OWNED, PieceFacts, SourcePiece, piece_of

_ELLIPSE = ("error_major_68", "error_minor_68", "error_angle")
_LINKING = {
    "ra", "dec", *_ELLIPSE, "position_error", "detection_likelihood", OWNED, NUMBER, "start",
}  # fmt: skip

Lengths = dict[str, np.ndarray]
"""Lengths of the texts of every row, by column."""


@dataclass(frozen=True)
class SeenRows:
    """Rows of observations of all pieces; arrays of shape (n,).

    Attributes
    ----------
    detection : ndarray of int
        Which detection each is of.
    stack, row : ndarray of int
        Where each is: number of the piece, and row in it.
    start : ndarray
        MJD, infinite where it is not known.
    name : ndarray of int
        Numbers of the observations in the order of their names.
    lengths : dict of str to ndarray
        Of the texts.
    """

    detection: np.ndarray
    stack: np.ndarray
    row: np.ndarray
    start: np.ndarray
    name: np.ndarray
    lengths: Lengths


@dataclass(frozen=True)
class Meanings:
    """What labels of bands, hardness ratios and searched bands stand for, in all pieces."""

    bands: dict[str, str]
    hardness: dict[str, str]
    searched: dict[str, str]
    parts: list[str]


@dataclass(frozen=True)
class Gathered:
    """What is known of all pieces.

    Attributes
    ----------
    pieces : sequence of SourcePiece
        Groups together, in the order of their first ones: the numbers in ``stack``.
    meanings : Meanings
    detections : Detections
    lengths : dict of str to ndarray
        Of the texts of detections.
    seen : SeenRows
    """

    pieces: Sequence[SourcePiece]
    meanings: Meanings
    detections: Detections
    lengths: Lengths
    seen: SeenRows


def gather(pieces: Sequence[SourcePiece], groups: Mapping[str, str]) -> Gathered:
    """Read what joining needs of all pieces.

    Parameters
    ----------
    pieces : sequence of SourcePiece
        Of different targets.
    groups : mapping of str to str
        Name that tiles of the same observations have in common, by target; others have their own.

    Raises
    ------
    InputError
        Two pieces give a letter to different bands.
    """
    meanings = meanings_of([piece.facts for piece in pieces])
    by_group: dict[str, list[SourcePiece]] = {}
    for piece in pieces:
        target = piece.facts.target
        by_group.setdefault(groups.get(target, target), []).append(piece)
    ordered = [piece for own in by_group.values() for piece in own]
    group = np.repeat(np.arange(len(by_group)), [len(own) for own in by_group.values()])
    found, seen, missions, names = _Parts(), _Parts(), _Codes(), _Codes()
    rows = 0
    # of nothing there are columns too
    nothing = {"target": "", "rows": [], "bands": {}, "hardness": {}}
    for stack, piece in enumerate(ordered or [piece_of(nothing)]):
        table = piece.read("sources", _wanted)
        found.add(_detections(table, stack, missions), _lengths(table))
        observed = piece.read("observations", _wanted)
        # what is not a source of the stack has no place in the catalog
        numbers = observed[NUMBER].to_numpy()
        observed = observed.append_column("row", pa.array(np.arange(len(observed))))
        observed = observed.filter(pa.array((numbers >= 1) & (numbers <= len(table))))
        seen.add(_observations(observed, stack, rows, names), _lengths(observed))
        rows += len(table)
    own, lengths = found.joined()
    stack_of = own["stack"]
    detections = Detections(
        **own, group=group[stack_of], stacks=[piece.facts.target for piece in ordered]
    )
    seen_own, seen_lengths = seen.joined()
    seen_own["name"] = names.by_text()[seen_own["name"]]
    return Gathered(
        ordered, meanings, detections, lengths, SeenRows(**seen_own, lengths=seen_lengths)
    )


def _wanted(field: pa.Field) -> bool:
    return field.name in _LINKING or pa.types.is_string(field.type)


class _Parts:
    """Columns of all pieces, until they are put together."""

    def __init__(self) -> None:
        self._columns: list[dict[str, np.ndarray]] = []
        self._lengths: list[Lengths] = []

    def add(self, columns: dict[str, np.ndarray], lengths: Lengths) -> None:
        self._columns.append(columns)
        self._lengths.append(lengths)

    def joined(self) -> tuple[dict[str, np.ndarray], Lengths]:
        """Return the columns, and the lengths of texts, of all pieces; what one has not is 0."""
        names = list(dict.fromkeys(name for one in self._lengths for name in one))
        rows = [len(one["stack"]) for one in self._columns]
        lengths = {
            name: np.concatenate([
                one.get(name, np.zeros(n, np.uint16))
                for one, n in zip(self._lengths, rows, strict=True)
            ])
            for name in names
        }  # fmt: skip
        self._lengths.clear()
        columns = {
            name: np.concatenate([one.pop(name) for one in self._columns])
            for name in list(self._columns[0])
        }
        return columns, lengths


class _Codes:
    """Numbers of texts, in the order in which these come."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, texts: pa.ChunkedArray) -> np.ndarray:
        """Return the numbers of texts, shape (n,)."""
        coded = pc.dictionary_encode(pc.fill_null(texts, "")).combine_chunks()
        own = [self._known.setdefault(t, len(self._known)) for t in coded.dictionary.to_pylist()]
        return np.asarray(own, np.int32)[coded.indices.to_numpy()]

    def by_text(self) -> np.ndarray:
        """Return the place of each text in their alphabetic order, by its number."""
        place = np.empty(len(self._known), np.int32)
        place[[self._known[text] for text in sorted(self._known)]] = np.arange(len(place))
        return place


def _detections(table: pa.Table, stack: int, missions: _Codes) -> dict[str, np.ndarray]:
    ellipse = np.stack([table[name].to_numpy() for name in _ELLIPSE], axis=-1)
    radius = table["position_error"].to_numpy()
    round_one = np.stack([radius, radius, np.zeros(len(radius))], axis=-1)
    ellipse = np.where(np.isfinite(ellipse).all(axis=1, keepdims=True), ellipse, round_one)
    return {
        "ra": table["ra"].to_numpy(), "dec": table["dec"].to_numpy(),
        "ellipse": np.nan_to_num(ellipse),
        "likelihood": np.nan_to_num(table["detection_likelihood"].to_numpy(), posinf=np.inf,
                                    neginf=-np.inf),
        "owned": table[OWNED].to_numpy(), "mission": missions.of(table["mission"]),
        "stack": np.full(len(table), stack, np.int32), "row": np.arange(len(table), dtype=np.int32),
    }  # fmt: skip


def _observations(table: pa.Table, stack: int, first: int, names: _Codes) -> dict[str, np.ndarray]:
    start = table["start"].to_numpy()
    return {
        "detection": first + table[NUMBER].to_numpy() - 1,
        "stack": np.full(len(table), stack, np.int32),
        "row": table["row"].to_numpy().astype(np.int32),
        "start": np.where(np.isfinite(start), start, np.inf),
        "name": names.of(table["observation"]),
    }


def _lengths(table: pa.Table) -> Lengths:
    return {
        field.name: pc.fill_null(pc.utf8_length(table[field.name]), 0).to_numpy().astype(np.uint16)
        for field in table.schema if pa.types.is_string(field.type)
    }  # fmt: skip


def meanings_of(facts: Sequence[PieceFacts]) -> Meanings:
    """Return what the labels of all pieces stand for.

    Raises
    ------
    InputError
        Two pieces give a letter to different bands.
    """
    bands: dict[str, str] = {}
    hardness: dict[str, str] = {}
    searched: dict[str, str] = {}
    for one in facts:
        for own in (one.bands, one.searched):
            _check_meanings({**searched, **bands}, own, one.target)
        bands |= one.bands
        hardness |= one.hardness
        searched |= one.searched
    return Meanings(bands, hardness, searched, sorted({p for one in facts for p in one.parts}))


def _check_meanings(known: Mapping[str, str], new: Mapping[str, str], target: str) -> None:
    """Raise where a column would hold one thing for some targets and another for the others."""
    for label, meaning in new.items():
        if known.get(label, meaning) != meaning:
            raise InputError(
                target, f"its band {label} is {meaning}, that of another target {known[label]}: "
                "one catalog cannot hold both", "name the bands in photometry: measure_band",
            )  # fmt: skip
