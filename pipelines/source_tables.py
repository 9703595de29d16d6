"""From what stacks measured to three tables: sources, detections, observations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey.catalogs.fits_rows import records_table, row_type
from xsurvey.pipelines.source_join import JoinedTable, joined_tables
from xsurvey.pipelines.source_linking import source_id
from xsurvey.pipelines.source_pieces import piece_of

__all__ = ["SourceTables", "source_id", "source_tables"]


@dataclass(frozen=True)
class SourceTables:
    """The tables of a catalog, joined by ``source_id`` and ``detection_id``."""

    sources: Table
    detections: Table
    observations: Table


def source_tables(
    measured: Sequence[Mapping[str, Any]], acronym: str, parts: Collection[str] = (),
    systematic: float = 0.5,
) -> SourceTables:  # fmt: skip
    """Join what stacks measured, in memory; `write_catalog` does the same with files.

    Parameters
    ----------
    measured : sequence of mapping
        Each with the name of its ``target``, in ASCII, of which no two are alike; ``rows``,
        ``bands`` and ``hardness`` as `measure_sources` returns them; and, where there are, its
        ``observations`` (each with the ``number`` of its row, from 1) and ``searched`` bands, where
        they are not the measured ones. Of tiles also the ``group``
        that they are of, and whether each row is ``owned``.
    acronym : str
        Prefix of the IAU designations.
    parts : collection of str
        Of the schema, beside what all catalogs have.
    systematic : float
        Error of each stack's coordinates on each axis, arcsec, for matches between stacks.

    Returns
    -------
    SourceTables
        A source that tiles share is that of the tile which owns it. Detections of other stacks
        that agree within their errors are one source; it has the columns of the most likely one.

    Raises
    ------
    InputError
        Two missions give a letter to different bands.
    """
    groups = {one["target"]: one.get("group", one["target"]) for one in measured}
    pieces = [piece_of(one, parts) for one in measured]
    joined = joined_tables(pieces, groups, acronym, systematic)
    return SourceTables(**{name: _in_memory(table) for name, table in joined.items()})


def _in_memory(joined: JoinedTable) -> Table:
    rows = [np.empty(0, row_type(joined.empty, joined.widths)), *joined.chunks()]
    return records_table(np.concatenate(rows), joined.empty)
