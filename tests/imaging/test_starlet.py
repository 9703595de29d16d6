import numpy as np
import pytest
from scipy import ndimage

from xsurvey.imaging import starlet


def test_planes_and_last_smoothing_give_the_image_back() -> None:
    image = np.random.default_rng(0).normal(size=(64, 80))
    smooth = image
    for scale in range(4):
        smooth = starlet.smooth_once(smooth, scale)
    assert sum(starlet.planes(image, 4)) + smooth == pytest.approx(image)


@pytest.mark.parametrize("scale", [0, 1, 2, 3])
def test_kernel_is_the_plane(scale: int) -> None:
    image = np.random.default_rng(1).poisson(0.3, (150, 150)).astype(float)
    kernel = starlet.wavelet_kernel(scale)
    direct = ndimage.convolve(image, kernel, mode="constant")
    plane = starlet.planes(image, scale + 1)[scale]
    inside = slice(40, -40)  # at the border smoothings lose what the others put outside
    assert plane[inside, inside] == pytest.approx(direct[inside, inside], abs=1e-9)
    assert kernel.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_a_gaussian_of_the_stated_width_is_best_seen_at_its_scale(scale: int) -> None:
    y, x = np.indices((201, 201)) - 100
    sigma = starlet.kernel_sigma(scale)
    source = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    response = [
        plane[100, 100] / np.sqrt(np.sum(starlet.wavelet_kernel(s) ** 2))
        for s, plane in enumerate(starlet.planes(source, 6))
    ]
    assert abs(int(np.argmax(response)) - scale) <= 1
