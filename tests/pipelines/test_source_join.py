"""The catalog that is written some rows at a time is the one that is made in memory."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xsurvey import __version__
from xsurvey.catalogs import fits_rows, hats_layout, hats_of_file, write_fits, write_hats
from xsurvey.pipelines import source_join, source_records
from xsurvey.pipelines.source_pieces import open_piece, piece_of, write_piece
from xsurvey.pipelines.source_products import (
    CATALOG_NAME,
    TABLES,
    false_keywords,
    flux_keywords,
    write_catalog,
)
from xsurvey.pipelines.source_tables import source_tables

from .reference_tables import reference_tables

ARCSEC = 1 / 3600
MISSING = st.sampled_from([None, float("nan")])
Measured = list[dict[str, Any]]


@st.composite
def rows(draw: st.DrawFn, bands: dict[str, str]) -> dict[str, Any]:
    place = draw(st.tuples(st.integers(-3, 3), st.integers(-3, 3)))
    row: dict[str, Any] = {
        "ra": (place[0] * draw(st.sampled_from([0.4, 1.0, 2000.0])) * ARCSEC) % 360,
        "dec": 2.0 + place[1] * ARCSEC, "flag": draw(st.integers(0, 7)),
        "position_error": draw(st.sampled_from([0.2, 0.5, 2.0]) | MISSING),
        "error_major_68": draw(st.sampled_from([0.3, 3.0]) | MISSING), "error_minor_68": 0.2,
        "error_angle": draw(st.sampled_from([0.0, 45.0])),
        # few values, so that some are equal
        "detection_likelihood": draw(st.sampled_from([10.0, 20.0]) | st.none()),
        "mission": draw(st.sampled_from(["one", "two"])), "psf_radius": 2.0,
        "target": draw(st.sampled_from(["", "Circinus é", "a longer name"])),
        "n_observations": 99, "classification": draw(st.sampled_from(["TRUE", "MARGINAL"])),
    }  # fmt: skip
    return row | {f"counts_{b}": draw(st.floats(0, 9)) for b in bands}


@st.composite
def stacks(draw: st.DrawFn) -> Measured:
    names = ["a", "a_t1", "stack_c", "d"]
    measured = []
    for name in names[: draw(st.integers(0, 4))]:
        bands = {b: f"{b} keV" for b in draw(st.sampled_from(["b", "bs", "s", ""]))}
        own = draw(st.lists(rows(bands), max_size=12))
        seen = [
            {
                "number": draw(st.integers(0, len(own) + 1)),
                "observation": draw(st.sampled_from(["early", "late", "x"])), "flag": 0,
                "start": draw(st.sampled_from([54000.0, 55000.0]) | MISSING),
                "ra": 1.0, "dec": 2.0, "obs_id": draw(st.sampled_from(["", "12345"])),
            }
            for _ in range(draw(st.integers(0, 8)))
        ]  # fmt: skip
        one = {
            "target": name, "rows": own, "observations": seen, "bands": bands, "hardness": {},
            "searched": {b: f"{b} keV" for b in "sb"[: draw(st.integers(0, 2))]},
            "expected_false": draw(st.sampled_from([[0.1, 0.3], [float("nan"), 1.0], None])),
            "flux_spectrum": "power law",
        }  # fmt: skip
        if draw(st.booleans()):
            one["group"] = draw(st.sampled_from(["t", name]))
            one["owned"] = draw(st.lists(st.booleans(), min_size=len(own), max_size=len(own)))
        measured.append(one)
    return measured


@pytest.fixture(scope="module")
def few_at_once() -> Any:
    """Chunks, groups of rows and a cache of pieces that are smaller than the tables."""
    patch = pytest.MonkeyPatch()
    patch.setattr(fits_rows.FitsRows.chunks, "__defaults__", (5,))
    patch.setattr(source_join.JoinedTable.chunks, "__defaults__", (3,))
    patch.setattr(hats_of_file, "ROWS_AT_ONCE", 5)
    patch.setattr(hats_layout, "ROWS_PER_GROUP", 4)
    patch.setattr(source_records, "_CACHE_BYTES", 1)
    yield
    patch.undo()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(measured=stacks(), systematic=st.sampled_from([0.0, 1.5]))
def test_tables_are_those_of_the_reference(
    few_at_once: None, measured: Measured, systematic: float
) -> None:
    expected = reference_tables(measured, "XSV", (), systematic)
    for name, table in vars(source_tables(measured, "XSV", (), systematic)).items():
        assert table.colnames == expected[name].colnames
        for column in table.colnames:
            np.testing.assert_array_equal(table[column], expected[name][column])
            assert table[column].dtype == expected[name][column].dtype


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(measured=stacks(), systematic=st.sampled_from([0.0, 1.5]))
def test_files_are_those_of_the_reference(
    few_at_once: None, measured: Measured, systematic: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _compare_files(Path(folder), measured, systematic)


def _compare_files(folder: Path, measured: Measured, systematic: float) -> None:
    expected = reference_tables(measured, "XSV", (), systematic)
    written, same = folder / "written", folder / "expected"
    written.mkdir()
    same.mkdir()
    for one in measured:
        write_piece(folder / one["target"], piece_of(one))
    pieces = [open_piece(folder / one["target"]) for one in measured]
    groups = {one["target"]: one["group"] for one in measured if "group" in one}
    lengths = write_catalog(written, pieces, "XSV", groups, systematic)
    header = {
        "CREATOR": f"xsurvey {__version__}",
        **false_keywords(measured),
        **flux_keywords(measured),
    }
    for name in TABLES:
        assert lengths[name] == len(expected[name])
        write_fits(expected[name], same / f"{name}.fits", header)
        hats = "hats" if name == CATALOG_NAME else f"hats_{name}"
        write_hats(expected[name], same / hats, name, header)
    files = sorted(p.relative_to(same) for p in same.rglob("*") if p.is_file())
    assert {*files, Path("sources.reg")} == {
        p.relative_to(written) for p in written.rglob("*") if p.is_file()
    }
    for file in files:
        assert (written / file).read_bytes() == (same / file).read_bytes(), file
    circles = (written / "sources.reg").read_text().splitlines()[2:]
    assert len(circles) == len(expected["sources"])


def test_a_piece_is_the_same_bytes_again(tmp_path: Path) -> None:
    row = {"ra": 1.0, "dec": 2.0, "flag": 0, "counts_b": 1.0, "mission": "one"}
    measured = {"target": "f", "rows": [row], "bands": {"b": "1-2 keV"}, "hardness": {}}
    for name in ("one", "two"):
        write_piece(tmp_path / name, piece_of(measured))
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
    piece = open_piece(tmp_path / "one")
    assert piece.read("sources", lambda field: field.name in ("ra", "flag")).to_pylist() == [
        {"ra": 1.0, "flag": 0}
    ]
    assert len(piece.read("observations", None)) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [({"count_b": 1.0}, "no column 'count_b'"), ({"ra": None}, "ra is required"),
     ({"flag": "x"}, "which is no int")],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_refused_where_it_is_made(
    change: dict[str, Any], message: str
) -> None:
    row = {"ra": 1.0, "dec": 2.0, "flag": 0, **change}
    with pytest.raises(ValueError, match=message):
        piece_of({"target": "f", "rows": [row], "bands": {"b": "1-2 keV"}, "hardness": {}})
