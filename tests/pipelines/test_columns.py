"""Columns that stages give to the rows of the catalog, and what they say in the report."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xsurvey.pipelines.columns import said_of, with_columns, write_columns

MEASURED: dict[str, Any] = {
    "target": "field",
    "rows": [{"ra": 1.0, "flag": 1}, {"ra": 2.0, "flag": 0}],
    "observations": [
        {"number": 1, "observation": "a", "ra": 1.0}, {"number": 2, "observation": "a", "ra": 2.0},
        {"number": 1, "observation": "b", "ra": 1.0},
    ],
    "bands": {"b": "0.5-7 keV"},
}  # fmt: skip


def test_rows_are_joined_by_the_number_of_the_source(tmp_path: Path) -> None:
    level, other = tmp_path / "level.json", tmp_path / "other.json"
    write_columns(
        level, "field", [{"number": 2, "level": np.float32(0.5)}, {"number": 1, "level": np.nan}],
        [
            {"number": 1, "observation": "b", "seen": 7},
            {"number": 2, "observation": "b", "seen": 8},  # which did not see it
        ],
    )  # fmt: skip
    write_columns(other, "elsewhere", [{"number": 1, "level": 9.0}])
    joined = with_columns(MEASURED, [other, level])
    assert joined["rows"] == [
        {"ra": 1.0, "flag": 1, "level": None}, {"ra": 2.0, "flag": 0, "level": 0.5},
    ]  # fmt: skip
    assert joined["observations"] == [
        *MEASURED["observations"][:2], {**MEASURED["observations"][2], "seen": 7}
    ]  # fmt: skip
    assert joined["bands"] == MEASURED["bands"]
    assert MEASURED["rows"][1] == {"ra": 2.0, "flag": 0}, "what was given stays as it is"
    # a stage that failed for this stack gives nothing
    assert with_columns(MEASURED, [other]) == MEASURED


def test_flags_are_added_and_columns_have_one_stage(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    write_columns(one, "field", [{"number": 1, "flag": 4}, {"number": 2, "flag": 4, "level": 1.0}])
    write_columns(two, "field", [{"number": 1, "flag": 8}])
    assert [row["flag"] for row in with_columns(MEASURED, [one, two])["rows"]] == [13, 4]
    write_columns(two, "field", [{"number": 2, "level": 2.0}])
    with pytest.raises(ValueError, match="two stages give the column 'level'"):
        with_columns(MEASURED, [one, two])


def test_what_is_said_of_a_stack(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    write_columns(one, "field", [], facts={"level": "3"}, notes=["is low"])
    write_columns(two, "elsewhere", [], facts={"level": "4"}, notes=["is high"])
    assert said_of("field", [one, two]) == ([("level", "3")], ["is low"])
    assert said_of("nowhere", [one, two]) == ([], [])
