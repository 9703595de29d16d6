import subprocess
import sys

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import AsinhNorm

from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, read_sky_image
from xsurvey.report import field_figure, png_bytes
from xsurvey.report.cutouts import Apertures, cut_outs, draw_cut_out
from xsurvey.report.diagrams import best_hardness, hardness_figure, significance_figure
from xsurvey.report.display import block_mean, smoothed_counts, viewport
from xsurvey.report.figures import map_figure, source_pixels
from xsurvey.report.labels import place_labels
from xsurvey.report.plate import new_figure
from xsurvey.report.sky_axes import angle_text, colour_bar

from .conftest import small_wcs, write_image


def texts_of(figure):
    return {text.get_text() for axes in figure.axes for text in axes.texts}


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), pixels=st.integers(1, 30),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_viewport_shows_every_count_in_no_more_blocks_than_asked_for(shape, pixels, seed):
    data = np.random.default_rng(seed).poisson(0.05, shape).astype(float)
    view = viewport(data, pixels)
    blocks = block_mean(data, view)
    assert blocks.shape == view.shape and max(view.shape) <= pixels
    assert data[view.y0 : view.y1, view.x0 : view.x1].sum() == data.sum()
    if view.block == 1:
        assert blocks.sum() == pytest.approx(data.sum())


def test_blocks_ignore_what_is_not_a_number():
    data = np.array([[1.0, np.nan], [3.0, np.nan]])
    view = viewport(np.ones((2, 2)), 1)
    assert block_mean(data, view) == pytest.approx(np.array([[2.0]]))


def test_smoothing_keeps_the_counts_and_gives_them_per_square_arcsec(target):
    image = read_sky_image(target.counts)
    brightness, stretch = smoothed_counts(image, viewport(image.data, 100))
    assert brightness.sum() * 2**2 == pytest.approx(image.data.sum(), rel=0.01)
    assert stretch.minimum < stretch.linear_width < stretch.maximum


def test_the_same_field_gives_the_same_bytes_and_no_date(target):
    first, second = (png_bytes(field_figure(target.counts, target.sources, 5)) for _ in range(2))
    assert first == second
    assert b"tIME" not in first and b"Software" not in first


def test_a_field_names_both_classes_and_numbers_its_sources(target):
    figure = field_figure(target.counts, target.sources, 5)
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["TRUE (4)", "MARGINAL (1)"]
    assert {"1", "2", "3", "4", "5"} <= texts_of(figure)


def test_only_an_approximate_exposure_map_is_stamped(target, tmp_path):
    view = viewport(read_sky_image(target.counts).data, 400)
    given = write_image(tmp_path / "given.fits", np.ones((60, 60)), "s", EXPMAP="SUPPLIED")
    assert "APPROXIMATE" in texts_of(map_figure(target.exposure, "exposure", view, 4))
    assert "APPROXIMATE" not in texts_of(map_figure(given, "exposure", view, 4))


@pytest.mark.parametrize(
    ("ctype", "frame"),
    [(("RA---TAN", "DEC--TAN"), "FK5"), (("GLON-TAN", "GLAT-TAN"), "")],
)
def test_sources_are_put_by_their_icrs_positions_in_any_frame(tmp_path, ctype, frame):
    wcs = small_wcs(ctype, frame)
    path = write_image(tmp_path / "image.fits", np.ones((60, 60)), "count", wcs)
    sky = wcs.pixel_to_world(12.0, 40.0).icrs
    sources = Table({"ra": [sky.ra.deg], "dec": [sky.dec.deg]})
    x, y = source_pixels(read_sky_image(path), sources)
    assert (x[0], y[0]) == pytest.approx((12.0, 40.0), abs=1e-4)
    assert png_bytes(field_figure(path, sources, 4))[:4] == b"\x89PNG"


@pytest.mark.parametrize("data", [np.zeros((30, 30)), np.full((9, 9), np.nan), np.ones((2, 200))])
def test_images_with_nothing_to_see_are_drawn(tmp_path, data, sources):
    path = write_image(tmp_path / "image.fits", data, "count")
    assert png_bytes(field_figure(path, sources, 4))
    assert len(list(cut_outs(read_sky_image(path), sources, 3))) == 3


def test_something_else_than_an_image_is_the_users_error(tmp_path, sources):
    path = tmp_path / "note.fits"
    path.write_text("not an image")
    with pytest.raises(InputError):
        field_figure(path, sources)


def test_cut_outs_are_of_the_most_significant_and_grow_with_the_aperture(target, sources):
    sources["psf_radius"][1] = 30.0
    found = list(cut_outs(read_sky_image(target.counts), sources, 2))
    assert [(c.number, c.side) for c in found] == [(1, 40.0), (2, 180.0)]


def test_a_bright_neighbour_does_not_make_a_cut_out_dark():
    """A point of 10000 counts on a wide source of a few counts a pixel."""
    counts = np.full((81, 81), 5.0)
    counts[40, 40] = 1e4
    apertures = Apertures(
        np.array([42.0, 40.0]), np.array([42.0, 40.0]), np.array([15.0, 2.0]), np.zeros(2, bool)
    )
    image = SkyImage(counts, ImageGrid(small_wcs(), (81, 81), 0.5, 0.5, 1.0, 2.0), "count")
    tops = []
    for index in (0, 1):
        axes = draw_cut_out(new_figure(2, 2).add_subplot(), image, apertures, index, 60.0)
        tops.append(axes.images[0].norm.vmax)
    assert tops[0] < 10
    assert tops[1] > 1000


def test_powers_of_ten_of_colour_bars_stand_with_the_unit():
    for top, expected, ticks in ((2e-4, "B (10⁻⁴ count)", "1"), (2.0, "B (count)", "1")):
        figure = new_figure(4, 3)
        picture = figure.add_subplot(121).imshow(np.array([[0, top]]))
        bar = colour_bar(figure.add_subplot(122), picture, "B (count)")
        figure.canvas.draw()
        assert bar.ax.get_ylabel() == expected
        assert ticks in [label.get_text() for label in bar.ax.get_yticklabels()]


def test_numbers_of_colour_bars_are_narrow():
    figure = new_figure(4, 3)
    picture = figure.add_subplot(121).imshow(
        np.array([[1e-4, 0.3]]), norm=AsinhNorm(1e-4, vmin=0.0, vmax=0.3)
    )
    bar = colour_bar(figure.add_subplot(122), picture, "B (count)")
    figure.canvas.draw()
    texts = {label.get_text() for label in bar.ax.get_yticklabels()}
    assert {"0", "10⁻⁴", "10⁻³", "0.01", "0.1"} <= texts


def test_labels_keep_clear_of_each_other_and_stay_inside():
    centres = np.array([[100.0, 100.0], [112.0, 100.0], [4.0, 4.0]])
    places = place_labels(
        centres, np.full(3, 6.0), np.arange(3), ["1", "2", "3"], (200.0, 200.0)
    )  # fmt: skip
    apart = np.abs(places[0] - places[1])
    assert apart[0] >= 9 or apart[1] >= 13
    assert all((place > 0).all() and (place < 200).all() for place in places)


def test_diagrams_need_enough_sources(sources):
    assert significance_figure(sources) is not None
    assert hardness_figure(sources) is not None
    assert significance_figure(sources[:2]) is None
    assert hardness_figure(sources[:2]) is None
    assert best_hardness(sources[:0]) is None


def test_angles():
    assert [angle_text(a) for a in (20, 90, 7200)] == ["20 arcsec", "1.5 arcmin", "2 deg"]


def test_no_global_state_of_matplotlib_is_loaded():
    code = "import sys, xsurvey.report.build; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
