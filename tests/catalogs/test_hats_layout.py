from collections.abc import Callable
from pathlib import Path

import hats
import numpy as np
import pyarrow.parquet
import pytest
from astropy.table import Table
from hats.io.validation import is_valid_catalog
from hats.pixel_math.spatial_index import compute_spatial_index

from xsurvey.catalogs import open_catalog, write_hats
from xsurvey.errors import OutputError


def tree(path: Path) -> dict[str, bytes]:
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def test_hats_opens_it(table: Table, hats_path: Path) -> None:
    assert is_valid_catalog(hats_path, strict=True)
    catalog = hats.read_hats(hats_path)
    assert catalog.catalog_info.total_rows == len(table)
    assert catalog.catalog_info.ra_column == "ra"
    assert [(p.order, p.pixel) for p in catalog.get_healpix_pixels()] == [(0, 10)]
    assert catalog.schema.names == ["_healpix_29", *table.colnames]


def test_index_is_the_one_of_hats_and_sorted(hats_path: Path) -> None:
    rows = pyarrow.parquet.read_table(hats_path / "dataset" / "Norder=0")
    index = rows["_healpix_29"].to_numpy()
    assert np.all(np.diff(index) >= 0)
    expected = compute_spatial_index(rows["ra"].to_numpy(), rows["dec"].to_numpy())
    np.testing.assert_array_equal(index, expected)


def test_splits_where_sources_crowd(make_table: Callable[..., Table], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    crowd = rng.normal(0, 0.5, (2, 300))
    sky = rng.uniform(0, 360, 300), np.degrees(np.arcsin(rng.uniform(-1, 1, 300)))
    table = make_table(np.append(40 + crowd[0], sky[0]), np.append(10 + crowd[1], sky[1]))
    path = tmp_path / "all.hats"
    write_hats(table, path, "all", rows_per_partition=60)
    assert is_valid_catalog(path, strict=True)
    pixels = hats.read_hats(path).get_healpix_pixels()
    assert len({pixel.order for pixel in pixels}) > 1
    counts = {}
    for file in (path / "dataset").rglob("*.parquet"):
        rows = pyarrow.parquet.read_table(file, partitioning=None)
        order = int(file.parent.parent.name.removeprefix("Norder="))
        pixel = int(file.stem.removeprefix("Npix="))
        index = rows["_healpix_29"].to_numpy()
        np.testing.assert_array_equal(index >> 2 * (29 - order), pixel)
        counts[order, pixel] = len(rows)
    assert max(counts.values()) <= 60
    assert sum(counts.values()) == 600
    assert sorted(counts) == sorted((pixel.order, pixel.pixel) for pixel in pixels)


def test_no_sources_give_a_readable_catalog(
    make_table: Callable[..., Table], tmp_path: Path
) -> None:
    path = tmp_path / "none.hats"
    write_hats(make_table([], []), path, "none")
    assert is_valid_catalog(path, strict=True)
    assert hats.read_hats(path).catalog_info.total_rows == 0
    found = open_catalog(path).query(cone="1,2,3arcmin", where="rate_b > 1")
    assert len(found) == 0
    assert found["rate_b"].unit == "count / s"


def test_same_table_gives_same_bytes(table: Table, hats_path: Path, tmp_path: Path) -> None:
    write_hats(table, tmp_path / "again.hats", "made", {"OBS_ID": "754"})
    assert tree(tmp_path / "again.hats") == tree(hats_path)


def test_units_and_provenance_are_in_the_parquet_metadata(hats_path: Path) -> None:
    schema = pyarrow.parquet.read_schema(hats_path / "dataset" / "_common_metadata")
    metadata = schema.field("rate_b").metadata
    assert metadata[b"unit"] == b"ct / s"
    assert metadata[b"ucd"].startswith(b"arith.rate")
    assert b"0.5-7 keV" in metadata[b"description"]
    assert open_catalog(hats_path).query(limit=0).meta["OBS_ID"] == "754"


def test_replaces_a_catalog_but_never_anything_else(
    make_table: Callable[..., Table], hats_path: Path, tmp_path: Path
) -> None:
    write_hats(make_table([1.0], [2.0]), hats_path, "other")
    assert len(open_catalog(hats_path)) == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(OutputError, match="holds other files"):
        write_hats(make_table([1.0], [2.0]), tmp_path / "mine", "other")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


def test_positions_must_be_there(tmp_path: Path) -> None:
    bad = Table({"ra": [1.0, np.nan], "dec": [2.0, 3.0]})
    with pytest.raises(OutputError, match="row 1"):
        write_hats(bad, tmp_path / "bad.hats", "bad")
    with pytest.raises(OutputError, match="no column 'ra'"):
        write_hats(Table({"a": [1.0]}), tmp_path / "bad.hats", "bad")
