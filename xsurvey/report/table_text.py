"""Tables of a page: texts, and values with errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xsurvey.report.numbers import Value


@dataclass(frozen=True)
class TableText:
    """A table: columns with units, rows of texts and values."""

    columns: Sequence[tuple[str, str]] = ()
    rows: Sequence[Sequence[str | Value]] = field(default_factory=list)


def number_of(record: Mapping[str, Any] | None, name: str) -> float:
    """Return a number of a record, NaN where it is null or absent."""
    value = None if record is None else record.get(name)
    return float("nan") if value is None else float(value)
