"""Half turns, swings, rates and angle functions of optical series."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.polarization.optical.ambiguity import least_changes, resolve_half_turns
from xsurvey.polarization.optical.angle_function import (
    AngleFunction,
    linear_angle,
    piecewise_angle,
)
from xsurvey.polarization.optical.episodes import rotation_episodes
from xsurvey.polarization.optical.linear_rotation import fit_rotations
from xsurvey.polarization.optical.series import PolarizationSeries, polarization_series
from xsurvey.polarization.optical.swings import all_swings, largest_swings
from xsurvey.polarization.variation.binned_sums import binned_sums
from xsurvey.polarization.variation.constancy_trials import modulated_angles
from xsurvey.polarization.variation.derotation import derotated

SNR = 12.0


def series_of(mjd: np.ndarray, angle: np.ndarray, seed: int = 1) -> PolarizationSeries:
    """Return measurements of a polarization of 0.12 along an angle, at 12 sigma."""
    generator = np.random.default_rng(seed)
    z = 0.12 * np.exp(2j * np.radians(angle))
    z = z + 0.12 / SNR * (generator.normal(size=z.shape) + 1j * generator.normal(size=z.shape))
    error = np.full(len(mjd), 0.12 / SNR)
    return polarization_series(mjd, np.abs(z), error, 0.5 * np.degrees(np.angle(z)))


def test_a_rotation_is_followed_through_half_turns() -> None:
    mjd = np.arange(40.0)
    truth = 12.0 * mjd - 30
    found = resolve_half_turns(series_of(mjd, truth))
    assert np.abs(found.angle_deg - truth).max() < 12
    assert found.path_probability > 0.999
    assert not found.ambiguous.any()
    assert found.pieces() == [slice(0, 40)]
    # of steps of 12 degrees a day
    assert 6 < found.change_rate < 18


def test_the_branch_of_large_steps_is_open() -> None:
    mjd = np.arange(20.0)
    found = resolve_half_turns(series_of(mjd, 70.0 * mjd))
    assert found.ambiguous.mean() > 0.8
    assert found.path_probability < 0.05
    assert len(found.pieces()) == found.ambiguous.sum() + 1
    assert found.ambiguous_points.sum() > 15
    # known to move slowly: then a step of 80 is what is left of the errors only
    slow = resolve_half_turns(series_of(mjd, 30.0 * mjd), change_rate=5.0)
    assert not slow.ambiguous.any()


def test_one_gap_is_ambiguous_not_the_rest() -> None:
    mjd = np.concatenate([np.arange(30.0), 130 + np.arange(30.0)])
    walk = np.cumsum(np.random.default_rng(3).normal(0, 10, 60))
    found = resolve_half_turns(series_of(mjd, walk))
    assert np.flatnonzero(found.ambiguous).tolist() == [29]
    assert np.flatnonzero(found.ambiguous_points).tolist() == [29, 30]


def test_probabilities_of_branches_are_frequencies() -> None:
    """Of random walks of the angle, steps that are called x probable are right in x of cases."""
    generator = np.random.default_rng(8)
    mjd = np.cumsum(generator.exponential(1.0, 3000))
    true_step = generator.normal(0, 60 * np.sqrt(np.diff(mjd)))
    angle = np.concatenate([[0], np.cumsum(true_step)])
    found = resolve_half_turns(series_of(mjd, angle))
    assert found.change_rate == pytest.approx(60, rel=0.15)
    right = np.abs(np.diff(found.angle_deg) - true_step) < 90
    for low, high in ((0.0, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.0)):
        among = (found.step_probability > low) & (found.step_probability <= high)
        expected = found.step_probability[among].mean()
        error = np.sqrt(0.25 / among.sum())
        assert right[among].mean() == pytest.approx(expected, abs=3 * error + 0.03)


@settings(max_examples=40)
@given(st.floats(-180, 180), st.integers(0, 500))
def test_a_common_rotation_changes_angles_only(turn: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    mjd = np.cumsum(generator.exponential(1.0, 15))
    series = series_of(mjd, np.cumsum(generator.normal(0, 20, 15)), seed)
    turned = polarization_series(
        mjd, series.pd, series.pd_error, series.pa_deg + turn, series.pa_error
    )
    one, two = resolve_half_turns(series), resolve_half_turns(turned)
    assert np.diff(two.angle_deg) == pytest.approx(np.diff(one.angle_deg), abs=1e-8)
    assert two.step_probability == pytest.approx(one.step_probability, abs=1e-8)
    lines = [fit_rotations(mjd, r.angle_deg[None], series.pa_error) for r in (one, two)]
    assert lines[1].rate == pytest.approx(lines[0].rate, abs=1e-6)
    swings = [largest_swings(r.angle_deg[None], series.pa_error) for r in (one, two)]
    assert swings[1].amplitude == pytest.approx(swings[0].amplitude, abs=1e-6)


def test_single_and_empty_series() -> None:
    one = resolve_half_turns(series_of(np.array([5.0]), np.array([10.0])))
    assert (one.path_probability, one.change_rate) == (1.0, 0.0)
    with pytest.raises(ValueError, match="without measurements"):
        resolve_half_turns(series_of(np.empty(0), np.empty(0)))
    two = series_of(np.array([5.0, 6.0]), np.array([10.0, 10.0]))
    for bad in ({"threshold": 1.0}, {"change_rate": -1.0}, {"change_rate": np.nan}):
        with pytest.raises(ValueError, match=r"between|negative"):
            resolve_half_turns(two, **bad)


def test_least_changes_are_those_of_unwrap() -> None:
    angle = np.random.default_rng(1).uniform(-90, 90, (5, 30))
    assert least_changes(angle) == pytest.approx(np.unwrap(angle, period=180.0, axis=1))


def test_swings_of_a_series_drawn_by_hand() -> None:
    angle = np.array([0.0, 1, -1, 20, 40, 38, 70, 95, 60, 30, 29, 31, 10, 12.0])
    error = np.full(14, 2.0)
    assert all_swings(angle, error) == [(2, 7), (7, 12)]
    found = largest_swings(np.stack([angle, -angle, 0 * angle]), error)
    assert found.amplitude == pytest.approx([96, -96, 0])
    assert list(found.first) == [2, 2, -1]
    assert list(found.last) == [7, 7, -1]
    # a step back of more than two errors of the difference ends one
    assert all_swings(angle, np.full(14, 0.5)) != all_swings(angle, error)
    assert all_swings(angle, error, fewest=7) == []


def test_swings_of_many_series_are_those_of_each() -> None:
    generator = np.random.default_rng(2)
    angle = np.cumsum(generator.normal(0, 20, (200, 25)), axis=1)
    error = generator.uniform(2, 8, (200, 25))
    found = largest_swings(angle, error)
    for i in range(200):
        sizes = [abs(angle[i, b] - angle[i, a]) for a, b in all_swings(angle[i], error[i])]
        assert abs(found.amplitude[i]) == pytest.approx(max(sizes, default=0.0))


@pytest.mark.parametrize("scatter", [0.0, 8.0])
def test_rates_have_the_errors_that_they_say(scatter: float) -> None:
    generator = np.random.default_rng(4)
    mjd = np.cumsum(generator.exponential(1.0, 20))
    error = generator.uniform(2, 5, 20)
    noise = generator.normal(0, np.hypot(error, scatter), (4000, 20))
    found = fit_rotations(mjd, 7.0 * (mjd - mjd[0]) - 300 + noise, error)
    pull = (found.rate - 7.0) / found.rate_error
    assert abs(pull.mean()) < 0.07
    # without scatter what is found of it can only be too much
    assert (0.97 if scatter else 0.85) < pull.std() < 1.1
    assert np.median(found.scatter) == pytest.approx(scatter, abs=1.5)
    at = found.angle_deg - (7.0 * (found.reference_mjd - mjd[0]) - 300)
    assert 0.85 < (at / found.angle_error).std() < 1.1
    with pytest.raises(ValueError, match="three measurements"):
        fit_rotations(mjd[:2], noise[:, :2], error[:2])


def test_episodes_of_a_series() -> None:
    mjd = np.arange(60.0)
    truth = np.interp(mjd, [0, 20, 35, 60], [10, 10, 190, 190])
    found = rotation_episodes(resolve_half_turns(series_of(mjd, truth)))
    assert len(found) == 1
    episode = found[0]
    assert episode.amplitude == pytest.approx(180, abs=15)
    assert 18 <= episode.first_mjd <= 22
    assert 33 <= episode.last_mjd <= 37
    assert episode.line.rate[0] == pytest.approx(12, abs=4 * episode.line.rate_error[0])
    assert not episode.is_ambiguous
    still = rotation_episodes(resolve_half_turns(series_of(mjd, 0 * mjd)))
    assert still == []
    with pytest.raises(ValueError, match="three measurements"):
        rotation_episodes(resolve_half_turns(series_of(mjd, truth)), fewest=2)


def test_angle_functions_and_their_errors() -> None:
    mjd = np.array([0.0, 1.0, 3.0])
    resolved = resolve_half_turns(series_of(mjd, np.array([0.0, 20.0, 60.0])))
    angle = piecewise_angle(resolved)
    assert angle.angle(mjd) == pytest.approx(resolved.angle_deg)
    assert angle.error(mjd) == pytest.approx(resolved.series.pa_error)
    assert float(angle.angle(2.0)) == pytest.approx(resolved.angle_deg[1:].mean())
    assert float(angle.error(2.0)) == pytest.approx(np.hypot(*resolved.series.pa_error[1:]) / 2)
    with pytest.raises(ValueError, match=r"from MJD 0\.000 to 3\.000 only"):
        angle.angle(np.array([1.0, 3.1]))
    assert list(angle.covers(np.array([-1.0, 0.0, 3.0]))) == [False, True, True]
    drawn = angle.samples(np.array([0.0, 2.0, 3.0]), 20_000)
    assert drawn.std(axis=0) == pytest.approx(angle.error(np.array([0.0, 2.0, 3.0])), rel=0.03)
    line = fit_rotations(mjd, resolved.angle_deg[None], resolved.series.pa_error)
    straight = linear_angle(line, 0.0, 3.0)
    at = np.array([0.0, 1.5, 10.0])
    expected = line.angle_deg[0] + line.rate[0] * (at - line.reference_mjd[0])
    assert straight.angle(at) == pytest.approx(expected)
    assert straight.error(at)[2] > straight.error(at)[1]
    assert straight.samples(at, 20_000).std(axis=0) == pytest.approx(straight.error(at), rel=0.03)
    with pytest.raises(ValueError, match="two measurements"):
        piecewise_angle(resolved, slice(0, 1))
    with pytest.raises(ValueError, match="first time"):
        linear_angle(line, 3.0, 0.0)


def test_angles_of_long_series_take_the_memory_of_their_times() -> None:
    """20 000 times and 2000 knots: not a matrix of both, 320 MB, and the numbers that it has."""
    generator = np.random.default_rng(9)
    knots = np.cumsum(generator.uniform(0.1, 2, 2000))
    values, errors = generator.normal(0, 90, 2000), generator.uniform(1, 9, 2000)
    angle = AngleFunction(knots, values, errors, False, knots[0], knots[-1])
    mjd = np.concatenate([knots[[0, 7, -1]], generator.uniform(knots[0], knots[-1], 19_997)])
    tracemalloc.start()
    try:
        found, error, drawn = angle.angle(mjd), angle.error(mjd), angle.samples(mjd, 5, seed=3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * mjd.nbytes
    few = slice(0, 50)
    matrix = np.stack([np.interp(mjd[few], knots, row) for row in np.eye(2000)], axis=1)
    assert found[few] == pytest.approx(matrix @ values)
    assert error[few] == pytest.approx(np.sqrt(matrix**2 @ errors**2))
    rows = np.random.default_rng(3).normal(values, errors, (5, 2000))
    assert drawn[:, few] == pytest.approx(rows @ matrix.T)
    assert drawn.shape == (5, 20_000)


def test_no_angle_across_an_ambiguous_step() -> None:
    mjd = np.arange(20.0)
    resolved = resolve_half_turns(series_of(mjd, 70.0 * mjd))
    with pytest.raises(ValueError, match="ambiguous"):
        piecewise_angle(resolved)
    pieces = [p for p in resolved.pieces() if p.stop - p.start > 1]
    for piece in pieces:
        assert piecewise_angle(resolved, piece).first_mjd == mjd[piece.start]


def test_an_optical_angle_derotates_x_ray_events() -> None:
    """Events polarized along the optical angle, which rotates by 300 degrees."""
    mjd = 60090 + np.linspace(0, 6, 25)
    truth = 50.0 * (mjd - mjd[0]) - 70
    angle = piecewise_angle(resolve_half_turns(series_of(mjd, truth)))
    generator = np.random.default_rng(6)
    time = generator.uniform(0, 6, 20_000) * 86400.0
    turn = 50.0 * time / 86400 - 70
    mu = generator.uniform(0.2, 0.5, len(time))
    phi = modulated_angles(mu * 0.3, time.shape, generator) + np.radians(2 * turn)
    edges = np.linspace(0, 6 * 86400.0, 500)
    sums = binned_sums(time, 2 * np.cos(phi), 2 * np.sin(phi), edges, 1.0, mu)
    found = derotated(sums, angle.angle(mjd[0] + sums.centre / 86400))
    error = np.sqrt(found.covariance[0, 0, 0])
    assert found.q[0] == pytest.approx(0.3, abs=4 * error)
    assert found.u[0] == pytest.approx(0, abs=4 * error)
    assert found.significance[0] > 5
    assert derotated(sums, 0 * sums.centre).significance[0] < 4
