"""Tables written some rows at a time are those of `write_fits` and `write_hats`."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Column, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.catalogs import hats_layout, open_catalog, write_fits, write_hats
from xsurvey.catalogs.fits_rows import FitsRows, fits_values, records_table, row_type, writing_fits
from xsurvey.catalogs.fits_sum import DataSum, set_checksums
from xsurvey.catalogs.hats_of_file import hats_of_file
from xsurvey.errors import InputError, OutputError

HEADER = {"OBS_ID": ("754", "the observation"), "EXPMAP": "APPROX"}


def made(rows: int) -> Table:
    generator = np.random.default_rng(rows)
    table = Table(meta={"SCHEMA": "made 1"})
    names = [f"source {n}" for n in range(rows)]
    table["name"] = Column(np.array(names, dtype="U") if names else np.empty(0, "U1"))
    table["ra"] = Column(generator.uniform(0, 360, rows), unit="deg", description="place",
                         meta={"ucd": "pos.eq.ra;meta.main"})  # fmt: skip
    table["dec"] = Column(generator.uniform(-90, 90, rows), unit="deg")
    table["rate"] = Column(np.where(generator.random(rows) < 0.5, np.nan, 1.0), unit="ct / s")
    table["good"] = Column(generator.random(rows) < 0.5)
    table["number"] = Column(generator.integers(-9, 9, rows).astype(np.int32))
    table["small"] = Column(generator.random(rows).astype(np.float32))
    return table


def write_in_parts(table: Table, path: Path, size: int) -> Table:
    """Write a table some rows at a time; return its columns without rows."""
    empty = table[:0]
    widths = {"name": max(map(len, table["name"]), default=1)}
    with writing_fits(path, empty, widths, len(table), HEADER) as writer:
        for start in range(0, len(table), size):
            part = table[start : start + size]
            rows = np.zeros(len(part), writer.dtype)
            for name in part.colnames:
                rows[name] = fits_values(np.asarray(part[name]), writer.dtype[name])
            writer.append(rows)
    return empty


@pytest.mark.parametrize(("rows", "size"), [(0, 5), (1, 1), (57, 10), (60, 60)])
def test_files_have_the_same_bytes(
    rows: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hats_layout, "ROWS_PER_GROUP", 4)
    table = made(rows)
    write_fits(table, tmp_path / "whole.fits", HEADER)
    empty = write_in_parts(table, tmp_path / "parts.fits", size)
    assert (tmp_path / "parts.fits").read_bytes() == (tmp_path / "whole.fits").read_bytes()
    with fits.open(tmp_path / "parts.fits") as file:
        assert file[1].verify_checksum() == file[1].verify_datasum() == 1
    write_hats(table, tmp_path / "whole", "made", HEADER, rows_per_partition=9)
    hats_of_file(
        tmp_path / "parts.fits", empty, tmp_path / "parts", "made", HEADER, rows_per_partition=9
    )
    files = sorted(p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*.*"))
    assert files == sorted(
        p.relative_to(tmp_path / "parts") for p in (tmp_path / "parts").rglob("*.*")
    )
    for file in files:
        assert (tmp_path / "parts" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert len(open_catalog(tmp_path / "parts")) == rows


def test_rows_are_read_in_any_order(tmp_path: Path) -> None:
    table = made(40)
    write_fits(table, tmp_path / "t.fits")
    rows = FitsRows(tmp_path / "t.fits")
    assert len(rows) == 40
    wanted = np.array([7, 8, 9, 3, 39, 0, 3])
    found = rows.table(rows.take(wanted))
    for name in table.colnames:
        np.testing.assert_array_equal(found[name], table[name][wanted])
        assert found[name].unit == table[name].unit
    assert found["ra"].description == "place"
    assert found["ra"].info.meta == {"ucd": "pos.eq.ra;meta.main"}
    assert rows.take(np.empty(0, int)).shape == (0,)
    joined = np.concatenate(list(rows.chunks(7)))
    np.testing.assert_array_equal(records_table(joined, rows.empty)["name"], table["name"])


def test_what_is_no_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.fits").write_text("no FITS")
    with pytest.raises(InputError, match="is no table"):
        FitsRows(tmp_path / "text.fits")
    write_fits(made(40), tmp_path / "t.fits")
    rows = FitsRows(tmp_path / "t.fits")
    whole = (tmp_path / "t.fits").read_bytes()
    (tmp_path / "t.fits").write_bytes(whole[: len(whole) - 2880])
    with pytest.raises(InputError, match="ends too early"):
        rows.take(np.arange(40))


def test_another_number_of_rows_leaves_no_file(tmp_path: Path) -> None:
    table = made(3)
    none = writing_fits(tmp_path / "t.fits", table[:0], {"name": 8}, 3)
    with pytest.raises(ValueError, match="0 rows of 3"), none:
        pass
    other = writing_fits(tmp_path / "t.fits", table[:0], {"name": 8}, 3)
    with pytest.raises(TypeError, match="rows of"), other as writer:
        writer.append(np.zeros(3, row_type(table[:0], {"name": 9})))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_not_on_the_sky_is_told_by_its_row(tmp_path: Path) -> None:
    table = made(9)
    table["dec"][7] = 91.0
    write_fits(table, tmp_path / "t.fits")
    with pytest.raises(OutputError, match="row 7 is missing or not on the sky"):
        hats_of_file(tmp_path / "t.fits", table[:0], tmp_path / "hats", "made")
    assert not (tmp_path / "hats").exists()


@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=4))
@settings(max_examples=60, deadline=None)
def test_checksums_are_those_of_astropy(data: bytes, cuts: list[int]) -> None:
    hdu = fits.PrimaryHDU(np.frombuffer(data or b"\0", np.uint8))
    hdu.add_checksum(when="made")
    header = hdu.header.copy()
    expected = header["DATASUM"], header["CHECKSUM"]
    total = DataSum()
    edges = [0, *sorted(cuts), 400]
    for start, end in itertools.pairwise(edges):
        total.add((data or b"\0")[start:end])
    set_checksums(header, total.value)
    assert (header["DATASUM"], header["CHECKSUM"]) == expected
