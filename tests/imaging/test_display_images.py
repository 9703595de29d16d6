"""Display images: brightness is kept, holes vanish, seams and edges do not shine."""

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.imaging.adaptive_smoothing import adaptive_smoothing
from xsurvey.imaging.display_images import DisplayParameters, display_images
from xsurvey.imaging.hole_filling import fill_holes
from xsurvey.imaging.wavelet_display import wavelet_images

from . import display_fields as fields

SIDE = 96
ARCMIN2 = (fields.PIXEL / 60) ** 2


def _flat(level, seed=1):
    return fields.image(np.random.default_rng(seed).poisson(level, (SIDE, SIDE)))


def _exposure(seconds=1e4):
    return fields.image(np.broadcast_to(np.asarray(seconds, float), (SIDE, SIDE)), "s")


def _hole(x=48, y=48, radius=8):
    rows, columns = np.indices((SIDE, SIDE))
    return np.hypot(rows - y, columns - x) > radius


def test_holes_are_filled_with_the_brightness_around_them():
    counts = fields.image(np.full((SIDE, SIDE), 2.0))
    counted = _hole()
    counts.data[~counted] = 500.0
    filled = fill_holes(counts, counted, _exposure(), None)
    assert filled.data == pytest.approx(np.full((SIDE, SIDE), 2.0))
    assert filled.stamps["FILLED"] == "DISPLAY"
    drawn = fill_holes(counts, counted, _exposure(), 7)
    again = fill_holes(counts, counted, _exposure(), 7)
    assert (drawn.data == again.data).all()
    assert (drawn.data[~counted] % 1 == 0).all()
    assert drawn.data[~counted].mean() == pytest.approx(2.0, abs=5 * np.sqrt(2 / (~counted).sum()))


def test_filled_counts_follow_exposure_and_background():
    seconds = np.where(np.arange(SIDE) < 48, 1e4, 2e4)[None, :] * np.ones((SIDE, 1))
    sky, particles = 1e-4, fields.image(np.full((SIDE, SIDE), 0.5))
    counts = fields.image(sky * seconds + 0.5)
    filled = fill_holes(counts, _hole(), _exposure(seconds), None, particles)
    assert filled.data == pytest.approx(counts.data, rel=1e-6)


def test_what_was_not_exposed_is_left_alone_and_all_masked_is_an_error():
    seconds = np.full((SIDE, SIDE), 1e4)
    seconds[:, :10] = 0
    filled = fill_holes(_flat(1.0), _hole(x=8), _exposure(seconds), 3)
    assert (filled.data[:, :10] == 0).all()
    with pytest.raises(InputError, match="no pixel that is not masked"):
        fill_holes(_flat(1.0), np.zeros((SIDE, SIDE), bool), _exposure(), 3)
    with pytest.raises(InputError, match="shape"):
        fill_holes(_flat(1.0), np.ones((4, 4), bool), _exposure(), 3)


def test_adaptive_smoothing_keeps_a_flat_field_flat_up_to_its_edges():
    level = 0.3
    smooth = adaptive_smoothing(_flat(level), _exposure(), 10.0, 120.0)
    expected = level / 1e4 / ARCMIN2
    # ten sigma: ten per cent, and a maximum of many places
    assert np.abs(smooth.brightness.data / expected - 1).max() < 0.5
    assert smooth.brightness.data.mean() == pytest.approx(expected, rel=0.05)
    edge = np.r_[smooth.brightness.data[0], smooth.brightness.data[:, 0]]
    assert edge.mean() == pytest.approx(expected, rel=0.15)


def test_bright_places_are_sharp_and_dark_ones_smooth():
    data = 0.05 + fields.gaussian_source(SIDE, 48, 48, 3000, 2.0)
    counts = fields.image(np.random.default_rng(2).poisson(data))
    smooth = adaptive_smoothing(counts, _exposure(), 5.0, 60.0)
    assert smooth.scale[48, 48] <= fields.PIXEL
    assert smooth.scale[5, 5] > 4 * smooth.scale[48, 48]
    assert smooth.scale.max() <= 60.0 + 1e-9


def test_masked_pixels_take_the_brightness_around_them():
    counts, counted = fields.image(np.full((SIDE, SIDE), 2.0)), _hole(radius=5)
    counts.data[~counted] = 1e4
    smooth = adaptive_smoothing(counts, _exposure(), 8.0, 120.0, counted=counted)
    assert smooth.brightness.data == pytest.approx(
        np.full((SIDE, SIDE), 2.0 / 1e4 / ARCMIN2), rel=1e-6
    )


def test_the_background_is_taken_off_and_unexposed_places_are_nan():
    seconds = np.full((SIDE, SIDE), 1e4)
    seconds[:20] = 0
    counts = fields.image(np.full((SIDE, SIDE), 3.0))
    smooth = adaptive_smoothing(
        counts, _exposure(seconds), 5.0, 60.0, fields.image(np.full((SIDE, SIDE), 1.0))
    )
    assert np.isnan(smooth.brightness.data[:20]).all()
    assert smooth.brightness.data[20:] == pytest.approx(2.0 / 1e4 / ARCMIN2, rel=1e-6)


def test_an_image_of_no_counts_is_dark_everywhere():
    smooth = adaptive_smoothing(_flat(0.0), _exposure(), 5.0, 60.0)
    assert (smooth.brightness.data == 0).all() and (smooth.significance == 0).all()


def test_wavelet_planes_without_a_threshold_add_up_to_the_image():
    seconds = _exposure()
    counts = _flat(5.0)
    images = wavelet_images(counts, seconds, 4, 0.0)
    inner = (slice(40, 56), slice(40, 56))  # far from edges, where exposure is all smoothed
    total = images["wavelet_sum"].data[inner] * 1e4 * ARCMIN2
    assert total == pytest.approx(counts.data[inner], rel=1e-6, abs=1e-9)


def test_noise_has_hardly_any_significant_coefficient_and_a_source_has():
    images = wavelet_images(_flat(2.0, seed=5), _exposure(), 3, 4.0)
    kept = [np.count_nonzero(images[f"wavelet_{k}"].data) for k in (1, 2, 3)]
    assert sum(kept) < 1e-2 * 3 * SIDE**2
    data = 2.0 + fields.gaussian_source(SIDE, 48, 48, 800, 2.0)
    bright = wavelet_images(
        fields.image(np.random.default_rng(5).poisson(data)), _exposure(), 3, 4.0
    )
    assert bright["wavelet_2"].data[48, 48] > 0
    with pytest.raises(InputError, match="no room for 9"):
        wavelet_images(_flat(2.0), _exposure(), 9, 3.0)


def test_all_display_images_lie_on_the_pixels_of_the_counts():
    images = display_images(
        _flat(0.5), _exposure(), None, _hole(), DisplayParameters(wavelet_scales=12), seed=3
    )
    assert {"filled", "smoothed", "smoothing_scale", "wavelet_1", "wavelet_sum"} <= set(images)
    assert all(i.data.shape == (SIDE, SIDE) for i in images.values())
    none = display_images(_flat(0.5), _exposure(), None, None, DisplayParameters(wavelet_scales=0))
    assert set(none) == {"filled", "smoothed", "smoothing_scale"}
