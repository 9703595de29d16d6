"""Medians and scatter over azimuth: unbiased without structure, true with it."""

from dataclasses import replace

import numpy as np
import pytest

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.profiles.azimuthal import azimuthal_median, azimuthal_scatter
from xsurvey.profiles.brightness import brightness
from xsurvey.profiles.extraction import extract_profile, extract_sectors
from xsurvey.profiles.geometry import RadialGeometry, equal_sectors

from .images import CENTRE, flat, poisson

GEOMETRY = RadialGeometry(CENTRE)
EDGES = np.array([0.0, 2.0, 3.0, 4.0])
EXPOSURE = flat(10_000.0)


def test_the_median_of_noise_is_its_mean() -> None:
    truth, pulls = 0.01, []
    for seed in range(30):
        counts = poisson(lambda r: np.full(r.shape, truth), EXPOSURE, seed, background=0.1)
        background = flat(0.1)
        profile = extract_profile(counts, EXPOSURE, GEOMETRY, EDGES, background)
        median = azimuthal_median(
            counts, EXPOSURE, profile, GEOMETRY, background=background, seed=seed
        )
        pulls.append((median.value - truth) / median.error)
    pulls = np.array(pulls)
    assert abs(pulls.mean()) < 0.3  # its error is .11 and more, for bins are few
    assert 0.6 < pulls.std() < 1.4
    assert (median.cells > 50).all()
    assert (median.lower <= median.value).all() and (median.value <= median.upper).all()


def test_the_median_does_not_see_a_clump() -> None:
    counts = poisson(lambda r: np.full(r.shape, 0.01), EXPOSURE, 5)
    y, x = np.indices(counts.data.shape)
    clump = (x - 75) ** 2 + (y - 50) ** 2 < 16
    counts = replace(counts, data=counts.data + 20.0 * clump)
    profile = extract_profile(counts, EXPOSURE, GEOMETRY, EDGES)
    median = azimuthal_median(counts, EXPOSURE, profile, GEOMETRY, seed=1)
    # cells have 20 counts on average, the clump's included: there are more of them
    assert brightness(profile).value[1] > 0.015
    assert median.value[1] == pytest.approx(0.01, abs=4 * median.error[1])
    again = azimuthal_median(counts, EXPOSURE, profile, GEOMETRY, seed=1)
    assert again.error.tolist() == median.error.tolist()


def test_few_counts_have_no_median() -> None:
    counts = poisson(lambda r: np.full(r.shape, 2e-4), EXPOSURE, 5)
    profile = extract_profile(counts, EXPOSURE, GEOMETRY, EDGES)
    assert 0 < profile.counts[0] < 100
    median = azimuthal_median(counts, EXPOSURE, profile, GEOMETRY)
    assert np.isnan(median.value).all() and np.isnan(median.error).all()


def test_a_bin_without_exposure_has_no_median() -> None:
    exposure = flat(10_000.0)
    exposure.data[exposure.grid.off_axis(CENTRE) >= 3.0] = 0
    counts = poisson(lambda r: np.full(r.shape, 0.01), exposure, 5)
    profile = extract_profile(counts, exposure, GEOMETRY, EDGES)
    median = azimuthal_median(counts, exposure, profile, GEOMETRY)
    assert np.isfinite(median.value[:2]).all()
    assert np.isnan(median.value[2]) and median.cells[2] == 0


def modulated(amplitude: float, seed: int, number: int = 8) -> SkyImage:
    """Return a flat image whose sectors are brighter and fainter in turn."""
    sectors = equal_sectors(number)
    azimuth = GEOMETRY.azimuth(EXPOSURE.grid)
    sign = np.where((azimuth // (360 / len(sectors))).astype(int) % 2, 1.0, -1.0)
    area = (EXPOSURE.grid.pixel_size / 60) ** 2
    expected = 0.01 * (1 + amplitude * sign) * EXPOSURE.data * area
    return replace(EXPOSURE, data=np.random.default_rng(seed).poisson(expected).astype(float))


@pytest.mark.parametrize("amplitude", [0.0, 0.3])
def test_scatter_is_that_of_the_sky_alone(amplitude: float) -> None:
    """Variances of sectors with known differences, and none where there are none."""
    found, errors = [], []
    for seed in range(40):
        counts = modulated(amplitude, seed)
        parts = extract_sectors(counts, EXPOSURE, GEOMETRY, EDGES, equal_sectors(8))
        scatter = azimuthal_scatter(parts)
        found.append(scatter.variance)
        errors.append(scatter.variance_error)
    found, errors = np.array(found), np.array(errors)
    pulls = (found - amplitude**2) / errors
    assert abs(pulls.mean()) < 0.3
    assert 0.7 < pulls.std() < 1.4
    expected = np.sqrt(7 / 8 / np.mean([p.counts for p in parts], axis=0))
    assert scatter.statistical == pytest.approx(expected, rel=0.05)


def test_scatter_needs_a_mean() -> None:
    dark = replace(EXPOSURE, data=np.zeros_like(EXPOSURE.data), unit="count")
    parts = extract_sectors(dark, EXPOSURE, GEOMETRY, EDGES, equal_sectors(4))
    assert np.isnan(azimuthal_scatter(parts).value).all()
    with pytest.raises(ValueError, match="two profiles"):
        azimuthal_scatter(parts[:1])
    other = extract_sectors(dark, EXPOSURE, GEOMETRY, EDGES[1:], equal_sectors(4))
    with pytest.raises(ValueError, match="same edges"):
        azimuthal_scatter([parts[0], other[0]])
