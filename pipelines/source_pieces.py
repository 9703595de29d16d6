"""What one stack gives to the catalog: typed columns, ready to be joined with those of others.

A piece is a folder: ``sources.arrow`` and ``observations.arrow``, rows without their keys, and
``facts.json``. Workers write them; the stage ``catalog`` reads of all only what links sources, and
then the rows of a few pieces at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from xsurvey.catalogs import build_table, load_schema
from xsurvey.catalogs.columns import to_arrow
from xsurvey.errors import plain_ascii

FACTS = "facts.json"
NUMBER = "number"
"""Column of the observations: number of the source in the stack, from 1."""

OWNED = "owned"
"""Column of the sources: whether the place is the tile's own."""

GIVEN = {
    "sources": ("source_id", "name", "stack", "n_detections", "n_observations"),
    "observations": ("source_id", "detection_id", "epoch"),
}
"""Columns that the catalog gives, which pieces have not."""

Row = Mapping[str, Any]
Wanted = Callable[[pa.Field], bool]


@dataclass(frozen=True)
class PieceFacts:
    """What a piece is of.

    Attributes
    ----------
    target : str
        The stack, in ASCII.
    bands, hardness, searched : dict of str to str
        Of the columns, label to meaning, as `xsurvey.catalogs.schema.TableSchema.expand` has them.
    parts : list of str
        Of the schema.
    expected_false : list of float or None
        Numbers of false sources to expect: above the threshold of TRUE ones, and of all.
    flux_spectrum : str or None
        That fluxes are for, in words.
    """

    target: str
    bands: dict[str, str]
    hardness: dict[str, str]
    searched: dict[str, str]
    parts: list[str]
    expected_false: list[float] | None = None
    flux_spectrum: str | None = None


@dataclass(frozen=True)
class SourcePiece:
    """A piece, on disk or in memory.

    Attributes
    ----------
    facts : PieceFacts
    read : callable
        Returns a table (``sources`` or ``observations``) with the columns that are wanted, by their
        Arrow fields; None for all.
    """

    facts: PieceFacts
    read: Callable[[str, Wanted | None], pa.Table]


def piece_of(measured: Mapping[str, Any], parts: Collection[str] = ()) -> SourcePiece:
    """Return what was measured of a stack as a piece in memory.

    Parameters
    ----------
    measured : mapping
        As of `xsurvey.pipelines.source_tables.source_tables`.
    parts : collection of str
        Of the schema ``sources``, beside what all catalogs have.

    Raises
    ------
    ValueError
        A row has a column that the schema has not, or lacks one that it must have.
    """
    bands, hardness = measured["bands"], measured["hardness"]
    searched = measured.get("searched", bands)
    facts = PieceFacts(
        measured["target"], dict(bands), dict(hardness), dict(searched), sorted(parts),
        measured.get("expected_false"), measured.get("flux_spectrum"),
    )  # fmt: skip
    rows = measured["rows"]
    owned = pa.array(measured.get(OWNED) or [True] * len(rows), pa.bool_())
    seen = measured.get("observations", ())
    numbers = pa.array([int(row[NUMBER]) for row in seen], pa.int64())
    sources = _columns("sources", rows, facts).append_column(OWNED, owned)
    observations = _columns("observations", seen, facts).append_column(NUMBER, numbers)
    tables = {"sources": sources, "observations": observations}

    def read(name: str, wanted: Wanted | None) -> pa.Table:
        table = tables[name]
        names = [f.name for f in table.schema if wanted is None or wanted(f)]
        return table.select(names)

    return SourcePiece(facts, read)


def _columns(name: str, rows: Sequence[Row], facts: PieceFacts) -> pa.Table:
    given = {*GIVEN[name], NUMBER}
    schema = load_schema(name)
    own = tuple(column for column in schema.columns if column.name not in given)
    plain = [
        {k: plain_ascii(v) if isinstance(v, str) else v for k, v in row.items() if k not in given}
        for row in rows
    ]  # texts may be those of strangers' headers, and must fit into FITS
    table = build_table(
        plain, schema.model_copy(update={"columns": own}), facts.bands, facts.hardness,
        facts.parts if name == "sources" else (), facts.searched,
    )  # fmt: skip
    return to_arrow(table).replace_schema_metadata(None)


def write_piece(folder: Path, piece: SourcePiece) -> None:
    """Write a piece into a new folder; the same rows are the same bytes."""
    folder.mkdir()
    for name in GIVEN:
        table = piece.read(name, None).combine_chunks()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(str(folder / f"{name}.arrow"), table.schema, options=options) as file:
            file.write_table(table)
    facts = asdict(piece.facts)
    if facts["expected_false"] is not None:  # what is not finite is not known
        known = np.asarray(facts["expected_false"], float)
        facts["expected_false"] = known.tolist() if np.isfinite(known).all() else None
    (folder / FACTS).write_text(json.dumps(facts, allow_nan=False))


def open_piece(folder: Path) -> SourcePiece:
    """Return a piece on disk, of which nothing but its facts is in memory."""

    def read(name: str, wanted: Wanted | None) -> pa.Table:
        with pa.OSFile(str(folder / f"{name}.arrow")) as stream:
            with pa.ipc.open_file(stream) as file:
                chosen = [n for n, f in enumerate(file.schema) if wanted is None or wanted(f)]
            stream.seek(0)
            options = pa.ipc.IpcReadOptions(included_fields=chosen)
            with pa.ipc.open_file(stream, options=options) as file:
                return file.read_all()

    return SourcePiece(PieceFacts(**json.loads((folder / FACTS).read_text())), read)
