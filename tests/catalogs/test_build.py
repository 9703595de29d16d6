from typing import Any

import numpy as np
import pytest
from astropy import units

from xsurvey.catalogs import build_table

BANDS = {"b": "0.5-7 keV"}
ROW = {
    "name": "XSV J000000.0+000000", "source_id": "1", "ra": 0.0, "dec": 0.0,
    "counts_b": 3, "flag": 0, "n_observations": 1, "n_detections": 1,
}  # fmt: skip


def build(*changes: dict[str, Any]) -> Any:
    return build_table([{**ROW, **change} for change in changes], "sources", BANDS)


def test_columns_are_typed_and_described() -> None:
    table = build({"rate_b": 0.25, "flag": np.int64(5)}, {})
    assert table["counts_b"].dtype == np.float64
    assert table["flag"].dtype == np.int32
    assert table["flag"].tolist() == [5, 0]
    assert table["rate_b"].unit == units.count / units.s
    assert table["rate_b"].info.meta["ucd"].startswith("arith.rate")
    assert "psf_fraction" in table["rate_b"].description
    assert table["rate_b"][0] == 0.25
    assert np.isnan(table["rate_b"][1])
    assert table["target"].tolist() == ["", ""]


def test_no_rows_keep_every_column() -> None:
    empty, full = build(), build({})
    assert empty.colnames == full.colnames
    assert len(empty) == 0
    assert empty["counts_b"].dtype == np.float64
    assert empty["name"].dtype.kind == "U"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ra": float("nan")}, "row 1: ra is required"),
        ({"dec": None}, "row 1: dec is required"),
        ({"name": ""}, "row 1: name is required"),
        ({"rate": 1.0}, "row 1: no column 'rate'; did you mean"),
        ({"flag": None}, "row 1: flag"),
        ({"flag": 2.5}, "row 1: flag is 2.5"),
        ({"rate_b": "0.1"}, "row 1: rate_b"),
        ({"flag": 2**40}, "flag"),
    ],
)
def test_wrong_rows_are_bugs_and_named(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build({}, change)
