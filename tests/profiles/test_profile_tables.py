"""Tables of profiles: units, provenance, and what is read back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable

from xsurvey.errors import InputError
from xsurvey.profiles.azimuthal import azimuthal_median
from xsurvey.profiles.bins import equal_edges
from xsurvey.profiles.brightness import brightness
from xsurvey.profiles.extraction import extract_sectors
from xsurvey.profiles.geometry import RadialGeometry, equal_sectors
from xsurvey.profiles.profile_tables import profile_columns, read_profiles, write_profiles

from .images import CENTRE, flat, poisson

GEOMETRY = RadialGeometry(CENTRE, (0.5, 30.0))
EXPOSURE = replace(flat(5000.0), stamps={"EXPMAP": "APPROX"})
COUNTS = poisson(lambda r: 0.1 / (1 + r**2), EXPOSURE, 3)
PROFILES = extract_sectors(
    COUNTS, EXPOSURE, GEOMETRY, equal_edges(0.5, 4.0), [None, *equal_sectors(3)], flat(0.1)
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    medians = [azimuthal_median(COUNTS, EXPOSURE, p, GEOMETRY) for p in PROFILES]
    write_profiles(
        tmp_path / "p.fits", PROFILES, GEOMETRY, {"OBJECT": "Abell é", "H0": (70.0, "km/s/Mpc")},
        medians, ["one line"],
    )  # fmt: skip
    found, header = read_profiles(tmp_path / "p.fits")
    assert len(found) == 4
    for profile, columns in zip(PROFILES, found, strict=True):
        for name, values in profile_columns(profile).items():
            assert columns[name] == pytest.approx(values, nan_ok=True)
    assert found[2]["sector_first"].tolist() == [120.0] * 8
    assert found[0]["median"] == pytest.approx(medians[0].value, nan_ok=True)
    assert (header["RA_CEN"], header["DEC_CEN"]) == CENTRE
    assert (header["ELLRATIO"], header["ELLANGLE"]) == (2.0, 30.0)
    assert (header["EXPMAP"], header["OBJECT"], header["H0"]) == ("APPROX", "Abell _", 70.0)


def test_units_are_those_of_astropy(tmp_path: Path) -> None:
    write_profiles(tmp_path / "p.fits", PROFILES, GEOMETRY)
    table = QTable.read(tmp_path / "p.fits", hdu=1)
    assert str(table["brightness"].unit) in ("ct / (arcmin2 s)", "ct / (s arcmin2)")
    assert table["exposure"].unit == "s" and table["area"].unit == "arcmin2"
    rows = table[table["sector"] == 0]
    light = brightness(PROFILES[0])
    assert rows["brightness_lower"].value == pytest.approx(light.lower)
    first = (tmp_path / "p.fits").read_bytes()
    write_profiles(tmp_path / "p.fits", PROFILES, GEOMETRY)
    assert (tmp_path / "p.fits").read_bytes() == first
    with fits.open(tmp_path / "p.fits", checksum=True) as hdus:
        assert hdus[1].name == "PROFILE"


def test_other_files_are_refused(tmp_path: Path) -> None:
    COUNTS.write(tmp_path / "image.fits")
    with pytest.raises(InputError, match="no table PROFILE"):
        read_profiles(tmp_path / "image.fits")
    column = fits.Column("radius", "D", array=np.ones(2))
    fits.BinTableHDU.from_columns([column], name="PROFILE").writeto(tmp_path / "table.fits")
    with pytest.raises(InputError, match="no column brightness"):
        read_profiles(tmp_path / "table.fits")
    with pytest.raises(InputError, match="does not exist"):
        read_profiles(tmp_path / "none.fits")
