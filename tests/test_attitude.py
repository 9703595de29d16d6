import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.attitude import Attitude, separations, unit_vectors

places = st.tuples(st.floats(0, 360), st.floats(-90, 90))


def degrees(vector: np.ndarray) -> tuple[float, float]:
    x, y, z = vector
    return float(np.degrees(np.arctan2(y, x)) % 360), float(np.degrees(np.arcsin(z)))


@given(places, places)
def test_separations_are_those_of_astropy(first: tuple, second: tuple) -> None:
    mine = separations(unit_vectors(*first), unit_vectors(*second))
    theirs = SkyCoord(*first, unit="deg").separation(SkyCoord(*second, unit="deg")).arcmin
    assert mine == pytest.approx(theirs, abs=1e-6, rel=1e-7)
    assert mine == pytest.approx(separations(unit_vectors(*second), unit_vectors(*first)))


@pytest.mark.parametrize("angle", [1e-7, 1e-4, 0.1, 30.0])
def test_small_angles_keep_their_digits(angle: float) -> None:
    # arcmin along the equator and across a pole
    equator = separations(unit_vectors(10.0, 0.0), unit_vectors(10.0 + angle / 60, 0.0))
    pole = separations(unit_vectors(0.0, 90 - angle / 120), unit_vectors(180.0, 90 - angle / 120))
    assert equator == pytest.approx(angle, rel=1e-5)
    assert pole == pytest.approx(angle, rel=1e-5)


def test_directions_at_the_samples_and_between() -> None:
    attitude = Attitude.from_samples(np.array([0.0, 10.0]), np.array([20, 24]), np.zeros(2))
    assert degrees(attitude.at(np.array([10.0]))[0]) == pytest.approx((24, 0))
    assert degrees(attitude.at(np.array([5.0]))[0]) == pytest.approx((22, 0))
    # a quarter of the way, along the chord
    assert degrees(attitude.at(np.array([2.5]))[0])[0] == pytest.approx(21, abs=0.001)


def test_beyond_the_ends_the_last_direction_holds() -> None:
    attitude = Attitude.from_samples(np.array([0.0, 10.0]), np.array([20, 24]), np.zeros(2))
    before, after = attitude.at(np.array([-100.0, 1e9]))
    assert degrees(before) == pytest.approx((20, 0))
    assert degrees(after) == pytest.approx((24, 0))


def test_a_scan_over_right_ascension_zero_goes_the_short_way() -> None:
    attitude = Attitude.from_samples(np.array([0.0, 1.0]), np.array([359.9, 0.1]), np.zeros(2))
    ra, dec = degrees(attitude.at(np.array([0.5]))[0])
    assert min(ra, 360 - ra) == pytest.approx(0, abs=1e-9)
    assert dec == pytest.approx(0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_scan_over_a_pole_goes_over_it(sign: int) -> None:
    attitude = Attitude.from_samples(
        np.array([0.0, 1.0]), np.array([40.0, 220.0]), np.full(2, sign * 89.5)
    )
    assert degrees(attitude.at(np.array([0.5]))[0])[1] == pytest.approx(sign * 90, abs=1e-6)


@given(st.permutations(range(5)))
def test_samples_come_in_any_order(order: list) -> None:
    time, ra = np.arange(5.0), 10 + np.arange(5.0) ** 2 / 10
    sorted_ = Attitude.from_samples(time, ra, np.zeros(5))
    mixed = Attitude.from_samples(time[order], ra[order], np.zeros(5))
    assert np.array_equal(sorted_.time, mixed.time)
    assert np.array_equal(sorted_.ra, mixed.ra)


def test_samples_that_are_no_directions_are_left_out() -> None:
    time = np.array([0.0, 1.0, 2.0, 2.0, 3.0, np.nan, 5.0])
    ra = np.array([1.0, np.nan, 3.0, 99.0, 4.0, 5.0, 6.0])
    dec = np.array([0.0, 0.0, 0.0, 0.0, 91.0, 0.0, np.inf])
    attitude = Attitude.from_samples(time, ra, dec)
    assert attitude.time.tolist() == [0, 2]
    assert attitude.ra.tolist() == [1, 3]


@given(places, places, st.floats(0, 1))
def test_directions_are_unit_vectors(first: tuple, second: tuple, part: float) -> None:
    # opposite directions have no way between them
    if separations(unit_vectors(*first), unit_vectors(*second)) > 179 * 60:
        return
    ra, dec = np.array([first, second]).T
    direction = Attitude(np.array([0.0, 1.0]), ra, dec).at(np.array([part]))
    assert np.linalg.norm(direction, axis=1) == pytest.approx(1)
