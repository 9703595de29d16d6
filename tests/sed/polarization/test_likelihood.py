"""Likelihoods of polarization: Gaussian, Rice, limits; their tails and derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xsurvey.polarization.intervals import degree_upper_limit
from xsurvey.sed.polarization import rice
from xsurvey.sed.polarization.likelihood import (
    DegreeLimits,
    MeasuredDegrees,
    MeasuredStokes,
    PolarizationDatum,
    PolarizationLikelihood,
    UndetectedDegrees,
    stokes_of_degrees,
)

COVARIANCE = np.array([[[4e-4, 1e-4], [1e-4, 2e-4]]])
KINDS: list[PolarizationDatum] = [
    MeasuredStokes(np.array([0.1]), np.array([-0.05]), COVARIANCE),
    MeasuredDegrees(np.array([0.1]), np.array([0.03])),
    MeasuredDegrees(np.array([0.02]), np.array([0.03])),
    DegreeLimits(np.array([0.14]), np.array([0.9973])),
    UndetectedDegrees(np.array([0.12]), np.array([0.99])),
]


@pytest.mark.parametrize("a", [0.0, 0.7, 3.0, 40.0])
def test_rice_is_normalised(a: float) -> None:
    r = np.linspace(1e-6, a + 12, 200_001)
    density = np.exp(rice.log_density(r, np.array(a)))
    assert np.trapezoid(density, r) == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(density[::5000], stats.rice.pdf(r[::5000], a), rtol=1e-9)


@pytest.mark.parametrize(("limit", "a"), [(3.0, 0.0), (3.0, 2.0), (3.0, 6.0), (0.2, 1.0), (40, 38)])
def test_lower_tails(limit: float, a: float) -> None:
    expected = (
        np.log(stats.ncx2.cdf(limit**2, 2, a**2)) if a else np.log1p(-np.exp(-(limit**2) / 2))
    )
    assert rice.log_below(limit, a) == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_lower_tails_far_out() -> None:
    """As a Gaussian's, where curvature of the circle does not matter."""
    for limit, a in ((5.0, 60.0), (30.0, 3000.0), (1e4, 1e6)):
        gap = a - limit
        gaussian = stats.norm.logcdf(-gap) + 0.5 * np.log(limit / a)
        assert rice.log_below(limit, a) == pytest.approx(gaussian, rel=1e-3)
        assert np.isfinite(rice.below_slope(np.array(limit), np.array(a)))


def test_degree_that_makes_a_measurement_most_likely() -> None:
    assert rice.most_likely(np.array([0.3, 1.41])).tolist() == [0, 0]
    assert rice.most_likely(np.array(8.0)) == pytest.approx(np.sqrt(8**2 - 1), rel=2e-3)


def test_noise_of_a_minimum_detectable_polarization() -> None:
    """4.29 / sqrt(N) over sqrt(2 / N), at 99 % (Weisskopf et al. 2010)."""
    assert 4.29 / rice.noise_of_limit(4.29, 0.99) == pytest.approx(4.29 / np.sqrt(2), rel=1e-3)


def test_gaussian_stokes() -> None:
    data = MeasuredStokes(np.array([0.1]), np.array([0.0]), np.array([np.diag([4e-4, 1e-4])]))
    assert data.statistic(np.array([[0.14]]), np.array([[0.01]]))[0, 0] == pytest.approx(4 + 1)
    assert data.bins == 2


def test_degrees_and_angles_are_stokes() -> None:
    """Errors of the angle are those of the degree over 2 P: a circle."""
    data = stokes_of_degrees(
        np.array([0.2, 0.2]), np.array([0.01, 0.01]), np.array([30.0, 0.0]),
        np.degrees([0.01 / 0.4, 0.05]),
    )  # fmt: skip
    np.testing.assert_allclose(data.q[0] + 1j * data.u[0], 0.2 * np.exp(1j * np.pi / 3))
    np.testing.assert_allclose(data.covariance[0], 1e-4 * np.eye(2), atol=1e-18)
    np.testing.assert_allclose(data.covariance[1], np.diag([1e-4, 4e-4]), atol=1e-18)


def test_limits_are_those_of_a_measurement_of_nothing() -> None:
    """Which `xsurvey.polarization.intervals` gives the same limit."""
    data = DegreeLimits(np.array([0.14, 0.14]), np.array([0.9973, 0.9]))
    covariance = data.error[:, None, None] ** 2 * np.eye(2)
    zero = np.zeros(2)
    found = degree_upper_limit(zero, zero, covariance, 0.9)
    assert found[1] == pytest.approx(0.14, rel=2e-3)
    assert data.statistic(np.array([[0.14] * 2]), zero[None])[0, 0] == pytest.approx(9, rel=1e-3)


