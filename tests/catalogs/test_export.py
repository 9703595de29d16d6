"""Catalogs on disk are exported some rows at a time, as if they were in memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from astropy.table import Table

from xsurvey.catalogs import export, open_catalog, write_hats
from xsurvey.catalogs.write import write_table
from xsurvey.errors import InputError

ROWS = 50


@pytest.fixture(scope="module")
def hats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts that need quotes, missing numbers, several partitions."""
    generator = np.random.default_rng(4)
    table = Table({
        "ra": generator.uniform(0, 360, ROWS), "dec": generator.uniform(-90, 90, ROWS),
        "text": [("plain", 'a "quote"', "a, comma", "")[n % 4] for n in range(ROWS)],
        "rate": np.where(np.arange(ROWS) < 20, np.nan, 1.0),
        "count": np.ma.array(np.arange(ROWS), mask=np.arange(ROWS) % 3 == 0),
    })  # fmt: skip
    path = tmp_path_factory.mktemp("export") / "hats"
    write_hats(table, path, "made", {"OBS_ID": "754"}, rows_per_partition=9)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_parts_make_the_same_file(
    hats: Path, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 7)
    catalog = open_catalog(hats)
    assert export.can_be_streamed(catalog._source, tmp_path / f"x{suffix}")
    catalog.export(tmp_path / f"parts{suffix}")
    write_table(catalog.query(), tmp_path / f"whole{suffix}")
    if suffix == ".csv":
        assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    else:
        parts, whole = (
            pa.parquet.read_table(tmp_path / f"{name}.parquet") for name in ("parts", "whole")
        )
        assert parts.equals(whole, check_metadata=True)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_without_rows_there_are_columns(suffix: str, tmp_path: Path) -> None:
    table = Table({"ra": np.empty(0), "dec": np.empty(0), "number": np.empty(0, int)})
    table.write(tmp_path / "empty.parquet")
    open_catalog(tmp_path / "empty.parquet").export(tmp_path / f"out{suffix}")
    assert [c.name for c in open_catalog(tmp_path / f"out{suffix}").columns] == table.colnames


def test_vectors_and_other_formats_are_written_from_memory(hats: Path, tmp_path: Path) -> None:
    pa.parquet.write_table(
        pa.table({"ra": [1.0], "dec": [2.0], "v": [[1, 2]]}), tmp_path / "v.parquet"
    )
    assert not export.can_be_streamed(
        open_catalog(tmp_path / "v.parquet")._source, Path("x.parquet")
    )
    assert not export.can_be_streamed(open_catalog(hats)._source, Path("x.fits"))


def test_a_damaged_part_is_told_and_leaves_no_file(hats: Path, tmp_path: Path) -> None:
    catalog = open_catalog(hats)
    file = sorted((hats / "dataset").rglob("Npix=*.parquet"))[-1]
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match="cannot be read"):
            catalog.export(tmp_path / "out.csv")
    finally:
        file.write_bytes(whole)
    assert list(tmp_path.iterdir()) == []
