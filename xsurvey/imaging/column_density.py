"""Maps of the column density of hydrogen, as surveys of the 21 cm line give them."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
from astropy import units
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel
from scipy import ndimage

from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, read_sky_image

_LOWEST, _HIGHEST = 1e18, 1e25
"""cm-2, of the sky: HI4PI (2016, A&A 594, A116) has 3e19 to 3e22."""
_REMEDY = "give a FITS image of the column density of hydrogen in cm-2"


def read_column_density(
    path: str | os.PathLike[str], grid: ImageGrid, wanted: np.ndarray
) -> SkyImage:
    """Read a map of column densities, and interpolate it to the pixels of an image.

    Parameters
    ----------
    path : path
        FITS image in any projection and frame, of cm-2 if BUNIT says nothing else.
    grid : ImageGrid
        Pixels of the image.
    wanted : ndarray of bool, shape (ny, nx)
        Pixels whose column density is needed.

    Returns
    -------
    SkyImage
        1e22 / cm2, bilinear; NaN where it is not wanted.

    Raises
    ------
    InputError
        No such image, its unit is another, it does not cover the pixels that are wanted, or there
        its values are none of the sky: blank, negative, or 1e18 / cm2 and 1e25 / cm2 and beyond.
    """
    found = read_sky_image(path)
    data = found.data * _per_cm2(path, found.unit)
    rows, columns = np.nonzero(wanted)
    x, y = _places(found, grid, columns, rows)
    ny, nx = data.shape
    covered = (np.abs(x - (nx - 1) / 2) <= nx / 2) & (np.abs(y - (ny - 1) / 2) <= ny / 2)
    if not covered.all():
        share = 1 - np.count_nonzero(covered) / len(covered)
        raise InputError(
            path, f"does not cover {100 * share:.2g} % of the exposed field",
            "give a map of all of the field",
        )  # fmt: skip
    # blank neighbours are blank here, also where their share is next to nothing
    values = ndimage.map_coordinates(data, [y, x], order=1, mode="nearest")
    good = np.isfinite(values) & (values > _LOWEST) & (values < _HIGHEST)
    if not good.all():
        worst = values[~good][0]
        raise InputError(
            path, f"has {'blank' if np.isnan(worst) else f'{worst:.3g} cm-2'} in the field, which "
            "is no column density", _REMEDY,
        )  # fmt: skip
    here = np.full(grid.shape, np.nan)
    here[rows, columns] = values / 1e22
    return replace(found, data=here, grid=grid, unit="1e22 cm-2", stamps={}, source=str(path))


def _per_cm2(path: str | os.PathLike[str], text: str) -> float:
    """Return how many cm-2 a map's unit is; without one, or one that says nothing, 1."""
    try:
        unit = units.Unit(text)
    except ValueError:
        return 1.0
    if unit == units.dimensionless_unscaled:
        return 1.0
    try:
        return float(unit.to(units.cm**-2))
    except units.UnitConversionError:
        raise InputError(path, f"is in {text}, not in cm-2", _REMEDY) from None


def _places(
    found: SkyImage, grid: ImageGrid, columns: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where pixels of a grid are on a map, 0-based."""
    sky = pixel_to_skycoord(columns, rows, grid.wcs, origin=0)
    x, y = (np.asarray(v, float) for v in skycoord_to_pixel(sky, found.grid.wcs, origin=0))
    return _nearest_turn(x, found.grid.wcs, found.data.shape[1]), y


def _nearest_turn(x: np.ndarray, wcs: WCS, width: int) -> np.ndarray:
    """Return columns of plate carree maps, whole turns nearer to the middle of the map.

    Their columns go on beyond 180 degrees from the reference, which projections do not know.
    """
    if not str(wcs.wcs.ctype[0]).endswith("CAR"):
        return x
    turn = 360 / float(np.hypot(*wcs.pixel_scale_matrix[:, 0]))
    return np.asarray(x - turn * np.round((x - (width - 1) / 2) / turn))
