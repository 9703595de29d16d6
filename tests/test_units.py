import astropy.units as u
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.units import (
    parse_angle,
    parse_cone,
    parse_energy_band,
    parse_sky_position,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "arcsec"),
    [("30arcsec", 30), ("0.5arcmin", 30), ("1deg", 3600), ('5"', 5), ("2'", 120)],
)
def test_angles_carry_their_unit(text: str, arcsec: float) -> None:
    assert parse_angle(text) == pytest.approx(arcsec)


def test_quantities_are_taken() -> None:
    assert parse_angle(0.5 * u.arcmin) == pytest.approx(30)
    assert parse_time(2 * u.ks) == pytest.approx(2000)
    assert parse_sky_position(SkyCoord(10, -5, unit="deg")) == pytest.approx((10, -5))


@pytest.mark.parametrize("text", ["30", "arcsec", "30 parsec", "nan arcsec", "1e5", "", "30s"])
def test_angles_without_a_good_unit_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unit|angle"):
        parse_angle(text)


@pytest.mark.parametrize("text", ["7-0.5", "0.5", "a-b", "0.5-0.5", "-1-2", "0.5-inf"])
def test_bands_must_increase(text: str) -> None:
    with pytest.raises(ValueError, match="energy range"):
        parse_energy_band(text)


@given(st.floats(0, 359.9999), st.floats(-89.99, 89.99))
def test_degrees_and_sexagesimal_agree(ra: float, dec: float) -> None:
    coordinate = SkyCoord(ra, dec, unit="deg")
    text = coordinate.to_string("hmsdms", sep=":", precision=5).replace(" ", ",")
    parsed = parse_sky_position(text)
    assert coordinate.separation(SkyCoord(*parsed, unit="deg")).arcsec < 1e-3


@pytest.mark.parametrize("text", ["10", "10,95", "10,20,30", "1:70:00,2", "x,y", "nan,2"])
def test_positions_off_the_sky_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RA,DEC|sky"):
        parse_sky_position(text)


def test_cone_needs_a_radius_with_a_unit() -> None:
    assert parse_cone("15:13:55.6,-59:08:09,1arcmin").radius == 60
    for text in ("10,20,5", "10,20,0arcsec", "20,5arcsec"):
        with pytest.raises(ValueError, match=r"unit|radius|RA,DEC"):
            parse_cone(text)


def test_blanks_may_separate_coordinates() -> None:
    whole = parse_sky_position("15:13:55.6,-59:08:09")
    assert parse_sky_position("15 13 55.6 -59 08 09") == whole
    assert parse_sky_position("228.48 -59.1") == (228.48, -59.1)
    assert parse_cone("228.48 -59.1 1arcmin") == (228.48, -59.1, 60.0)
    assert parse_cone("15 13 55.6,-59 08 09,1arcmin")[:2] == whole
    for text in ("228.48", "15 13 55.6 -59", "1 2 3"):
        with pytest.raises(ValueError, match="RA,DEC"):
            parse_sky_position(text)
    for text in ("228.48,-59.1", "228.48 -59.1", "", "5arcsec"):
        with pytest.raises(ValueError, match="RA,DEC,RADIUS"):
            parse_cone(text)
