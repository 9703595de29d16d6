"""Multi-order coverage maps (IVOA MOC 2.0) of what was exposed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import reduce

import astropy.units as u
import numpy as np
from mocpy import MOC

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.io.atomic import atomic_output

_ORDER_ZERO = 58.632 * 3600  # arcsec, side of the largest cells
_PIXELS = 2.0  # of the image along the side of the smallest cells
_DEEPEST = 29


def coverage_order(pixel_size: float) -> int:
    """Return the deepest order whose cells are two pixels wide at least: none is left out then."""
    order = int(np.floor(np.log2(_ORDER_ZERO / (_PIXELS * pixel_size))))
    return min(max(order, 0), _DEEPEST)


def exposed_area(image: SkyImage, least: float = 0.0, order: int | None = None) -> MOC:
    """Return the cells in which a map is above a value.

    Parameters
    ----------
    image : SkyImage
        An exposure map, or any other.
    least : float
        Pixels must be above it; what is not finite is not.
    order : int, optional
        Of the smallest cells; from the size of the pixels if not given. Each cell that holds the
        centre of such a pixel is in.
    """
    depth = coverage_order(image.grid.pixel_size) if order is None else order
    with np.errstate(invalid="ignore"):
        y, x = np.nonzero(np.isfinite(image.data) & (image.data > least))
    if not len(x):
        return MOC.new_empty(depth)
    ra, dec = image.grid.to_icrs(x, y)
    return MOC.from_lonlat(ra * u.deg, dec * u.deg, max_norder=depth)


def joined_area(areas: Sequence[MOC]) -> MOC:
    """Return the union of coverage maps, empty for none."""
    if not areas:
        return MOC.new_empty(0)
    return reduce(MOC.union, areas)


def area_of(coverage: MOC) -> float:
    """Return the area of a coverage map in deg2."""
    return float(coverage.sky_fraction) * 4 * np.pi * np.degrees(1.0) ** 2


def write_coverage(coverage: MOC, path: str | os.PathLike[str]) -> None:
    """Write a coverage map as FITS.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with atomic_output(path) as temporary:
        coverage.save(str(temporary), format="fits", overwrite=True)
