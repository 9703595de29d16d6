"""Coverage maps, against their definition and against mocpy where that is installed."""

from pathlib import Path

import cdshealpix.nested
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import SkyImage, grid_from_wcs
from xsurvey.pipelines.products.coverage import (
    area_deg2,
    cells_of,
    covered_cells,
    joined_mocs,
    merged_cells,
    read_moc,
    write_moc,
)


def exposure(ra: float, dec: float, size: int = 120, pixel: float = 20.0) -> SkyImage:
    """An image exposed everywhere but in its lower quarter."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [size / 2 + 0.5] * 2
    wcs.wcs.cdelt = [-pixel / 3600, pixel / 3600]
    wcs.wcs.set()
    data = np.ones((size, size))
    data[: size // 4] = 0
    return SkyImage(data, grid_from_wcs(wcs, data.shape), "s")


@pytest.mark.parametrize("place", [(150.0, 2.2), (0.0, 0.0), (45.0, 89.9), (359.9, -45.0)])
def test_the_area_is_that_of_the_exposed_pixels(place: tuple[float, float]) -> None:
    image = exposure(*place)
    order, cells = covered_cells(image)
    exposed = image.data.sum() * (20 / 3600) ** 2
    # cells at the border are whole ones: half a cell more on each side, on average
    assert exposed < area_deg2(merged_cells(order, cells)) < 1.25 * exposed


def test_no_holes_are_left_between_pixels() -> None:
    image = exposure(150.0, 2.2)
    order, cells = covered_cells(image)
    # places between the centres of exposed pixels, well inside
    x, y = np.random.default_rng(1).uniform([2, 34], [117, 117], (2000, 2)).T
    ra, dec = image.grid.to_icrs(x, y)
    found = cdshealpix.nested.lonlat_to_healpix(
        Longitude(ra, unit=u.deg), Latitude(dec, unit=u.deg), order
    )
    assert np.isin(np.asarray(found).astype(int), cells).all()


@given(st.lists(st.integers(0, 12 * 4**3 - 1), max_size=300))
def test_merged_cells_are_the_same_sky(numbers: list[int]) -> None:
    cells = np.array(numbers, np.int64)
    merged = merged_cells(3, cells)
    assert np.array_equal(cells_of(merged, 3), np.unique(cells))
    assert area_deg2(merged) == pytest.approx(
        len(np.unique(cells)) * 4 * np.pi * (180 / np.pi) ** 2 / (12 * 64)
    )
    # no four siblings are left
    assert len(merged) <= len(np.unique(cells))
    depth = np.floor(np.log2(np.maximum(merged, 4)) / 2).astype(int) - 1
    for k in range(1, 4):
        inside = merged[depth == k] - 4 ** (k + 1)
        assert (np.unique(inside >> 2, return_counts=True)[1] < 4).all()


def test_the_whole_sky_is_twelve_cells() -> None:
    assert merged_cells(2, np.arange(12 * 16)).tolist() == list(range(4, 16))


def test_files_are_read_by_mocpy(tmp_path: Path) -> None:
    mocpy = pytest.importorskip("mocpy")
    image = exposure(150.0, 2.2)
    order, cells = covered_cells(image)
    merged = merged_cells(order, cells)
    path = tmp_path / "moc.fits"
    write_moc(path, order, merged)
    other = mocpy.MOC.from_fits(path)
    assert other.max_order == order
    assert np.array_equal(np.sort(other.uniq_hpx.astype(np.int64)), merged)
    assert other.sky_fraction * 41252.96 == pytest.approx(area_deg2(merged), rel=1e-6)


def test_coverages_are_joined(tmp_path: Path) -> None:
    paths = []
    for number, (ra, pixel) in enumerate(((150.0, 20.0), (150.3, 40.0))):
        order, cells = covered_cells(exposure(ra, 2.2, pixel=pixel))
        paths.append(tmp_path / f"{number}.fits")
        write_moc(paths[-1], order, merged_cells(order, cells))
    order, union = joined_mocs(paths)
    each = [read_moc(path) for path in paths]
    assert order == max(one[0] for one in each)
    expected = np.unique(np.concatenate([cells_of(one[1], order) for one in each]))
    assert np.array_equal(cells_of(union, order), expected)
    assert joined_mocs([])[1].size == 0


def test_nothing_exposed_covers_nothing() -> None:
    image = exposure(150.0, 2.2)
    order, cells = covered_cells(SkyImage(np.zeros_like(image.data), image.grid, "s"))
    assert cells.size == 0
    assert merged_cells(order, cells).size == 0
    assert area_deg2(merged_cells(order, cells)) == 0


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU().writeto(path)
    for bad in (path, tmp_path / "none.fits"):
        with pytest.raises(InputError, match="is no coverage map"):
            read_moc(bad)
