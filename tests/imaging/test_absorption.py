"""Absorption is taken off images, and column densities are read from any map that covers them."""

from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from xsurvey.errors import InputError
from xsurvey.imaging.absorption import (
    absorption_corrected,
    absorption_factor,
    transmission_columns,
)
from xsurvey.imaging.column_density import read_column_density
from xsurvey.imaging.sky_image import ImageGrid, grid_from_wcs
from xsurvey.imaging.stack_tiles import tangent_wcs
from xsurvey.units import SkyPosition

from . import display_fields as fields

COLUMNS = np.array([0.0, 0.1, 0.2])
TRANSMISSION = np.exp(-3 * COLUMNS)
SIDE = 40
CENTRE = SkyPosition(192.2, -41.3)


def test_absorption_is_brought_to_one_column_density() -> None:
    nh = np.where(np.arange(SIDE) < 20, 0.05, 0.15)[None] * np.ones((SIDE, 1))
    image = fields.image(np.exp(-3 * nh))
    off = absorption_factor(nh, COLUMNS, TRANSMISSION)
    assert absorption_corrected(image, off).data == pytest.approx(np.ones((SIDE, SIDE)))
    same = absorption_factor(np.asarray(0.1), COLUMNS, TRANSMISSION, 0.1)
    assert absorption_corrected(image, same).data == pytest.approx(image.data)
    nh[0, 0] = np.nan
    assert np.isnan(absorption_factor(nh, COLUMNS, TRANSMISSION)[0, 0])


@pytest.mark.parametrize(("column", "to"), [(0.3, 0.0), (-0.01, 0.0), (0.1, 0.5)])
def test_column_densities_outside_of_the_table_are_refused(column: float, to: float) -> None:
    with pytest.raises(InputError, match="column density"):
        absorption_factor(np.asarray(column), COLUMNS, TRANSMISSION, to)


def test_what_lets_nothing_through_cannot_be_corrected() -> None:
    with pytest.raises(InputError, match="lets no light"):
        absorption_factor(np.asarray(0.1), COLUMNS, np.array([1.0, 0.5, 0.0]))


def test_tables_begin_at_zero_and_are_close_there() -> None:
    columns = transmission_columns(1.0)
    assert (columns[0], columns[-1]) == (0.0, 1.0)
    assert np.diff(columns)[0] < 1e-3 < np.diff(columns)[-1]


@pytest.fixture
def grid() -> ImageGrid:
    wcs = tangent_wcs(CENTRE, 60.0)
    wcs.wcs.crpix = [SIDE / 2, SIDE / 2]
    wcs.wcs.set()
    return grid_from_wcs(wcs, (SIDE, SIDE))


def galactic(size: float, reference: float = 0.0, step: float = 0.1) -> WCS:
    """Return a plate carree about the centre in galactic coordinates, as HI4PI's maps are cut."""
    centre = SkyCoord(*CENTRE, unit="deg").galactic
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-CAR", "GLAT-CAR"]
    wcs.wcs.cdelt = [-step, step]
    wcs.wcs.crval = [reference, 0.0]
    half = round(size / step / 2)
    wcs.wcs.crpix = [half + (centre.l.deg - reference) / step, half - centre.b.deg / step]
    wcs.wcs.set()
    return wcs


def write(path: Path, wcs: WCS, data: np.ndarray, unit: str | None = None) -> Path:
    header = wcs.to_header()
    if unit is not None:
        header["BUNIT"] = unit
    fits.PrimaryHDU(data, header).writeto(path, overwrite=True)
    return path


def gradient(wcs: WCS, shape: tuple[int, int]) -> np.ndarray:
    """Return a column density that is linear in galactic latitude."""
    y, _ = np.indices(shape)
    latitude = (y + 1 - wcs.wcs.crpix[1]) * wcs.wcs.cdelt[1]
    return np.asarray(1e20 * latitude)


def wanted(grid: ImageGrid) -> np.ndarray:
    found = np.ones(grid.shape, bool)
    found[:4] = False
    return found


@pytest.mark.parametrize("reference", [0.0, 302.0, 100.0])
def test_maps_of_another_frame_are_interpolated(
    grid: ImageGrid, reference: float, tmp_path: Path
) -> None:
    wcs = galactic(3.0, reference)
    path = write(tmp_path / "nh.fits", wcs, gradient(wcs, (30, 30)))
    found = read_column_density(path, grid, wanted(grid))
    y, x = np.nonzero(wanted(grid))
    latitude = SkyCoord(*grid.to_icrs(x, y), unit="deg").galactic.b.deg
    assert found.data[y, x] == pytest.approx(latitude * 1e-2, rel=1e-6)
    assert np.isnan(found.data[:4]).all()
    assert found.unit == "1e22 cm-2"


@pytest.mark.parametrize(("unit", "factor"), [
    ("cm-2", 1.0), ("1/cm^2", 1.0), ("1e20 cm-2", 1e20), ("m-2", 1e-4), ("atoms of hydrogen", 1.0),
])  # fmt: skip
def test_units_of_maps(grid: ImageGrid, unit: str, factor: float, tmp_path: Path) -> None:
    path = write(tmp_path / "nh.fits", galactic(3.0), np.full((30, 30), 5e20 / factor), unit)
    assert read_column_density(path, grid, wanted(grid)).data[20, 20] == pytest.approx(0.05)


def test_maps_that_are_none_are_refused(grid: ImageGrid, tmp_path: Path) -> None:
    path, wcs = tmp_path / "nh.fits", galactic(3.0)
    good = np.full((30, 30), 5e20)
    for spoilt in (np.nan, -5e20, 0.0, 0.05, np.inf):
        data = good.copy()
        data[14:16, 14:16] = spoilt
        with pytest.raises(InputError, match="no column density") as caught:
            read_column_density(write(path, wcs, data), grid, wanted(grid))
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="not in cm-2"):
        read_column_density(write(path, wcs, good, "K km/s"), grid, wanted(grid))
    with pytest.raises(InputError, match=r"does not cover .* % of the exposed field"):
        read_column_density(write(path, galactic(0.5), good[:5, :5]), grid, wanted(grid))
    # what is blank where nobody looked does not matter
    data = good.copy()
    data[0] = np.nan
    assert np.isfinite(read_column_density(write(path, wcs, data), grid, wanted(grid)).data[20, 20])
    path.write_text("no FITS file")
    with pytest.raises(InputError, match=r"nh\.fits"):
        read_column_density(path, grid, wanted(grid))
