"""What mission plug-ins share: columns of any type under common names and units."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.io.fits_file import open_fits
from xsurvey.missions.reading import TableSource


@pytest.mark.parametrize(
    ("form", "values", "dtype"),
    [
        ("I", [100, 750], np.float32), ("B", [100, 200], np.float32),
        ("J", [100, 750_000_001], np.float64), ("K", [100, 750], np.float64),
        ("E", [100.0, 750.5], np.float32), ("D", [100.0, 750.5], np.float64),
    ],
)  # fmt: skip
def test_factors_of_whole_numbers(
    tmp_path: Path, form: str, values: list[float], dtype: type
) -> None:
    path = tmp_path / "e.fits"
    columns = [fits.Column("PI", form, array=np.array(values))]
    fits.HDUList(
        [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="EVENTS")]
    ).writeto(path)
    table = open_fits(path).find("EVENTS")[0]
    source = TableSource(table, {"energy": "pi", "channel": "pi"}, {"energy": 0.01})
    energy = source.decode(table.read(), "energy")
    assert energy.dtype == dtype
    assert energy == pytest.approx(0.01 * np.array(values), rel=1e-6)
    assert source.decode(table.read(), "channel") == pytest.approx(np.array(values))
