from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.catalogs import assign_names


def name(ra: float, dec: float) -> str:
    return assign_names([ra], [dec])[0]


@pytest.mark.parametrize(
    ("ra", "dec", "expected"),
    [
        (228.481666667, -59.135833333, "J151355.6-590808"),
        (0.0, 0.0, "J000000.0+000000"),
        (359.9999, 89.99999, "J235959.9+895959"),
        (-1.5 / 3600, -0.5 / 3600, "J235959.9-000000"),
        (360.0, -0.0, "J000000.0+000000"),
        (15.0, -90.0, "J010000.0-900000"),
    ],
)
def test_coordinates_are_truncated(ra: float, dec: float, expected: str) -> None:
    assert name(ra, dec) == f"XSV {expected}"


def test_exact_boundaries_do_not_fall_below() -> None:
    # each of these, multiplied out in floating point, may end one unit below a whole arcsec
    for arcsec in range(0, 3600, 7):
        dec = float(Decimal(arcsec) / Decimal(3600))
        assert name(0.0, dec)[-4:] == f"{arcsec // 60:02d}{arcsec % 60:02d}"


@given(
    tenths=st.integers(0, 863_999),
    seconds=st.integers(-323_999, 323_999),
    part=st.floats(0.001, 0.998),
)
def test_every_position_is_in_the_cell_it_is_named_for(
    tenths: int, seconds: int, part: float
) -> None:
    ra = (tenths + part) * 1.5 / 3600
    dec = (abs(seconds) + part) / 3600 * (-1 if seconds < 0 else 1)
    text = name(ra, dec).removeprefix("XSV J")
    hours, minutes, ra_seconds = int(text[:2]), int(text[2:4]), Decimal(text[4:8])
    assert (hours * 3600 + minutes * 60) * 10 + int(ra_seconds * 10) == tenths
    assert text[8] == ("-" if seconds < 0 else "+")
    degrees, arcmin, arcsec = int(text[9:11]), int(text[11:13]), int(text[13:15])
    assert degrees * 3600 + arcmin * 60 + arcsec == abs(seconds)


def test_equal_designations_get_letters_whatever_the_order() -> None:
    ra, dec = np.array([10.0002, 10.0001, 200.0]), np.array([5.0001, 5.0001, 5.0])
    names = assign_names(ra, dec, "TEST")
    assert names[0][-1] == "B"
    assert names[1][-1] == "A"
    assert names[2].endswith("+050000")
    assert assign_names(ra[::-1], dec[::-1], "TEST") == names[::-1]


@pytest.mark.parametrize("prefix", ["", "XS", "X V", "X\nV"])
def test_prefixes_the_iau_refuses(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        assign_names([1.0], [1.0], prefix)


def test_missing_positions_have_no_name() -> None:
    with pytest.raises(ValueError, match="row 1"):
        assign_names([1.0, np.nan], [1.0, 1.0])
