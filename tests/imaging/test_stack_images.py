"""Images of stacks: counts are conserved, exposures add up, each through its own coordinates."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from xsurvey.errors import InputError
from xsurvey.imaging.field import Field, field_from_events, field_from_image
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, grid_from_wcs
from xsurvey.imaging.stack import Stack, single_stack
from xsurvey.imaging.stack_images import stack_counts, stack_exposure, to_stack
from xsurvey.missions import open_events
from xsurvey.units import EnergyBand

BROAD = EnergyBand(0.5, 7.0)


def tan_grid(
    shape: tuple[int, int], pixel: float, ra: float = 150.0, dec: float = 2.2, angle: float = 0.0
) -> ImageGrid:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cdelt = [-pixel / 3600, pixel / 3600]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.wcs.set()
    return grid_from_wcs(wcs, shape)


def image_field(tmp_path: Path, name: str, data: np.ndarray, grid: ImageGrid) -> Field:
    header = grid.wcs.to_header()
    header["EXPOSURE"], header["BAND_LO"], header["BAND_HI"] = 1000.0, 0.5, 7.0
    path = tmp_path / f"{name}.fits"
    fits.PrimaryHDU(data.astype(np.int32), header).writeto(path)
    field = field_from_image(path, [])
    exposure = SkyImage(np.full(grid.shape, 1000.0), field.counts["500_7000"].grid, "s")
    return replace(field, exposure={"500_7000": exposure})


@pytest.fixture(scope="module")
def pointings(make_events: Callable[..., Path]) -> tuple[Field, Field]:
    """Two overlapping observations of one source, with different roll."""
    common = {"exposure": "5ks", "background_rate": 0.2, "source": ("150.05,2.22,300",)}
    paths = [
        make_events(seed=1, pointing="150.0,2.2", roll=0.0, **common),
        make_events(seed=2, pointing="150.08,2.26", roll=30.0, **common),
    ]
    parameters = ImageParameters(pixel_size="3.936arcsec")
    first, second = (field_from_events(open_events(p), [BROAD], parameters) for p in paths)
    return first, second


def test_one_observation_has_its_own_images(pointings: tuple[Field, Field]) -> None:
    field = pointings[0]
    stack = single_stack("one", field)
    assert stack_counts(stack, "b") is field.counts["b"]
    assert stack_exposure(stack, "b") is field.exposure["b"]
    assert to_stack(stack, 0, field.exposure["b"]) is field.exposure["b"].data


def test_no_photon_is_lost_or_seen_twice(pointings: tuple[Field, Field]) -> None:
    grid = tan_grid((700, 650), 4.3, 150.04, 2.23, angle=25.0)
    stack = Stack("two", ("a", "b"), pointings, grid)
    total = stack_counts(stack, "b")
    assert total.data.sum() == sum(f.counts["b"].data.sum() for f in pointings)
    assert total.grid is grid
    assert total.stamps["EXPOSURE"] == pytest.approx(
        sum(f.counts["b"].stamps["EXPOSURE"] for f in pointings)
    )
    # the source of both is where the grid's coordinates say
    x, y = (float(v) for v in grid.wcs.all_world2pix(150.05, 2.22, 0))
    box = total.data[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4]
    assert box.sum() > 500
    rows, columns = np.indices(box.shape) - 3
    assert (box * rows).sum() / box.sum() == pytest.approx(y - round(y), abs=0.2)
    assert (box * columns).sum() / box.sum() == pytest.approx(x - round(x), abs=0.2)


def test_photons_outside_of_the_grid_are_left_out(pointings: tuple[Field, Field]) -> None:
    whole = stack_counts(Stack("w", ("a", "b"), pointings, tan_grid((700, 700), 4.0)), "b").data
    part = stack_counts(Stack("p", ("a", "b"), pointings, tan_grid((100, 100), 4.0)), "b").data
    assert np.array_equal(part, whole[300:400, 300:400])


def test_exposures_add_up(pointings: tuple[Field, Field]) -> None:
    grid = tan_grid((700, 700), 4.0, 150.04, 2.23, angle=-40.0)
    stack = Stack("two", ("a", "b"), pointings, grid)
    total = stack_exposure(stack, "b")
    assert total.unit == "s"
    assert total.stamps["EXPMAP"] == "APPROX"
    # exposure times solid angle is conserved
    expected = sum(
        f.exposure["b"].data.sum() * f.exposure["b"].grid.pixel_size ** 2 for f in pointings
    )
    assert total.data.sum() * 16.0 == pytest.approx(expected, rel=1e-3)
    # at a place both see it is the sum of what each says there
    at = 0.0
    for field in pointings:
        image = field.exposure["b"]
        x, y = image.grid.wcs.all_world2pix(150.06, 2.20, 0)
        at += image.data[round(float(y)), round(float(x))]
    x, y = grid.wcs.all_world2pix(150.06, 2.20, 0)
    assert total.data[round(float(y)), round(float(x))] == pytest.approx(at, rel=0.01)


@pytest.mark.parametrize("pixel", [1.5, 3.0, 8.0])
@pytest.mark.parametrize("angle", [0.0, 33.0, 180.0])
def test_expected_counts_scale_with_the_area_of_pixels(
    tmp_path: Path, pixel: float, angle: float
) -> None:
    own = tan_grid((200, 220), 4.0)
    y, x = np.indices(own.shape)
    smooth = np.exp(-((x - 110) ** 2 + (y - 90) ** 2) / (2 * 15.0**2))
    field = image_field(tmp_path, "smooth", np.ones(own.shape), own)
    wide = tan_grid((int(1200 / pixel), int(1300 / pixel)), pixel, 150.01, 2.19, angle)
    stack = Stack("s", ("a",), (field,), wide)
    brought = to_stack(stack, 0, SkyImage(smooth, own, "count / pixel"))
    assert brought.sum() == pytest.approx(smooth.sum(), rel=2e-3)


def test_an_image_alone_is_resampled_without_loss(tmp_path: Path) -> None:
    own = tan_grid((60, 50), 4.0)
    data = np.random.default_rng(1).poisson(0.7, own.shape)
    field = image_field(tmp_path, "counts", data, own)
    stack = Stack("s", ("a",), (field,), tan_grid((120, 120), 3.0, angle=12.0))
    assert stack_counts(stack, "500_7000").data.sum() == data.sum()


def test_what_cannot_be_added_is_refused(pointings: tuple[Field, Field]) -> None:
    first, second = pointings
    relative = replace(second.exposure["b"], unit="")
    grid = tan_grid((100, 100), 8.0)
    mixed = Stack("m", ("a", "b"), (first, replace(second, exposure={"b": relative})), grid)
    with pytest.raises(InputError, match="b: has a relative exposure"):
        stack_exposure(mixed, "b")
    with pytest.raises(InputError, match="no observation has band z"):
        stack_counts(mixed, "z")
