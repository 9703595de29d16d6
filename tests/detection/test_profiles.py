"""Light of sources in circles and on pixels, against closed forms and random photons."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.detection.profiles import (
    aperture_radius,
    in_pixels,
    light_on_pixels,
    radius_of_light,
    source_mixture,
)
from xsurvey.psf import GaussianMixture, GaussianPsf, KingPsf

ONE = GaussianMixture(np.ones(1), np.full(1, 2.0))
TWO = GaussianMixture(np.array([0.7, 0.3]), np.array([1.0, 4.0]))


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(1.0, 5))
@settings(max_examples=15, deadline=None)
def test_pixels_add_up_to_all_of_the_light(x: float, y: float, width: float) -> None:
    profile = GaussianMixture(np.ones(1), np.full(1, width))
    edges = np.arange(-40, 41) - 0.5
    light = light_on_pixels(profile, x, y, edges, edges)
    assert light.sum() == pytest.approx(1)
    assert light.min() >= 0
    centre = np.arange(-40, 40)
    assert light.sum(axis=0) @ centre == pytest.approx(x, abs=1e-6)
    assert light.sum(axis=1) @ centre == pytest.approx(y, abs=1e-6)


def test_a_beta_model_folded_with_the_psf() -> None:
    psf, core = KingPsf(2.5, 3.0), 6.0
    profile = source_mixture(psf, 0.0, core)
    assert profile.weights.sum() == pytest.approx(1)
    # photons of a beta model of beta = 2/3 lie within r with probability 1 - (1 + r^2)^-1/2
    generator = np.random.default_rng(5)
    n = 200_000
    radius = core * np.sqrt(generator.random(n) ** -2 - 1)
    angle = generator.uniform(0, 2 * np.pi, (2, n))
    blur = psf.radius(0.5, np.zeros(1)) * np.sqrt(
        (generator.random(n) ** (-1 / 1.5) - 1) / (0.5 ** (-1 / 1.5) - 1)
    )
    distance = np.hypot(
        radius * np.cos(angle[0]) + blur * np.cos(angle[1]),
        radius * np.sin(angle[0]) + blur * np.sin(angle[1]),
    )
    for r in (4.0, 10.0, 30.0):
        # the mixture ends where a beta model has the last two or three per cent of its light
        found = float(profile.encircled_fraction(np.array(r)))
        assert found == pytest.approx(np.mean(distance < r), abs=0.03)


def test_apertures_of_points_and_of_extended_sources() -> None:
    psf = GaussianPsf(2.0)
    assert aperture_radius(psf, 0.0, 0.0, 0.9) == pytest.approx(2 * np.sqrt(-2 * np.log(0.1)))
    point = aperture_radius(psf, 0.0, 0.0, 0.9)
    assert aperture_radius(psf, 0.0, 10.0, 0.9) == pytest.approx(np.hypot(point, 30.0))
    assert source_mixture(psf, 0.0, 0.0).sigma == pytest.approx([2.0])


def test_radius_of_a_fraction_is_its_inverse() -> None:
    for profile in (ONE, TWO, in_pixels(TWO, 0.5)):
        for fraction in (0.3, 0.9, 0.995):
            r = radius_of_light(profile, fraction)
            found = float(profile.encircled_fraction(np.array(r)))
            assert found == pytest.approx(fraction, abs=2e-3)
