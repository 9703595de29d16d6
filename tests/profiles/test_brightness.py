"""Brightness of bins and its intervals."""

import numpy as np
import pytest
from scipy import stats

from xsurvey.profiles.brightness import brightness, poisson_error, poisson_interval
from xsurvey.profiles.radial_profile import RadialProfile


def profile(
    counts: list[float], exposure_area: list[float], background: list[float]
) -> RadialProfile:
    n = len(counts)
    return RadialProfile(
        np.arange(n + 1.0), np.array(counts), np.array(exposure_area), np.ones(n), np.ones(n),
        np.array(background), 0.1 * np.array(background), np.zeros((2, 2)), np.zeros(n, dtype=int),
    )  # fmt: skip


def test_intervals_of_poisson_means() -> None:
    """Limits of Gehrels 1986 (ApJ 303, 336), tables 1 and 2, for 84.13 %."""
    low, high = poisson_interval(np.array([0, 1, 4, 10, 100]), 0.6827)
    assert high == pytest.approx([1.841, 3.300, 7.163, 14.27, 111.0], rel=1e-3)
    assert low == pytest.approx([0, 0.1728, 2.086, 6.891, 90.02], rel=1e-3)
    counts = np.arange(1, 50)
    low, high = poisson_interval(counts, 0.9)
    assert stats.poisson.sf(counts - 1, low) == pytest.approx(np.full(49, 0.05))
    assert stats.poisson.cdf(counts, high) == pytest.approx(np.full(49, 0.05))


def test_errors_are_roots_of_counts() -> None:
    errors = poisson_error(np.array([0, 4, 100]))
    assert errors == pytest.approx([-np.log(1 - 0.6827), 2, 10])


def test_brightness_is_net_and_may_be_negative() -> None:
    light = brightness(profile([100, 4, 0, 0], [50.0, 10.0, 10.0, 0.0], [20, 9, 0, 0]))
    assert light.value[:3] == pytest.approx([1.6, -0.5, 0])
    assert light.error[:3] == pytest.approx([0.2, 0.2, 0.1148], rel=1e-3)
    assert light.systematic[:2] == pytest.approx([0.04, 0.09])
    assert light.upper[2] == pytest.approx(0.1841, rel=1e-3)
    assert (light.lower[:3] <= light.value[:3]).all() and (light.value[:3] < light.upper[:3]).all()
    assert all(np.isnan(part[3]) for part in light)
