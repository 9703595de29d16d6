import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.polarization.random_phases import as_chi2
from xsurvey.polarization.space.smoothing import kernel
from xsurvey.polarization.space.trials import (
    BackgroundNoise,
    log_sidak,
    simulated_maxima,
    trials_of,
)


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


def test_maxima_of_smooth_fields_are_more_than_beams_and_fewer_than_pixels() -> None:
    chi2, used = np.full((400, 1), 10.0), np.ones((400, 1), bool)
    soft = trials_of(chi2, used, beam=40.0, smooth=True)
    assert (soft.beams, soft.effective) == (10, 90)
    assert soft.log_p < soft.bound_log_p
    hard = trials_of(chi2, used, beam=40.0)
    assert (hard.beams, hard.effective) == (10, 400)
    assert hard.log_p == hard.bound_log_p


def test_maxima_of_gaussian_fields_are_as_probable_as_told() -> None:
    """Gaussian Q and U, smoothed, without edges: p of 400 maps is even where it is small."""
    generator = np.random.default_rng(7)
    by = kernel("gaussian", 3.0)
    used = np.ones((64 * 64, 1), bool)
    p = []
    for _ in range(400):
        wide = generator.normal(size=(2, 64 + 24, 64 + 24))
        soft = by.apply(wide)[:, 12:-12, 12:-12] / np.sqrt((by.weight**2).sum())
        found = trials_of((soft**2).sum(axis=0).reshape(-1, 1), used, by.beam, smooth=True)
        p.append(np.exp(found.log_p))
    for level in (0.05, 0.2):
        error = np.sqrt(level * (1 - level) / 400)
        assert np.mean(np.array(p) < level) == pytest.approx(level, abs=4 * error + 0.2 * level)


def test_simulated_maxima_of_independent_cells_are_sidak() -> None:
    """Many events a cell: the largest of 20 chi2 of 2 degrees of freedom."""
    place = np.repeat(np.arange(20), 200)
    strength = np.ones(len(place))
    scale = np.full((20, 1), np.sqrt(200 / 2))
    maxima = simulated_maxima(place, strength, (20, 1), scale, np.zeros((20, 1)), 1000, seed=1)
    again = simulated_maxima(place, strength, (20, 1), scale, np.zeros((20, 1)), 1000, seed=1)
    np.testing.assert_array_equal(maxima, again)
    for p in (0.5, 0.1, 0.02):
        edge = -2 * np.log(1 - (1 - p) ** (1 / 20))
        error = np.sqrt(p * (1 - p) / 1000)
        assert np.mean(maxima > edge) == pytest.approx(p, abs=4 * error)


def test_cells_without_scale_are_not_looked_at() -> None:
    scale = np.array([[1.0], [np.nan]])
    maxima = simulated_maxima(
        np.array([1, 1]), np.array([9.0, 9.0]), (2, 1), scale, 0 * scale, 5, 1
    )
    np.testing.assert_array_equal(maxima, 0)


def test_simulated_maxima_have_the_tail_of_few_events_of_their_cell() -> None:
    """A cell of 5 events that count, and one of 500: both are as improbable as their chi2 says."""
    place = np.repeat([0, 1], [5, 500])
    scale = np.sqrt(np.array([[5.0], [500.0]]) / 2)
    beta = 1 / np.array([[5.0], [500.0]])
    maxima = simulated_maxima(place, np.ones(505), (2, 1), scale, beta, 10_000, seed=2)
    plain = simulated_maxima(place, np.ones(505), (2, 1), scale, 0 * beta, 10_000, seed=2)
    edge = -2 * np.log(1 - 0.98**0.5)
    assert np.mean(maxima > edge) == pytest.approx(0.02, abs=4 * np.sqrt(0.02 / 10_000))
    assert np.mean(plain > edge) < 0.8 * 0.02
    # of one cell it is the same events, by another measure
    one = [simulated_maxima(place[:5], np.ones(5), (1, 1), scale[:1], b, 9, 3)
           for b in (beta[:1], 0 * beta[:1])]  # fmt: skip
    assert one[0] == pytest.approx(as_chi2(one[1], 0.2))


def test_a_background_is_one_draw_turned_to_the_directions_of_all_cells() -> None:
    """Noise alone, in 50 cells of different directions: one chi2 with 2 degrees of freedom."""
    angle = np.linspace(0, 2 * np.pi, 50)[:, None]
    length = np.linspace(0.2, 1, 50)[:, None]
    times = np.linspace(1, 5, 50)[:, None]
    error = np.array([3.0, 0.0])  # no event in the second bin
    noise = BackgroundNoise(times, error, length * np.cos(angle), length * np.sin(angle))
    scale = np.concatenate([times * length * 3.0, np.ones((50, 1))], axis=1)
    maxima = simulated_maxima(
        np.zeros(0, int), np.zeros(0), (50, 2), scale, 0 * scale, 20_000, 4, None, noise
    )
    for p in (0.5, 0.01):
        error_of_p = np.sqrt(p * (1 - p) / 20_000)
        assert np.mean(maxima > -2 * np.log(p)) == pytest.approx(p, abs=4 * error_of_p)
    q, u = noise.draw(np.random.default_rng(5))
    turned = (q + 1j * u)[:, 0] / times[:, 0] * np.exp(1j * angle[:, 0]) / length[:, 0]
    assert turned == pytest.approx(np.full(50, turned[0]))
    np.testing.assert_array_equal(q[:, 1], 0)
