"""Mixing matrices: closed forms, convolutions, what is conserved, bad input."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate
from scipy.signal import fftconvolve
from scipy.stats import ncx2

from tests.profiles.images import CENTRE, flat
from xsurvey.errors import InputError
from xsurvey.imaging.psf_image import psf_image
from xsurvey.profiles.extraction import extract_profile
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.profiles.profile_mixing import profile_mixing, reach
from xsurvey.profiles.psf_mixing import mixing_matrix
from xsurvey.profiles.psf_sampling import psf_from_image
from xsurvey.psf import GaussianPsf, KingPsf

PIXEL = 0.05
SIZE = 201
EDGES = np.array([0.0, 0.3, 0.8, 1.6, 3.0, 5.0])
SIGMA = 0.4  # arcmin
# of a region's light: the points' own error
ACCURACY = 6e-3


def labels(size: int = SIZE, pixel: float = PIXEL) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.indices((size, size)) - (size - 1) / 2
    radius = np.hypot(y, x) * pixel
    label = np.digitize(radius, EDGES) - 1
    label[label >= len(EDGES) - 1] = -1
    return label, radius


def areas(label: np.ndarray) -> np.ndarray:
    return np.bincount(label[label >= 0]) * PIXEL**2


def test_without_psf_it_is_the_response_times_solid_angle() -> None:
    label, radius = labels()
    response = 1 + radius
    found = mixing_matrix(label, label, response, None, None, PIXEL)
    inside = label >= 0
    expected = np.bincount(label[inside], response[inside]) * PIXEL**2
    assert found == pytest.approx(np.diag(expected))
    ones = mixing_matrix(label, label, np.ones(label.shape), None, None, PIXEL)
    assert ones == pytest.approx(np.diag(areas(label)))


def test_rings_of_a_gaussian_psf() -> None:
    # the distance of a photon from a source at s is Rice distributed
    size, pixel = 1001, 0.01
    label, _ = labels(size, pixel)
    psf = GaussianPsf(SIGMA * 60)
    found = mixing_matrix(label, label, np.ones(label.shape), None, psf, pixel)
    for j, (low, high) in enumerate(pairwise(EDGES)):
        within = [
            integrate.quad(lambda s, r=r: 2 * s * ncx2.cdf((r / SIGMA) ** 2, 2, (s / SIGMA) ** 2),
                           low, high)[0] / (high**2 - low**2)
            for r in EDGES[1:]
        ]  # fmt: skip
        exact = np.diff(within, prepend=0)
        assert found[:, j] / (np.pi * (high**2 - low**2)) == pytest.approx(exact, abs=ACCURACY)


@pytest.mark.parametrize("masked", [False, True])
def test_convolution(masked: bool) -> None:
    label, radius = labels()
    response = np.exp(-radius / 4)
    brightness = 1 / (1 + radius**2)
    detected = label.copy()
    if masked:
        detected[60:90, 100:140] = -1
    psf = GaussianPsf(SIGMA * 60)
    found = mixing_matrix(label, detected, response, brightness, psf, PIXEL)
    middle = (SIZE - 1) / 2
    kernel = psf_image(psf.mixture(0), middle, middle, (SIZE, SIZE), PIXEL * 60)
    inside = detected >= 0
    for j in range(len(EDGES) - 1):
        light = np.where(label == j, brightness, 0)
        area = areas(label)[j]
        light *= area / light.sum()
        seen = fftconvolve(light, kernel, mode="same") * response
        exact = np.bincount(detected[inside], seen[inside])
        assert found[:, j] / area == pytest.approx(exact / area, abs=ACCURACY)


def test_light_is_conserved_within_the_image() -> None:
    label = np.zeros((80, 90), int)
    label[:, 40:] = 1
    inner = np.zeros_like(label) - 1
    inner[30:50, 30:60] = label[30:50, 30:60]
    found = mixing_matrix(inner, label, np.ones(label.shape), None, GaussianPsf(6.0), PIXEL)
    assert found.sum(axis=0) == pytest.approx(areas(inner), rel=1e-12)
    assert np.all(found >= 0)


def test_light_from_a_pixel_and_psf_off_axis() -> None:
    label, radius = labels()
    brightness = np.zeros(label.shape)
    brightness[SIZE // 2, SIZE // 2 + 50] = 1.0  # in the fourth region, 2.5 arcmin out
    psf = KingPsf(2.5, 20.0, growth=10.0)
    found = mixing_matrix(
        label, label, np.ones(label.shape), brightness, psf, PIXEL, off_axis=radius
    )
    # a King profile at the centre as wide as this one at 2.5 arcmin
    same = KingPsf(2.5, float(np.hypot(20.0, 25.0)))
    straight = mixing_matrix(label, label, np.ones(label.shape), brightness, same, PIXEL)
    assert found[:, 3] == pytest.approx(straight[:, 3], abs=ACCURACY * areas(label)[3])
    narrow = mixing_matrix(label, label, np.ones(label.shape), brightness, KingPsf(2.5, 20.0),
                           PIXEL)  # fmt: skip
    assert narrow[3, 3] > found[3, 3] + 0.02 * areas(label)[3]


def test_image_of_a_psf() -> None:
    label, _ = labels()
    shape = GaussianPsf(SIGMA * 60)
    image = psf_image(shape.mixture(0), 60, 60, (121, 121), 1.5)
    ones = np.ones(label.shape)
    given = mixing_matrix(label, label, ones, None, psf_from_image(image, 1.5), PIXEL)
    exact = mixing_matrix(label, label, ones, None, shape, PIXEL)
    assert given / areas(label) == pytest.approx(exact / areas(label), abs=ACCURACY)
    # one that moves everything by 20 pixels to the right
    point = np.zeros((41, 41))
    point[20, 40] = 7.0
    moved = mixing_matrix(label, label, ones, None, psf_from_image(point, PIXEL * 60), PIXEL)
    right = np.full(label.shape, -1)
    right[:, :-20] = label[:, 20:]
    for j in range(len(EDGES) - 1):
        seen = right[(label == j) & (right >= 0)]
        exact = np.bincount(seen, minlength=5)
        assert moved[:, j] == pytest.approx(exact * PIXEL**2, abs=0.02 * areas(label)[j])


def test_regions_without_pixels_and_unseen_pixels() -> None:
    label, _ = labels()
    response = np.ones(label.shape)
    response[:, :100] = np.nan
    psf = GaussianPsf(6.0)
    found = mixing_matrix(label, label, response, None, psf, PIXEL, emitted_regions=7,
                          detected_regions=6)  # fmt: skip
    assert found.shape == (6, 7)
    assert np.all(np.isfinite(found))
    assert not found[5].any()
    assert not found[:, 5:].any()
    assert found.sum() == pytest.approx(areas(label).sum() / 2, rel=0.05)


def test_solid_angles_of_pixels() -> None:
    label, _ = labels()
    psf = GaussianPsf(12.0)
    even = mixing_matrix(label, label, np.ones(label.shape), None, psf, PIXEL)
    wide = mixing_matrix(label, label, np.ones(label.shape), None, psf, PIXEL,
                         solid_angle=np.full(label.shape, 2 * PIXEL**2))  # fmt: skip
    assert wide == pytest.approx(2 * even)


def test_points_are_the_same_every_time() -> None:
    label, _ = labels()
    first, second = (
        mixing_matrix(label, label, np.ones(label.shape), None, GaussianPsf(24.0), PIXEL)
        for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_bad_input() -> None:
    label, _ = labels()
    with pytest.raises(InputError, match="shapes"):
        mixing_matrix(label, label, np.ones((3, 3)), None, None, PIXEL)
    with pytest.raises(InputError, match="pixels of"):
        mixing_matrix(label, label, np.ones(label.shape), None, None, 0.0)
    for image in (np.zeros((5, 5)), np.full((5, 5), -1.0), np.ones(5), np.full((2, 2), np.inf)):
        with pytest.raises(InputError, match="PSF"):
            psf_from_image(image, 1.0)


def test_rings_beyond_the_last_bin() -> None:
    exposure = flat(100.0, 61)
    geometry = RadialGeometry(CENTRE)
    edges = np.linspace(0, 2.8, 8)
    profile = extract_profile(flat(1.0, 61), exposure, geometry, edges)
    psf = GaussianPsf(20.0)
    mixing = profile_mixing(profile, geometry, exposure, psf)
    assert mixing.edges[:8] == pytest.approx(edges)
    assert mixing.edges[-1] == pytest.approx(2.8 + reach(psf))
    # an even sky is even behind any PSF, though half of these rings are off the image
    even = mixing.matrix.sum(axis=1) / profile.exposure_area
    assert even == pytest.approx(np.ones(7), abs=0.015)
    alone = profile_mixing(profile, geometry, exposure, None)
    assert alone.matrix == pytest.approx(np.diag(profile.exposure_area))


def test_a_sector_gets_light_from_all_around() -> None:
    exposure = flat(1.0, 61)
    geometry = RadialGeometry(CENTRE, sector=(0.0, 90.0))
    edges = np.linspace(0, 2.0, 5)
    profile = extract_profile(flat(1.0, 61), exposure, geometry, edges)
    mixing = profile_mixing(profile, geometry, exposure, GaussianPsf(20.0))
    even = mixing.matrix.sum(axis=1) / profile.exposure_area
    assert even == pytest.approx(np.ones(4), abs=0.03)
