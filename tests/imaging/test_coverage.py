"""Coverage maps: area, files, what is in and out."""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from mocpy import MOC

from xsurvey.errors import OutputError
from xsurvey.imaging.coverage import (
    area_of,
    coverage_order,
    exposed_area,
    joined_area,
    write_coverage,
)
from xsurvey.imaging.sky_image import SkyImage, grid_from_wcs


def image(data: np.ndarray, ra: float = 150.0, dec: float = 2.0) -> SkyImage:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [ra, dec]
    wcs.wcs.cdelt = [-10 / 3600, 10 / 3600]
    wcs.wcs.crpix = [(n + 1) / 2 for n in data.shape[::-1]]
    return SkyImage(data, grid_from_wcs(wcs, data.shape), "s")


@pytest.mark.parametrize("place", [(150.0, 2.0), (0.01, -60.0), (30.0, 89.9)])
def test_the_area_is_that_of_the_exposed_pixels(place: tuple[float, float]) -> None:
    data = np.zeros((300, 300))
    data[50:250, 100:200] = 5.0
    coverage = exposed_area(image(data, *place))
    # cells that hold a pixel are in whole: the border adds up to two cells
    assert area_of(coverage) == pytest.approx(200 * 100 * (10 / 3600) ** 2, rel=0.05)
    assert area_of(coverage) >= 200 * 100 * (10 / 3600) ** 2 * 0.999


def test_every_exposed_pixel_is_inside_and_far_ones_are_not() -> None:
    data = np.zeros((200, 200))
    data[60:140, 60:140] = 1.0
    data[90:110, 90:110] = np.nan
    found = image(data)
    coverage = exposed_area(found)
    y, x = np.nonzero(data > 0)
    assert coverage.contains_lonlat(*(v * u.deg for v in found.grid.to_icrs(x, y))).all()
    for inside in ([100.0], [100.0]), ([10.0], [10.0]):
        ra, dec = found.grid.to_icrs(*map(np.array, inside))
        assert not coverage.contains_lonlat(ra * u.deg, dec * u.deg).any()


def test_orders_follow_the_pixels() -> None:
    cells = [58.632 * 3600 / 2 ** coverage_order(p) for p in (0.5, 4.0, 60.0)]
    for side, pixel in zip(cells, (0.5, 4.0, 60.0), strict=True):
        assert 2 * pixel <= side < 4 * pixel
    assert coverage_order(1e9) == 0


def test_written_and_read_again(tmp_path: Path) -> None:
    data = np.zeros((100, 100))
    data[20:80, 20:80] = 1.0
    first = exposed_area(image(data))
    both = joined_area([first, exposed_area(image(data, 151.0))])
    assert area_of(both) == pytest.approx(2 * area_of(first), rel=0.02)
    path = tmp_path / "moc.fits"
    write_coverage(both, path)
    assert MOC.from_fits(path) == both
    with fits.open(path) as hdus:
        assert hdus[1].header["COORDSYS"] == "C"
    with pytest.raises(OutputError):
        write_coverage(both, tmp_path / "absent" / "moc.fits")


def test_nothing_exposed() -> None:
    assert area_of(exposed_area(image(np.zeros((5, 5))))) == 0
    assert area_of(joined_area([])) == 0
