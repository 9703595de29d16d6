"""Onion peeling against spheres whose emissivity is known."""

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters.shells import outer_emission, projected_volumes
from xsurvey.profiles.deprojection_parameters import DeprojectionParameters
from xsurvey.profiles.onion import peel
from xsurvey.profiles.profile_mixing import ProfileMixing
from xsurvey.profiles.sky_prior import SkyPrior

from .spheres import beta_counts, profile_of

EDGES = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0])
EXPOSURE, SKY = 1e5, 1e-3


def test_shells_are_found_exactly_without_noise() -> None:
    emissivity = np.array([5.0, 3.0, 2.0, 1.0, 0.3, 0.1]) * 1e-2
    volumes = projected_volumes(EDGES, EDGES)
    volumes[:, -1] += outer_emission(EDGES, EDGES[-1], 5.0)
    sky = SKY * np.pi * np.diff(EDGES**2)
    profile = profile_of(EDGES, EXPOSURE * (volumes @ emissivity + sky), EXPOSURE)
    found = peel(profile, SkyPrior(SKY, 1e-6))
    assert found.emissivity == pytest.approx(emissivity, rel=1e-9)
    assert np.all((found.lower < emissivity) & (emissivity < found.upper))
    density, samples = found.density(1e-3, 10.0)
    assert density == pytest.approx(np.sqrt(emissivity / 1e-2), rel=1e-9)
    assert samples.shape == (1000, 6)


def test_the_psf_is_taken_out() -> None:
    emissivity = np.array([5.0, 3.0, 2.0, 1.0, 0.3, 0.1]) * 1e-2
    rings = np.append(EDGES, 16.0)
    area = np.pi * np.diff(rings**2)
    volumes = projected_volumes(rings, rings)
    middle = np.sqrt((rings[1:] ** 2 + rings[:-1] ** 2) / 2)
    shells = np.append(emissivity, emissivity[-1] * (middle[6] / middle[5]) ** -5.0)
    volumes[:, -1] += outer_emission(rings, 16.0, 5.0)
    matrix = EXPOSURE * (0.9 * np.eye(6, 7) + 0.1 * np.eye(6, 7, 1)) * area
    counts = matrix @ (volumes @ shells / area)
    profile = profile_of(EDGES, counts, EXPOSURE)
    found = peel(profile, SkyPrior(0.0, 1e-9), ProfileMixing(matrix, rings))
    assert found.emissivity == pytest.approx(emissivity, rel=1e-9)


def test_errors_are_those_of_repeated_observations() -> None:
    edges = np.linspace(0, 8, 9)
    area = np.pi * np.diff(edges**2)
    expected = 3e4 * (beta_counts(edges) + SKY * area)
    profiles = [profile_of(edges, expected, 3e4, seed=s) for s in range(60)]
    sky = SkyPrior(SKY, 1e-9)
    found = np.array([peel(p, sky, None, DeprojectionParameters(draws=50)).emissivity
                      for p in profiles])  # fmt: skip
    sigma = peel(profiles[0], sky).samples.std(axis=0)
    assert found.std(axis=0) == pytest.approx(sigma, rel=0.4)


def test_the_skys_error_is_carried() -> None:
    profile = profile_of(EDGES, EXPOSURE * SKY * np.pi * np.diff(EDGES**2) * 2, EXPOSURE)
    small, large = (peel(profile, SkyPrior(SKY, e)).samples.std(axis=0) for e in (1e-7, 2e-4))
    assert large[-1] > 3 * small[-1]


def test_curvature_is_damped() -> None:
    edges = np.linspace(0, 10, 31)
    area = np.pi * np.diff(edges**2)
    profile = profile_of(edges, 3e3 * (beta_counts(edges) + SKY * area), 3e3, seed=2)
    sky = SkyPrior(SKY, 1e-5)
    plain = peel(profile, sky)
    smooth = peel(profile, sky, None, DeprojectionParameters(regularisation=None))
    assert plain.regularisation == 0
    assert smooth.regularisation > 0
    middle = (edges[1:] + edges[:-1]) / 2
    truth = 1e-2 * (1 + (middle / 2) ** 2) ** -2
    outer = middle > 3
    assert np.std((smooth.emissivity - truth)[outer]) < np.std((plain.emissivity - truth)[outer])


def test_refusals() -> None:
    profile = profile_of(EDGES, np.full(6, 10.0), EXPOSURE)
    with pytest.raises(InputError, match="no level"):
        peel(profile, SkyPrior())
    with pytest.raises(InputError, match="scatters in"):
        peel(profile, SkyPrior(0.0, 1e-6, scatter=np.ones(2)))
    profile.exposure_area[2] = 0
    with pytest.raises(InputError, match="without exposure"):
        peel(profile, SkyPrior(0.0, 1e-6))
