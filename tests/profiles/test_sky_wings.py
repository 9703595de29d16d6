"""The cluster in the ring of the sky, and the level of the sky without it."""

from dataclasses import replace

import numpy as np
import pytest

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.profiles.brightness_models import parse_model
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.profiles.measure import MeasuredProfiles, ProfileImages, measure_profiles
from xsurvey.profiles.profile_fit import fit_profile
from xsurvey.profiles.profile_fit_result import ProfileFit
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.sky_level import sky_level
from xsurvey.profiles.sky_wings import Wings, ring_wings, without_wings
from xsurvey.units import EnergyBand

from .images import CENTRE, flat, wcs_of

RING, EXPOSURE = (12.0, 16.0), 4e4
SKY = 5e-4
BETA = (0.02, 2.0, 0.6, SKY)
PARAMETERS = SurfaceBrightnessParameters(
    bin_size="1arcmin", max_radius="11arcmin", sky="12arcmin,16arcmin", sectors=4
)  # fmt: skip


def images_of(theta: tuple[float, ...], seed: int) -> ProfileImages:
    """Poisson counts of a beta model."""
    sky = flat(1.0, 121, wcs_of(121, 16.0)).grid
    radius = RadialGeometry(CENTRE).radius(sky)
    rate = parse_model("beta").brightness(np.array([theta]), radius.ravel())[0]
    expected = rate.reshape(sky.shape) * EXPOSURE * (16 / 60) ** 2
    counts = np.random.default_rng(seed).poisson(expected).astype(float)
    exposure = SkyImage(np.full(sky.shape, EXPOSURE), sky, "s")
    return ProfileImages(
        SkyImage(counts, sky, "count"), exposure, None, None, True, EnergyBand(0.5, 2.0)
    )  # fmt: skip


def measured_with(
    theta: tuple[float, ...], seed: int = 1
) -> tuple[ProfileImages, MeasuredProfiles, ProfileFit]:
    images = images_of(theta, seed)
    measured = measure_profiles(images, CENTRE, PARAMETERS)
    fit = fit_profile(measured.profiles[0], parse_model("beta"), intervals=False)
    return images, measured, fit


@pytest.fixture(scope="module")
def cluster() -> tuple[ProfileImages, MeasuredProfiles, ProfileFit]:
    return measured_with(BETA)


def true_wings() -> float:
    model = parse_model("beta")
    return float(model.averages(np.array([(*BETA[:-1], 0.0)]), np.array(RING))[0, 0])


def test_wings_are_the_models_mean_over_the_ring(
    cluster: tuple[ProfileImages, MeasuredProfiles, ProfileFit],
) -> None:
    images, measured, fit = cluster
    wings = ring_wings(images, measured.geometry, fit, RING, 0.0)
    assert wings is not None
    theta = np.append(fit.theta[:-1], 0.0)
    exact = parse_model("beta").averages(theta[None, :], np.array(RING))[0, 0]
    assert wings.level == pytest.approx(exact, rel=5e-3)
    assert abs(wings.level - true_wings()) < 3.5 * wings.error
    assert 0 < wings.error < 0.5 * wings.level
    wider = ring_wings(images, measured.geometry, fit, RING, 0.3)
    assert wider is not None
    assert wider.error == pytest.approx(np.hypot(wings.error, 0.3 * wings.level))
    # pixels that are masked or not exposed say nothing
    radius = measured.geometry.radius(images.counts.grid)
    near = ring_wings(
        replace(images, mask=radius < 13.0), measured.geometry, fit, RING, 0.0
    )  # fmt: skip
    assert near is not None
    assert near.level > 1.2 * wings.level


def test_errors_of_wings_follow_the_covariance(
    cluster: tuple[ProfileImages, MeasuredProfiles, ProfileFit],
) -> None:
    images, measured, fit = cluster
    wings = ring_wings(images, measured.geometry, fit, RING, 0.0)
    assert wings is not None
    drawn = np.random.default_rng(2).multivariate_normal(
        np.append(fit.theta, 0)[: len(fit.names)], fit.covariance, 4000
    )[:, : len(fit.theta)]
    drawn[:, -1] = 0.0
    spread = parse_model("beta").averages(drawn, np.array(RING))[:, 0].std()
    assert wings.error == pytest.approx(spread, rel=0.1)
    unknown = replace(fit, covariance=np.full_like(fit.covariance, np.nan))
    assert ring_wings(images, measured.geometry, unknown, RING, 0.1) is None


def test_the_sky_without_the_cluster_is_the_sky(
    cluster: tuple[ProfileImages, MeasuredProfiles, ProfileFit],
) -> None:
    images, measured, fit = cluster
    wings = ring_wings(images, measured.geometry, fit, RING, 0.1)
    found, taken, notes = without_wings(measured, wings)
    assert measured.sky is not None
    assert found.sky is not None
    assert taken == wings
    assert measured.sky.level > SKY + 3 * measured.sky.level_error
    assert abs(found.sky.level - SKY) < 3 * found.sky.level_error
    assert found.sky.level_error > measured.sky.level_error
    # outer bins stand out more, and bins within the ring have no significance still
    assert found.significance[0][-1] > measured.significance[0][-1]
    assert len(found.significance) == 5
    assert "taken for the cluster" in notes[0]


def test_nothing_is_taken_in_a_field_without_a_cluster() -> None:
    _, measured, _ = measured_with((0.0, 2.0, 0.6, SKY), seed=3)
    found, taken, notes = without_wings(measured, Wings(0.3 * SKY, 0.1 * SKY))
    assert found is measured
    assert taken is None
    assert notes == []


def test_what_cannot_be_taken_is_told(
    cluster: tuple[ProfileImages, MeasuredProfiles, ProfileFit],
) -> None:
    _, measured, _ = cluster
    found, taken, notes = without_wings(measured, None)
    assert (found, taken) == (measured, None)
    assert "free of the cluster" in notes[0]
    found, taken, notes = without_wings(measured, Wings(1.0, 0.1))
    assert (found, taken) == (measured, None)
    assert "as bright as the ring" in notes[0]
    bare = replace(measured, sky=None)
    assert without_wings(bare, Wings(1.0, 0.1)) == (bare, None, [])


def test_a_level_is_lowered_and_less_certain() -> None:
    sky = sky_level(np.array([300.0, 310.0, 290.0]), np.full(3, 1e5), np.ones(3))
    less = sky.less(1e-3, 2e-4)
    assert less.level == pytest.approx(sky.level - 1e-3)
    assert less.level_error == pytest.approx(np.hypot(sky.level_error, 2e-4))
    assert sky.less(0.0, 0.0).level_error == pytest.approx(sky.level_error)
