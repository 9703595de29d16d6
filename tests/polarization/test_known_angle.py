import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import ive

from xsurvey.polarization.known_angle import known_angle
from xsurvey.polarization.uncertain_angle import uncertain_angle

ROUND = np.eye(2) * 0.04**2


def projected(p: float, error: float):  # type: ignore[no-untyped-def]
    return known_angle(np.array([p]), np.zeros(1), np.eye(2)[None] * error**2, 0.0)


def brute_force_limit(density, level: float, high: float) -> float:  # type: ignore[no-untyped-def]
    grid = np.linspace(0, high, 200_001)
    below = integrate.cumulative_simpson(density(grid), x=grid, initial=0)
    return float(np.interp(level, below / below[-1], grid))


def test_projection_and_its_error() -> None:
    angle = 25.0
    e = np.array([np.cos(np.radians(50)), np.sin(np.radians(50))])
    covariance = np.array([[4e-4, 2e-4], [2e-4, 9e-4]])
    found = known_angle(np.array([0.1]), np.array([0.2]), covariance[None], angle)
    assert found.pd[0] == pytest.approx(e @ [0.1, 0.2])
    assert found.error[0] == pytest.approx(np.sqrt(e @ covariance @ e))
    assert found.significance[0] == pytest.approx(found.pd[0] / found.error[0])
    assert found.log_probability[0] == pytest.approx(stats.norm.logsf(found.significance[0]))


@pytest.mark.parametrize("p", [-0.3, -0.05, 0.0, 0.05, 0.4])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.99, 0.9973])
def test_limits_and_intervals_against_brute_force(p: float, level: float) -> None:
    found = projected(p, 0.04)
    high = max(p, 0) + 0.5

    def density(x: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * ((x - p) / 0.04) ** 2 + 0.5 * (min(p, 0) / 0.04) ** 2)

    limit = brute_force_limit(density, level, high)
    assert found.upper_limit(level)[0] == pytest.approx(limit, rel=1e-5)
    low, top = (v[0] for v in found.interval(level))
    norm = stats.norm(p, 0.04)
    held = (norm.sf(low) - norm.sf(top)) / norm.sf(0)
    assert held == pytest.approx(level, rel=1e-5)
    if low > 0:  # of highest density: as probable at both ends
        assert low + top == pytest.approx(2 * p)
    else:
        assert top == pytest.approx(limit, rel=1e-5)


def test_far_tails_stay_finite() -> None:
    found = projected(-1.6, 0.04)  # 40 sigma on the wrong side
    assert 0 < found.upper_limit(0.99)[0] < 0.01
    assert projected(4.0, 0.04).log_probability[0] == pytest.approx(-5005.5, rel=1e-3)


def test_limits_with_a_known_angle_are_lower() -> None:
    generator = np.random.default_rng(5)
    q, u = generator.normal(0, 0.04, (2, 500))
    known = known_angle(q, u, np.broadcast_to(ROUND, (500, 2, 2)), 12.0).upper_limit(0.9973)
    free = [uncertain_angle(a, b, ROUND, 0, np.inf).upper_limit(0.9973)
            for a, b in zip(q[:100], u[:100], strict=True)]  # fmt: skip
    assert np.median(known) < 0.85 * np.median(free)


@pytest.mark.parametrize("truth", [0.0, 0.02, 0.04, 0.08, 0.12, 0.3])
def test_limits_cover_at_least_at_their_level(truth: float) -> None:
    number = 40_000
    p = np.random.default_rng(8).normal(truth, 0.04, number)
    found = known_angle(p, np.zeros(number), np.broadcast_to(ROUND, (number, 2, 2)), 0.0)
    for level in (0.683, 0.99):
        error = np.sqrt(level * (1 - level) / number)
        assert np.mean(truth <= found.upper_limit(level)) > level - 4 * error
        if truth >= 0.12:  # three standard deviations
            low, high = found.interval(level)
            held = np.mean((truth >= low) & (truth <= high))
            assert held == pytest.approx(level, abs=4 * error + 5e-3)


def test_the_significance_is_one_sided_and_uniform() -> None:
    generator = np.random.default_rng(2)
    q, u = generator.multivariate_normal([0, 0], [[4e-4, 2e-4], [2e-4, 9e-4]], 50_000).T
    covariance = np.broadcast_to([[4e-4, 2e-4], [2e-4, 9e-4]], (50_000, 2, 2))
    found = known_angle(q, u, covariance, -70.0)
    assert stats.kstest(np.exp(found.log_probability), "uniform").pvalue > 1e-3
    assert stats.kstest(found.consistency, "uniform").pvalue > 1e-3


def test_a_wrong_angle_is_noticed() -> None:
    pd, angle = 0.3, np.radians(2 * 40.0)
    q, u = np.array([pd * np.cos(angle)]), np.array([pd * np.sin(angle)])
    assert known_angle(q, u, ROUND[None], 40.0).consistency[0] == pytest.approx(1)
    assert known_angle(q, u, ROUND[None], 0.0).consistency[0] < 1e-10


