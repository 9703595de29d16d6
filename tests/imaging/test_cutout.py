"""Parts of images, and PSFs on their pixels."""

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.imaging.cutout import PixelBox, box_around, cut_grid, cut_image
from xsurvey.imaging.psf_image import psf_image
from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.psf import GaussianMixture, GaussianPsf, KingPsf


def grid_of(shape: tuple[int, int], pixel: float = 2.0) -> ImageGrid:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [150.0, 2.0], [20.0, 25.0]
    wcs.wcs.cdelt = [-pixel / 3600, pixel / 3600]
    wcs.wcs.set()
    return ImageGrid(wcs, shape, 100.5, 200.5, 4.0, pixel)


@given(
    x=st.floats(-60, 110), y=st.floats(-60, 110), half=st.floats(0.1, 80),
)  # fmt: skip
def test_boxes_are_inside_and_centred_where_they_fit(x: float, y: float, half: float) -> None:
    grid = grid_of((50, 40))
    box = box_around(grid, x, y, half)
    reach = int(np.ceil(half / 2.0))
    if box is None:
        assert not (-reach - 0.5 <= x <= 39.5 + reach and -reach - 0.5 <= y <= 49.5 + reach) or (
            round(x) + reach < 0 or round(x) - reach > 39
            or round(y) + reach < 0 or round(y) - reach > 49
        )  # fmt: skip
        return
    assert 0 <= box.x0 < box.x1 <= 40
    assert 0 <= box.y0 < box.y1 <= 50
    if reach <= round(x) <= 39 - reach:
        assert box.shape[1] == 2 * reach + 1
        assert abs((box.x0 + box.x1 - 1) / 2 - x) <= 0.5


@pytest.mark.parametrize("place", [(np.nan, 3.0), (3.0, np.inf), (-500.0, 10.0), (10.0, 1e12)])
def test_places_off_the_image_have_no_box(place: tuple[float, float]) -> None:
    assert box_around(grid_of((50, 40)), *place, 10.0) is None


def test_coordinates_of_a_part_are_those_of_the_whole() -> None:
    grid = grid_of((50, 40))
    image = SkyImage(np.arange(2000.0).reshape(50, 40), grid, "count")
    box = PixelBox(5, 7, 25, 19)
    part = cut_image(image, box)
    assert part.data.shape == part.grid.shape == box.shape == (12, 20)
    assert part.data[0, 0] == image.data[7, 5]
    for own, whole in zip(part.grid.to_icrs(0.0, 0.0), grid.to_icrs(5.0, 7.0), strict=True):
        assert own == pytest.approx(whole, abs=1e-12)
    assert part.grid.to_sky_pixels(0, 0) == grid.to_sky_pixels(5, 7)
    x, y = grid.to_sky_pixels(np.array([5.2]), np.array([7.4]))
    assert np.array(cut_grid(grid, box).from_sky_pixels(x, y)).ravel() == pytest.approx([0.2, 0.4])


def test_a_box_holds_what_binning_puts_into_its_pixels() -> None:
    box = PixelBox(5, 7, 25, 19)
    x, y = np.random.default_rng(1).uniform(0, 30, (2, 5000))
    counts, _, _ = np.histogram2d(y, x, bins=(np.arange(31) - 0.5, np.arange(31) - 0.5))
    assert box.contains(x, y).sum() == counts[7:19, 5:25].sum()


@given(
    x=st.floats(-3, 13), y=st.floats(-3, 13), sigma=st.floats(0.05, 3), pixel=st.floats(0.8, 4),
)  # fmt: skip
def test_pixels_hold_the_integral_of_a_gaussian(
    x: float, y: float, sigma: float, pixel: float
) -> None:
    mixture = GaussianMixture(np.array([0.3, 0.7]), np.array([sigma, 2 * sigma]))
    image = psf_image(mixture, x, y, (12, 10), pixel)
    assert (image >= 0).all()
    assert image.sum() <= 1 + 1e-12
    # wherever the source is, the pixels of an image that is large enough hold all of it
    wide = psf_image(mixture, x + 100, y + 100, (220, 220), pixel)
    assert wide.sum() == pytest.approx(1, abs=1e-9)
    assert wide[100:112, 100:110] == pytest.approx(image, abs=1e-12)


@pytest.mark.parametrize("psf", [GaussianPsf(1.5), KingPsf(2.5, 4.0)])
@pytest.mark.parametrize("radius", [2.0, 5.0, 12.0])
def test_fine_pixels_sum_to_the_encircled_fraction(
    psf: GaussianPsf | KingPsf, radius: float
) -> None:
    pixel = 0.1
    image = psf_image(psf.mixture(0.0), 200.0, 200.0, (401, 401), pixel)
    rows, columns = np.indices(image.shape)
    within = image[np.hypot(rows - 200, columns - 200) * pixel <= radius].sum()
    expected = float(psf.encircled_fraction(np.array(radius), np.array(0.0)))
    assert within == pytest.approx(expected, abs=3e-3)