def test_undetected_degrees_are_the_chance_to_be_measured_below() -> None:
    data = UndetectedDegrees(np.array([0.12]), np.array([0.99]))
    noise = data.error[0]
    true = 0.1
    draws = np.random.default_rng(8).normal(0, noise, (2, 200_000))
    below = (np.hypot(true + draws[0], draws[1]) < 0.12).mean()
    found = np.exp(-0.5 * data.statistic(np.array([[true]]), np.zeros((1, 1)))[0, 0]) * 0.99
    assert found == pytest.approx(below, abs=0.006)


@pytest.mark.parametrize("data", KINDS)
def test_statistics_are_zero_at_best(data: PolarizationDatum) -> None:
    q, u = (
        x.reshape(-1, 1)
        for x in np.meshgrid(np.linspace(-0.3, 0.3, 61), np.linspace(-0.3, 0.3, 61))
    )
    value = data.statistic(q, u)
    assert np.all(value >= -1e-12)
    assert value.min() == pytest.approx(0, abs=0.02)
    assert len(data) == 1
    assert data.bins == {MeasuredStokes: 2, MeasuredDegrees: 1}.get(type(data), 0)


@pytest.mark.parametrize("data", KINDS)
def test_derivatives(data: PolarizationDatum) -> None:
    step = 1e-6
    for q, u in ((0.05, 0.02), (-0.2, 0.11), (0.8, -0.5)):
        point = np.array([[q]]), np.array([[u]])
        found = data.derivatives(*point)
        for name, dq, du in (("q", step, 0.0), ("u", 0.0, step)):
            up = data.statistic(point[0] + dq, point[1] + du)
            down = data.statistic(point[0] - dq, point[1] - du)
            middle = data.statistic(*point)
            slope = ((up - down) / (2 * step))[0, 0]
            assert getattr(found, name)[0, 0] == pytest.approx(slope, rel=1e-4, abs=1e-3)
            wide = 1e-3
            bend = (
                data.statistic(point[0] + dq / step * wide, point[1] + du / step * wide)
                + data.statistic(point[0] - dq / step * wide, point[1] - du / step * wide)
                - 2 * middle
            )[0, 0] / wide**2
            assert getattr(found, name + name)[0, 0] >= bend * (1 - 1e-3) - 1e-2
    at_zero = data.derivatives(np.zeros((1, 1)), np.zeros((1, 1)))
    assert all(np.isfinite(x).all() for x in at_zero)


@pytest.mark.parametrize("data", KINDS)
def test_statistics_far_from_data_are_finite_and_rise(data: PolarizationDatum) -> None:
    q = np.array([[0.5], [1.0], [30.0], [1000.0]])
    value = data.statistic(q, np.zeros_like(q))
    assert np.isfinite(value).all()
    assert np.all(np.diff(value[:, 0]) > 0)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1), st.floats(-90, 90))
def test_data_without_angles_know_none(degree: float, angle: float) -> None:
    turned = degree * np.exp(2j * np.radians(angle))
    for data in KINDS[1:]:
        first = data.statistic(np.array([[degree]]), np.zeros((1, 1)))
        second = data.statistic(np.array([[turned.real]]), np.array([[turned.imag]]))
        np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-8)


def test_all_data_together() -> None:
    whole = PolarizationLikelihood([(np.array([1e15 + i]), data) for i, data in enumerate(KINDS)])
    assert whole.bins == 2 + 1 + 1
    assert whole.frequency.tolist() == [1e15, 1e15 + 1, 1e15 + 2, 1e15 + 3, 1e15 + 4]
    q, u = (
        np.array([[0.1] * 5, [0.02] * 5, [np.nan] * 5]),
        np.array([[0.0] * 5, [0.05] * 5, [0] * 5]),
    )
    terms = whole.terms(q, u)
    for column, data in enumerate(KINDS):
        one = slice(column, column + 1)
        np.testing.assert_allclose(terms[:2, one], data.statistic(q[:2, one], u[:2, one]))
        np.testing.assert_allclose(
            whole.derivatives(q[:2], u[:2]).q[:, one],
            data.derivatives(q[:2, one], u[:2, one]).q,
        )
    assert whole.total(q, u)[:2] == pytest.approx(terms[:2].sum(axis=1))
    assert whole.total(q, u)[2] == np.inf


def test_as_many_frequencies_as_data() -> None:
    with pytest.raises(ValueError, match="2 frequencies of 1 data"):
        PolarizationLikelihood([(np.array([1.0, 2.0]), KINDS[0])])
