import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.polarization.trials import log_sidak, simulated_maxima, trials_of


@given(st.floats(1e-12, 0.999), st.floats(1, 1e4))
def test_sidak_is_one_minus_none_as_improbable(p: float, number: float) -> None:
    assert np.exp(log_sidak(np.log(p), number)) == pytest.approx(1 - (1 - p) ** number, abs=1e-6)
    assert p * 0.999999 <= np.exp(log_sidak(np.log(p), number)) <= min(1.0, p * number * 1.000001)


def test_sidak_far_beyond_floating_point() -> None:
    assert log_sidak(-2000.0, 100) == pytest.approx(-2000 + np.log(100))
    assert log_sidak(0.0, 10) == 0.0
    assert np.isnan(log_sidak(np.nan, 10))


def test_only_what_was_looked_at_counts() -> None:
    chi2 = np.array([[3.0, 50.0], [12.0, 1.0]])
    trials = trials_of(chi2, np.array([[True, False], [True, True]]))
    assert (trials.cell, trials.bin, trials.cells) == (1, 0, 3)
    assert np.exp(trials.log_p) == pytest.approx(1 - (1 - np.exp(-6)) ** 3)
    assert np.isnan(trials.record()["p_global_simulated"])
    nothing = trials_of(chi2, np.zeros((2, 2), bool))
    assert nothing.cell == -1
    assert np.isnan(nothing.chi2)


def test_beams_are_fewer_trials_than_pixels() -> None:
    trials = trials_of(np.full((40, 1), 10.0), np.ones((40, 1), bool), beam=4.0)
    assert trials.independent == 10
    assert trials.log_p < trials.bound_log_p


def test_simulated_maxima_of_independent_cells_are_sidak() -> None:
    """Many events a cell: the largest of 20 chi2 of 2 degrees of freedom."""
    place = np.repeat(np.arange(20), 200)
    strength = np.ones(len(place))
    scale = np.full((20, 1), np.sqrt(200 / 2))
    maxima = simulated_maxima(place, strength, (20, 1), scale, 1000, seed=1)
    again = simulated_maxima(place, strength, (20, 1), scale, 1000, seed=1)
    np.testing.assert_array_equal(maxima, again)
    for p in (0.5, 0.1, 0.02):
        edge = -2 * np.log(1 - (1 - p) ** (1 / 20))
        error = np.sqrt(p * (1 - p) / 1000)
        assert np.mean(maxima > edge) == pytest.approx(p, abs=4 * error)


def test_cells_without_scale_are_not_looked_at() -> None:
    scale = np.array([[1.0], [np.nan]])
    maxima = simulated_maxima(np.array([1, 1]), np.array([9.0, 9.0]), (2, 1), scale, 5, seed=1)
    np.testing.assert_array_equal(maxima, 0)
