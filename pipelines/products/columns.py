"""The catalog's column that leads to a source's files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xsurvey.pipelines.products.places import product_path

COLUMN = "products"


def with_products(measured: Mapping[str, Any], index: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what was measured of a stack, with the folder of each source that has files.

    Parameters
    ----------
    measured : mapping
        As the stage ``photometry`` writes it.
    index : mapping or None
        As the stage ``products`` writes it; None where there are no files of the stack.
    """
    numbers = {entry["number"] for entry in (index or {}).get("entries", ())}
    target = measured["target"]
    rows = [
        {**row, COLUMN: product_path(target, number) if number in numbers else ""}
        for number, row in enumerate(measured["rows"], start=1)
    ]
    return {**measured, "rows": rows}
