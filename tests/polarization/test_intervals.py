"""Posteriors of degrees and angles: closed forms, brute force and coverage."""

import numpy as np
import pytest
from scipy.special import ive
from scipy.stats import rice, truncnorm

from xsurvey.polarization.intervals import (
    ONE_SIGMA,
    THREE_SIGMA,
    angle_interval,
    degree_interval,
    degree_limits,
    degree_posterior,
    degree_upper_limit,
    known_angle_degree,
    known_angle_upper_limit,
)
from xsurvey.polarization.significance import polarization_chi2, significance
from xsurvey.polarization.stokes import polarization_angle


def isotropic(sigma: float, number: int = 1) -> np.ndarray:
    return np.broadcast_to(np.diag([sigma**2, sigma**2]), (number, 2, 2))


def test_limits_of_the_literature() -> None:
    """Degree .05 +- .04: 99 % below .134, 99.73 % below .152."""
    found = degree_limits([0.05], [0.0], isotropic(0.04), (0.99, THREE_SIGMA))
    assert found[0] == pytest.approx([0.134, 0.152], abs=6e-4)


@pytest.mark.parametrize(
    ("degree", "sigma"), [(0.05, 0.04), (0.5, 0.01), (0.02, 0.5), (0.9, 0.003), (1.3, 0.1)]
)
def test_equal_variances_have_the_rice_posterior(degree: float, sigma: float) -> None:
    grid = np.linspace(0, 1, 200_001)
    density = np.exp(-((grid - degree) ** 2) / 2 / sigma**2) * ive(0, grid * degree / sigma**2)
    cumulative = np.cumsum(density) / density.sum()
    levels = (0.16, 0.5, 0.9, 0.99, THREE_SIGMA)
    expected = np.interp(levels, cumulative, grid)
    turned = degree * np.array([np.cos(1.0), np.sin(1.0)])
    found = degree_limits(turned[:1], turned[1:], isotropic(sigma), levels)[0]
    assert found == pytest.approx(expected, abs=2e-3 * sigma + 1e-5)


@pytest.mark.parametrize(
    ("q", "u", "sq", "su", "rho"),
    [(0.1, 0.05, 0.04, 0.08, 0.3), (0.0, 0.0, 0.3, 0.1, -0.5), (0.4, -0.3, 0.02, 0.08, 0.7)],
)
def test_any_covariance_against_a_grid(
    q: float, u: float, sq: float, su: float, rho: float
) -> None:
    covariance = np.array([[sq**2, rho * sq * su], [rho * sq * su, su**2]])
    inverse = np.linalg.inv(covariance)
    degree, phase = np.linspace(0, 1, 1001), np.linspace(-np.pi, np.pi, 2001)[:-1]
    x, y = degree[:, None] * np.cos(phase) - q, degree[:, None] * np.sin(phase) - u
    like = np.exp(-(inverse[0, 0] * x**2 + 2 * inverse[0, 1] * x * y + inverse[1, 1] * y**2) / 2)
    of_degree = like.sum(axis=1)
    cumulative = np.append(0, np.cumsum((of_degree[1:] + of_degree[:-1]) / 2))
    levels = (0.16, 0.5, 0.99)
    expected = np.interp(levels, cumulative / cumulative[-1], degree)
    posterior = degree_posterior([q], [u], covariance[None])
    found = np.array([posterior.quantile(level)[0] for level in levels])
    assert found == pytest.approx(expected, abs=2e-4)
    # limits are these or, by a little, higher
    limits = degree_limits([q], [u], covariance[None], levels)[0]
    assert np.all((limits >= found - 1e-12) & (limits <= found + 0.1 * max(sq, su)))
    offset = np.abs((phase - np.arctan2(u, q) + np.pi) % (2 * np.pi) - np.pi)
    order = np.argsort(offset)
    held = np.cumsum(like.sum(axis=0)[order])
    half = np.degrees(np.interp(ONE_SIGMA, held / held[-1], offset[order])) / 2
    assert angle_interval([q], [u], covariance[None])[0] == pytest.approx(half, abs=0.15)


def test_intervals_of_strong_polarization_are_gaussian() -> None:
    low, high = degree_interval([0.3], [0.4], isotropic(0.01))[0]
    assert (low, high) == pytest.approx((0.49, 0.51), abs=3e-4)
    expected = np.degrees(0.5 * 0.01 / 0.5)
    assert angle_interval([0.3], [0.4], isotropic(0.01))[0] == pytest.approx(expected, rel=2e-3)
    assert angle_interval([0.0], [0.0], isotropic(0.5))[0] == pytest.approx(
        90 * ONE_SIGMA, rel=1e-3
    )


def test_degrees_stay_between_0_and_1() -> None:
    q = np.array([0.0, 0.95, 3.0, 50.0])
    covariance = isotropic(0.2, 4)
    found = degree_interval(q, np.zeros(4), covariance)
    limits = degree_upper_limit(q, np.zeros(4), covariance, 0.99)
    assert np.all((found >= 0) & (found <= 1))
    assert np.all((limits > 0) & (limits <= 1))
    assert np.all(found[:, 0] < found[:, 1])


