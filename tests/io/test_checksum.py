"""DATASUM of tables, against astropy's."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.io.checksum import data_match
from xsurvey.io.fits_file import open_fits


@pytest.fixture
def summed(tmp_path: Path) -> Path:
    """Rows of 13 bytes, so that neither rows nor data end at words, and a heap."""
    rng = np.random.default_rng(1)
    n = 1001
    columns = [
        fits.Column("A", "D", array=rng.normal(size=n)),
        fits.Column("B", "5B", array=rng.integers(0, 256, (n, 5), dtype=np.uint8)),
    ]
    lists = np.array([rng.integers(0, 99, k, dtype=np.int16) for k in (1, 5, 2)], dtype=object)
    hdus = [
        fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="ROWS"),
        fits.BinTableHDU.from_columns([fits.Column("C", "PI()", array=lists)], name="HEAP"),
        fits.BinTableHDU.from_columns(columns[:0], name="NOTHING"),
    ]  # fmt: skip
    path = tmp_path / "summed.fits"
    fits.HDUList(hdus).writeto(path, checksum=True)
    return path


def test_sums_agree_with_astropy(summed: Path) -> None:
    assert [data_match(t) for t in open_fits(summed).tables] == [True, True, True]


@pytest.mark.parametrize("place", [0, 5000, 13_012])
def test_a_changed_byte_is_seen(summed: Path, place: int) -> None:
    table = open_fits(summed).tables[0]
    data = bytearray(summed.read_bytes())
    data[table.offset + place] ^= 4
    summed.write_bytes(bytes(data))
    assert [data_match(t) for t in open_fits(summed).tables] == [False, True, True]


def test_without_a_sum_or_compressed_nothing_is_said(summed: Path) -> None:
    packed = summed.with_suffix(".fits.gz")
    packed.write_bytes(gzip.compress(summed.read_bytes()))
    assert [data_match(t) for t in open_fits(packed).tables] == [None] * 3
    for text in ("", "  ", "none"):
        table = open_fits(summed).tables[0]
        table.header["DATASUM"] = text
        assert data_match(table) is None
