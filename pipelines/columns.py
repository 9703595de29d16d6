"""Columns of the catalog that a stage gives: one file a stack, of which the rest is made.

A stage of stacks writes it with `write_columns`; in ``plan_sources`` its output is one of the
``columns``. Its values are then in the catalog, its facts and notes in the report.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xsurvey.engine.provenance import json_value

_FLAG = "flag"
Row = Mapping[str, Any]


def write_columns(
    path: Path, target: str, rows: Sequence[Row], observations: Sequence[Row] = (), *,
    facts: Mapping[str, str] | None = None, notes: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write what a stage says of the sources of a stack.

    Parameters
    ----------
    path : path
        An output of the stage.
    target : str
        ``context.target``.
    rows : sequence of mapping
        Values of columns of the schema ``sources``, with the ``number`` of the source (its place
        in the rows of ``measured.json``, from 1). Bits of ``flag`` are added to those there are.
    observations : sequence of mapping
        The same of a source in an observation, in columns of the schema ``observations``, with
        its ``number`` and the name of the ``observation``.
    facts : mapping of str to str, optional
        Lines of the report on the stack: label to text.
    notes : sequence of str
        Warnings of the report on the stack.
    """
    content = {
        "target": target, "rows": rows, "observations": observations, "facts": facts or {},
        "notes": notes,
    }  # fmt: skip
    path.write_text(json.dumps(json_value(content), allow_nan=False))


def with_columns(measured: Mapping[str, Any], found: Sequence[Path]) -> dict[str, Any]:
    """Return what was measured of a stack with the columns of other stages in its rows.

    Parameters
    ----------
    measured : mapping
        Content of ``measured.json``.
    found : sequence of path
        Files that `write_columns` wrote, of any stacks; those of others are left out. Where a
        stage failed its file is not there, and its columns have no values.

    Raises
    ------
    ValueError
        Two stages give one column.
    """
    rows = {(n,): dict(row) for n, row in enumerate(measured["rows"], start=1)}
    seen = {(r["number"], r["observation"]): dict(r) for r in measured.get("observations", ())}
    for one in _of(measured["target"], found):
        _add(rows, one["rows"], ("number",))
        _add(seen, one["observations"], ("number", "observation"))
    return {**measured, "rows": list(rows.values()), "observations": list(seen.values())}


def said_of(target: str, found: Sequence[Path]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the facts and notes of a stack in files that `write_columns` wrote."""
    own = list(_of(target, found))
    return [pair for one in own for pair in one["facts"].items()], [
        note for one in own for note in one["notes"]
    ]


def _of(target: str, found: Sequence[Path]) -> Iterator[dict[str, Any]]:
    contents = (json.loads(path.read_text()) for path in found)
    return (one for one in contents if one["target"] == target)


def _add(
    rows: Mapping[tuple[Any, ...], dict[str, Any]], new: Sequence[Row], key: tuple[str, ...]
) -> None:
    for one in new:
        row = rows.get(tuple(one[k] for k in key))
        if row is None:  # the observation did not see the source
            continue
        values = {name: value for name, value in one.items() if name not in key}
        if _FLAG in values:
            values[_FLAG] |= row.pop(_FLAG, 0)
        if twice := sorted(set(values) & set(row)):
            raise ValueError(f"two stages give the column '{twice[0]}'")
        row |= values