@given(st.floats(-360, 360), st.floats(-90, 90), st.integers(0, 10_000))
def test_a_common_rotation_changes_nothing(turn: float, angle: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    root = generator.normal(0, 0.05, (2, 2))
    covariance = root @ root.T + 1e-4 * np.eye(2)
    x = generator.normal(0, 0.2, 2)
    cos, sin = np.cos(np.radians(2 * turn)), np.sin(np.radians(2 * turn))
    matrix = np.array([[cos, -sin], [sin, cos]])
    one = known_angle(x[:1], x[1:], covariance[None], angle)
    turned = matrix @ x
    two = known_angle(turned[:1], turned[1:], (matrix @ covariance @ matrix.T)[None], angle + turn)
    for name in ("pd", "error", "across", "across_chi2"):
        assert getattr(two, name) == pytest.approx(getattr(one, name), rel=1e-6, abs=1e-8), name
    assert uncertain_angle(*turned, matrix @ covariance @ matrix.T, angle + turn, 10).upper_limit(
        0.9
    ) == pytest.approx(uncertain_angle(*x, covariance, angle, 10).upper_limit(0.9), rel=1e-6)


def test_a_free_angle_is_the_rice_posterior() -> None:
    free = uncertain_angle(0.05 * np.cos(1.0), 0.05 * np.sin(1.0), ROUND, 30.0, np.inf)
    # published with the formula
    assert free.upper_limit(0.99) == pytest.approx(0.134, abs=5e-4)
    assert free.upper_limit(0.9973) == pytest.approx(0.152, abs=5e-4)

    def rice(x: np.ndarray) -> np.ndarray:
        return np.exp(-((x - 0.05) ** 2) / 2 / 0.04**2) * ive(0, x * 0.05 / 0.04**2)

    for level in (0.1, 0.683, 0.9999):
        assert free.upper_limit(level) == pytest.approx(
            brute_force_limit(rice, level, 0.6), rel=1e-5
        )


def test_a_sharp_angle_is_the_known_one() -> None:
    q, u, angle = 0.06, 0.03, 10.0
    known = known_angle(np.array([q]), np.array([u]), ROUND[None], angle)
    for error in (0.0, 1e-3):
        sharp = uncertain_angle(q, u, ROUND, angle, error)
        assert sharp.upper_limit(0.99) == pytest.approx(known.upper_limit(0.99)[0], rel=1e-6)
        assert sharp.interval(0.683) == pytest.approx(
            [v[0] for v in known.interval(0.683)], abs=2e-4
        )


@pytest.mark.parametrize(
    ("x", "error"), [((0.06, 0.03), 8.0), ((0.4, -0.8), 20.0), ((0.0, 0.0), 50.0)]
)
def test_the_mixture_against_a_double_integral(x: tuple[float, float], error: float) -> None:
    covariance = np.array([[1.6e-3, 4e-4], [4e-4, 9e-4]])
    found = uncertain_angle(*x, covariance, 5.0, error)
    weights = np.linalg.inv(covariance)
    psi = np.radians(5.0 + np.linspace(-4 * 180, 4 * 180, 14_401))
    prior = np.exp(-0.5 * (np.degrees(psi - np.radians(5.0)) / error) ** 2)
    grid = np.linspace(0, 1.6, 1601)
    away = np.stack(
        [x[0] - grid[:, None] * np.cos(2 * psi), x[1] - grid[:, None] * np.sin(2 * psi)], axis=-1
    )
    chi2 = np.einsum("pmi,ij,pmj->pm", away, weights, away)
    density = (np.exp(-0.5 * (chi2 - chi2.min())) * prior).sum(axis=1)
    density /= np.trapezoid(density, grid)
    assert found.density(grid) == pytest.approx(density, abs=2e-3 * density.max())
    below = integrate.cumulative_trapezoid(density, grid, initial=0)
    assert found.upper_limit(0.99) == pytest.approx(np.interp(0.99, below, grid), rel=2e-3)
    low, high = found.interval(0.683)
    assert np.diff(np.interp([low, high], grid, below))[0] == pytest.approx(0.683, abs=3e-3)


def test_the_limit_grows_with_the_error_of_the_angle() -> None:
    limits = [uncertain_angle(0.02, 0.05, ROUND, 0.0, e).upper_limit(0.99) for e in (0, 5, 15, 30)]
    assert np.all(np.diff(limits) > 0)


def test_bad_input_is_refused() -> None:
    good = (np.zeros(1), np.zeros(1), ROUND[None])
    with pytest.raises(ValueError, match="finite number of degrees"):
        known_angle(*good, np.nan)
    for level in (0.0, 1.0, 99.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            known_angle(*good, 0.0).upper_limit(level)
        with pytest.raises(ValueError, match="between 0 and 1"):
            uncertain_angle(0, 0, ROUND, 0, 5).interval(level)
    with pytest.raises(ValueError, match="not finite"):
        uncertain_angle(np.nan, 0, ROUND, 0, 5)
    for error in (-1, np.nan):
        with pytest.raises(ValueError, match="degrees"):
            uncertain_angle(0, 0, ROUND, 0, error)
    empty = known_angle(np.array([np.nan]), np.zeros(1), ROUND[None], 0.0)
    assert np.isnan(empty.upper_limit(0.9)[0])
    assert np.isnan(empty.interval(0.9)).all()