def test_coverage_at_three_sigma_and_below() -> None:
    """68 % intervals cover with 85 % at 1, 75 % at 1.7 and 67.5 % at 3 times the error."""
    generator = np.random.default_rng(5)
    sigma, number = 0.05, 1500
    for ratio, share in ((1.0, 0.851), (1.7, 0.756), (3.0, 0.675), (6.0, 0.682)):
        q, u = sigma * generator.standard_normal((2, number))
        low, high = degree_interval(q + ratio * sigma, u, isotropic(sigma, number)).T
        covered = np.mean((low <= ratio * sigma) & (ratio * sigma <= high))
        assert covered == pytest.approx(share, abs=4 * np.sqrt(0.22 / number)), ratio


def test_limits_cover_at_their_level() -> None:
    """By the distribution of measured degrees: 98.9 % at worst where 99 % are asked for."""
    sigma = 0.05
    measured = np.linspace(0, 10, 251) * sigma
    limit = degree_upper_limit(measured, np.zeros(251), isotropic(sigma, 251), 0.99)
    for ratio in (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0):
        least = np.interp(ratio * sigma, limit, measured, left=0.0)
        covered = rice.sf(least / sigma, ratio) if least > 0 else 1.0
        assert covered > 0.9885, ratio


def test_known_angles() -> None:
    covariance = np.array([[[0.0016, 0.0004], [0.0004, 0.0009]]])
    degree, error = known_angle_degree([0.05], [0.02], covariance, 22.5)
    along = np.array([np.sqrt(0.5), np.sqrt(0.5)])
    assert degree[0] == pytest.approx(0.07 * np.sqrt(0.5))
    assert error[0] == pytest.approx(np.sqrt(along @ covariance[0] @ along))
    for measured in (0.05, -0.5, 0.9, 3.0):
        found = known_angle_upper_limit([measured], [0.0], isotropic(0.04), 0.0, THREE_SIGMA)
        low, high = (0 - measured) / 0.04, (1 - measured) / 0.04
        expected = truncnorm.ppf(THREE_SIGMA, low, high, measured, 0.04)
        assert found[0] == pytest.approx(expected, abs=1e-6)
    free = degree_upper_limit([0.05], [0.0], isotropic(0.04), 0.99)
    assert known_angle_upper_limit([0.0], [0.05], isotropic(0.04), 0.0, 0.99) < free


def test_what_has_no_covariance_has_no_interval() -> None:
    bad = np.array([np.full((2, 2), np.nan), np.zeros((2, 2)), np.diag([1.0, -1.0])])
    q = np.full(3, 0.1)
    assert np.all(np.isnan(degree_interval(q, q, bad)))
    assert np.all(np.isnan(degree_limits(q, q, bad, (0.99,))))
    assert np.all(np.isnan(angle_interval(q, q, bad)))
    assert np.all(np.isnan(polarization_chi2(q, q, bad)))


def test_significances() -> None:
    covariance = np.array([[[0.04, 0.01], [0.01, 0.09]]])
    x = np.array([0.3, -0.2])
    expected = x @ np.linalg.inv(covariance[0]) @ x
    assert polarization_chi2(x[:1], x[1:], covariance)[0] == pytest.approx(expected)
    # p = .01, .0027 and what 1 - p cannot hold
    assert significance(np.array([-2 * np.log(0.01)]))[0] == pytest.approx(2.5758, abs=1e-4)
    assert significance(-2 * np.log1p(-THREE_SIGMA))[()] == pytest.approx(3.0)
    assert significance(np.array(0.0)) == 0.0
    assert np.isnan(significance(np.array(np.nan)))
    far = significance(np.array([100.0, 700.0, 1e6]))
    assert np.all(np.isfinite(far))
    # two-sided Gaussian tail: ln p = -x^2/2 - ln x - ln(pi/2)/2 + ...
    assert far[1] == pytest.approx(np.sqrt(700 - 2 * np.log(far[1]) - np.log(np.pi / 2)), rel=1e-4)


def test_angles_are_in_their_range() -> None:
    q, u = np.array([-1.0, -1.0, 1.0, 0.0]), np.array([0.0, -0.0, 0.0, 1.0])
    assert polarization_angle(q, u) == pytest.approx([90, 90, 0, 45])


@pytest.mark.parametrize("level", [0.9, 0.99, THREE_SIGMA])
def test_limits_cover_at_least_at_their_level(level: float) -> None:
    """Over the Rice distribution of measured degrees, exactly."""
    sigma = 0.01  # of degrees that no prior cuts off
    measured = np.linspace(1e-4, 14, 2801)
    covariance = isotropic(sigma, len(measured))
    limits = degree_limits(sigma * measured, 0 * measured, covariance, (level,))
    for ratio in (0.3, 1.0, 2.0, 3.0, 4.0, 6.0):
        weight = rice.pdf(measured, ratio)
        covered = weight[limits[:, 0] >= sigma * ratio].sum() / weight.sum()
        assert covered >= level - 2e-3 * (1 - level) - 1e-4
