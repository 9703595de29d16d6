"""Likelihoods as sigmas, and at one place against anywhere in a beam."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, stats

from xsurvey.detection.false_rates import BEAM
from xsurvey.detection.significance import at_one_place, gaussian_significance, in_a_beam


@given(st.floats(0.8, 1e5))
def test_sigmas_have_the_tail_they_are_of(likelihood: float) -> None:
    sigma = gaussian_significance(np.array(likelihood))
    assert -stats.norm.logsf(sigma) == pytest.approx(likelihood, rel=1e-9)


def test_what_is_no_likelihood_has_no_sigmas() -> None:
    found = gaussian_significance(np.array([-np.log(0.00134990), 0.1, -1.0, np.nan]))
    assert found == pytest.approx([3, 0, 0, np.nan], abs=1e-4, nan_ok=True)


@given(st.floats(0.01, 1e5))
def test_the_likelihood_of_a_place_is_found_again(likelihood: float) -> None:
    assert float(in_a_beam(np.array(at_one_place(likelihood)))) == pytest.approx(likelihood)


def test_a_beam_has_more_chances_than_a_place() -> None:
    local = np.linspace(0, 60, 2000)
    beam = in_a_beam(local)
    assert (beam <= local).all()
    assert (np.diff(beam) >= 0).all()
    # u^2 at 5 sigma
    five = -float(stats.norm.logsf(5.0))
    assert five - float(in_a_beam(np.array(five))) == pytest.approx(np.log(25.0), abs=1e-9)


def test_maxima_of_smooth_noise_are_as_many_as_it_says() -> None:
    """Noise smoothed with a source's width: the matched filter's image of many photons."""
    sigma, side = 4.0, 1200
    noise = np.random.default_rng(20261125).standard_normal((side, side))
    smooth = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    smooth /= smooth.std()
    peak = smooth == ndimage.maximum_filter(smooth, 5, mode="wrap")
    threshold = at_one_place(4.0)
    number = int((peak & (smooth > gaussian_significance(np.array(threshold)))).sum())
    # the filter of a source of width sigma is as wide, and a beam the area of its square
    expected = side**2 / (BEAM * sigma**2) * np.exp(-4.0)
    assert number == pytest.approx(expected, abs=3 * np.sqrt(expected) + 0.1 * expected)
