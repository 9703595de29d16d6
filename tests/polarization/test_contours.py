import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.polarization.contours import (
    delta_chi2,
    polarization_curves,
    polarization_extent,
    stokes_ellipses,
)


def correlated(number: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    root = generator.normal(0, 0.03, (number, 2, 2))
    covariance = root @ np.swapaxes(root, 1, 2) + 1e-5 * np.eye(2)
    q, u = generator.normal(0, 0.1, (2, number))
    return q, u, covariance


def test_delta_chi2_of_the_usual_levels() -> None:
    # tables of two parameters of interest, as XSPEC users know them
    assert delta_chi2((0.5, 0.683, 0.9, 0.99, 0.999)) == pytest.approx(
        [1.386, 2.298, 4.605, 9.210, 13.816], abs=1e-3
    )
    for wrong in (0.0, 1.0, -0.1, np.nan, 68.3):
        with pytest.raises(ValueError, match="between 0 and 1"):
            delta_chi2(wrong)


def test_axes_of_an_uncorrelated_measurement() -> None:
    covariance = np.array([np.diag([0.01**2, 0.03**2]), np.diag([0.03**2, 0.01**2])])
    ellipses = stokes_ellipses(np.zeros(2), np.zeros(2), covariance, (0.9,))
    assert ellipses.semi_major == pytest.approx(np.full((2, 1), 0.03 * np.sqrt(4.60517)), rel=1e-6)
    assert ellipses.semi_minor == pytest.approx(np.full((2, 1), 0.01 * np.sqrt(4.60517)), rel=1e-6)
    assert ellipses.angle_deg == pytest.approx([90, 0])


def test_points_lie_on_the_ellipse() -> None:
    ellipses = stokes_ellipses(*correlated(6))
    points = ellipses.points(50)
    assert points.shape == (6, 4, 50, 2)
    for k, level in enumerate(ellipses.levels):
        for i in range(50):
            found = ellipses.statistic(points[:, k, i, 0], points[:, k, i, 1])
            assert found == pytest.approx(np.full(6, delta_chi2(level)), rel=1e-8)
    assert np.array_equal(points[:, :, 0], points[:, :, -1])


def test_ellipses_cover_at_their_level() -> None:
    generator = np.random.default_rng(3)
    covariance = np.array([[4e-4, 3e-4], [3e-4, 9e-4]])
    drawn = generator.multivariate_normal([0.05, -0.02], covariance, 40_000)
    ellipses = stokes_ellipses(*drawn.T, np.broadcast_to(covariance, (40_000, 2, 2)))
    inside = ellipses.contains(0.05, -0.02).mean(axis=0)
    error = np.sqrt(ellipses.levels * (1 - ellipses.levels) / 40_000)
    assert np.all(np.abs(inside - ellipses.levels) < 4 * error)


def test_extent_is_that_of_the_curve() -> None:
    q, u, covariance = correlated(200, seed=5)
    ellipses = stokes_ellipses(q, u, covariance)
    extent = polarization_extent(ellipses)
    degree, angle = polarization_curves(ellipses, 2001)
    away = ~extent.has_origin
    assert 0.05 < away.mean() < 0.95
    assert extent.pd_high == pytest.approx(degree.max(axis=-1), rel=1e-4)
    assert extent.pd_low[away] == pytest.approx(degree.min(axis=-1)[away], rel=1e-2, abs=1e-4)
    assert np.all(extent.pd_low[away] <= degree.min(axis=-1)[away] + 1e-12)
    assert extent.pa_high[away] == pytest.approx(angle.max(axis=-1)[away], abs=0.2)
    assert extent.pa_low[away] == pytest.approx(angle.min(axis=-1)[away], abs=0.2)
    assert np.all(extent.pd_low[extent.has_origin] == 0)
    width = (extent.pa_high - extent.pa_low)[extent.has_origin]
    assert width == pytest.approx(np.full(len(width), 180.0))


@given(st.floats(-90, 90), st.integers(0, 1000))
def test_a_common_rotation_changes_angles_only(turn: float, seed: int) -> None:
    q, u, covariance = correlated(3, seed)
    cos, sin = np.cos(np.radians(2 * turn)), np.sin(np.radians(2 * turn))
    matrix = np.array([[cos, -sin], [sin, cos]])
    first = stokes_ellipses(q, u, covariance)
    second = stokes_ellipses(*(matrix @ np.stack([q, u])), matrix @ covariance @ matrix.T)
    assert second.semi_major == pytest.approx(first.semi_major, rel=1e-6)
    assert second.semi_minor == pytest.approx(first.semi_minor, rel=1e-6)
    one, two = polarization_extent(first), polarization_extent(second)
    assert np.array_equal(one.has_origin, two.has_origin)
    assert two.pd_low == pytest.approx(one.pd_low, rel=1e-5, abs=1e-9)
    assert two.pd_high == pytest.approx(one.pd_high, rel=1e-6)
    assert two.pa_high - two.pa_low == pytest.approx(one.pa_high - one.pa_low, abs=1e-4)
    assert np.cos(np.radians(2 * (two.pa_high - one.pa_high - turn))) == pytest.approx(1, abs=1e-6)


def test_no_measurement_gives_no_ellipse() -> None:
    q, u, covariance = correlated(2)
    q[0] = np.nan
    extent = polarization_extent(stokes_ellipses(q, u, covariance))
    assert np.isnan(extent.pd_high[0]).all()
    assert np.isfinite(extent.pd_high[1]).all()
    assert stokes_ellipses(np.empty(0), np.empty(0), np.empty((0, 2, 2))).points(9).shape == (
        0, 4, 9, 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    "covariance",
    [np.eye(2), np.zeros((1, 2, 2)), [[[1, 2], [2, 1]]], [[[1, 0.1], [0.2, 1]]],
     [[[np.inf, 0], [0, 1]]]],
)  # fmt: skip
def test_what_is_no_covariance_is_refused(covariance: object) -> None:
    with pytest.raises(ValueError, match="covariance"):
        stokes_ellipses(np.zeros(1), np.zeros(1), np.array(covariance, float))
