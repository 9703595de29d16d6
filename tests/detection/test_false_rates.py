"""Numbers of false sources, from the table of simulations."""

import numpy as np
import pytest

from xsurvey.detection.false_rates import BEAM, expected_false, false_sources
from xsurvey.detection.search import SearchImage


def image(level: float, side: int = 50, half_energy: float = 3.0) -> SearchImage:
    shape = (side, side)
    return SearchImage(np.zeros(shape), np.full(shape, level), np.full(shape, half_energy))


def test_the_number_falls_with_the_threshold_and_grows_with_the_area() -> None:
    beams = np.array([1e4])
    few, many = (expected_false(t, np.array([1.0]), beams) for t in (12.0, 10.0))
    assert 0 < few < many
    twice = expected_false(12.0, np.array([1.0, 1.0]), np.repeat(beams, 2))
    assert twice == pytest.approx(2 * few)


def test_beams_are_of_the_psf_and_what_is_not_seen_does_not_count() -> None:
    whole = false_sources([image(0.2)], 10.0)
    sigma2 = (3.0 / np.sqrt(2 * np.log(2))) ** 2 + 1 / 12
    area = BEAM * sigma2
    assert whole == pytest.approx(
        expected_false(10.0, np.array([0.2 * area]), np.array([50**2 / area]))
    )
    half = image(0.2)
    half.background[:25] = 0.0
    assert false_sources([half], 10.0) == pytest.approx(whole / 2)
    own = np.zeros((50, 50), dtype=bool)
    own[:, :10] = True
    assert false_sources([image(0.2)], 10.0, own) == pytest.approx(whole / 5)


def test_bands_pay_for_their_number() -> None:
    one = false_sources([image(0.2)], 10.0 + np.log(2))
    assert false_sources([image(0.2)] * 2, 10.0) == pytest.approx(2 * one)


def test_a_table_says_about_what_likelihoods_mean() -> None:
    """-ln P is of a beam: e^-L of them have a false source, within a factor of a few."""
    for level in (0.1, 1.0, 10.0):
        number = expected_false(9.0, np.array([level]), np.array([1.0]))
        assert 0.1 < number / np.exp(-9.0) < 4
