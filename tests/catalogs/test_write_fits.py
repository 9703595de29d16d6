from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from xsurvey.catalogs import open_catalog, write_fits
from xsurvey.errors import OutputError


def test_units_ucds_descriptions_and_provenance_are_in_the_header(fits_path: Path) -> None:
    with fits.open(fits_path, checksum=True) as hdus:
        hdus.verify("exception")
        header = hdus[1].header
        number = hdus[1].columns.names.index("rate_b") + 1
        assert header[f"TUNIT{number}"] == "count s-1"
        assert header[f"TUCD{number}"] == "arith.rate;phot.count;em.X-ray"
        assert "0.5-7 keV" in header[f"TCOMM{number}"]
        assert header["OBS_ID"] == "754"
        assert header.comments["OBS_ID"] == "the observation"
        assert header["CREATOR"].startswith("xsurvey ")
        assert "CHECKSUM" in header
        assert "DATASUM" in header


def test_same_table_gives_same_bytes(table: Table, fits_path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.fits"
    write_fits(table, again, {"OBS_ID": ("754", "the observation"), "EXPMAP": "APPROX"})
    assert again.read_bytes() == fits_path.read_bytes()


def test_values_come_back(table: Table, fits_path: Path) -> None:
    back = open_catalog(fits_path).query()
    assert back.colnames == table.colnames
    for name in table.colnames:
        assert back[name].dtype.kind == table[name].dtype.kind
        assert back[name].unit == table[name].unit
        assert back[name].info.meta == table[name].info.meta
        np.testing.assert_array_equal(back[name], table[name])
    assert back.meta["EXPMAP"] == "APPROX"


def test_empty_table_keeps_its_columns(make_table: Callable[..., Table], tmp_path: Path) -> None:
    path = tmp_path / "empty.fits"
    empty = make_table([], [])
    write_fits(empty, path)
    with fits.open(path) as hdus:
        assert hdus[1].header["NAXIS2"] == 0
        assert hdus[1].columns.names == empty.colnames


def test_masks_vectors_and_small_types_survive(tmp_path: Path) -> None:
    path = tmp_path / "types.fits"
    table = Table(
        {
            "whole": MaskedColumn([1, 2], mask=[False, True], dtype=np.int16),
            "small": np.array([-1, 1], dtype=np.int8),
            "large": np.array([1, 2**32 - 1], dtype=np.uint32),
            "vector": np.arange(6.0).reshape(2, 3),
            "yes": [True, False],
            "text": MaskedColumn(["a", "b"], mask=[False, True]),
        }
    )
    write_fits(table, path)
    back = open_catalog(path).query()
    assert back["whole"].tolist() == [1, None]
    assert back["small"].tolist() == [-1, 1]
    assert back["large"].tolist() == [1, 2**32 - 1]
    assert back["vector"].shape == (2, 3)
    assert back["yes"].tolist() == [True, False]
    assert back["text"].tolist() == ["a", ""]


def test_what_fits_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.fits"
    with pytest.raises(OutputError, match="column name holds text that is not ASCII"):
        write_fits(Table({"name": ["Sgr A★"]}), path)
    with pytest.raises(OutputError, match="folder"):
        write_fits(Table({"a": [1]}), tmp_path / "nowhere" / "a.fits")
    with pytest.raises(ValueError, match="not a FITS keyword"):
        write_fits(Table({"a": [1]}), path, {"much_too_long": 1})
    assert not path.exists()
