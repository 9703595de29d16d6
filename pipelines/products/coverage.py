"""What part of the sky was searched, as a MOC (IVOA Multi-Order Coverage map 2.0)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cdshealpix.nested
import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus

_DEEPEST = 13
"""Cells of 26 arcsec: of the size of the features of an exposure map."""
_ROWS = 1 << 20


def covered_cells(exposure: SkyImage, order: int | None = None) -> tuple[int, np.ndarray]:
    """Return the HEALPix cells that hold centres of exposed pixels.

    Parameters
    ----------
    exposure : SkyImage
    order : int, optional
        Of the cells; by default at most 13, and so that a cell is wider than two pixels: no
        holes are left between their centres.

    Returns
    -------
    order : int
    cells : ndarray of int64
        Nested numbers, in increasing order.
    """
    if order is None:
        # a cell of order k is about 58.6 deg / 2^k wide
        finest = np.floor(np.log2(58.6 * 3600 / (2.5 * exposure.grid.pixel_size)))
        order = int(np.clip(finest, 0, _DEEPEST))
    rows, columns = np.nonzero(exposure.data > 0)
    found = []
    for first in range(0, len(rows), _ROWS):
        part = slice(first, first + _ROWS)
        ra, dec = exposure.grid.to_icrs(columns[part].astype(float), rows[part].astype(float))
        known = np.isfinite(ra) & np.isfinite(dec)
        lon, lat = Longitude(ra[known], unit=u.deg), Latitude(dec[known], unit=u.deg)
        cells = cdshealpix.nested.lonlat_to_healpix(lon, lat, order)
        found.append(np.unique(np.asarray(cells).astype(np.int64)))
    return order, np.unique(np.concatenate(found or [np.empty(0, np.int64)]))


def merged_cells(order: int, cells: np.ndarray) -> np.ndarray:
    """Return the largest cells that cover the same part of the sky, as NUNIQ numbers.

    Parameters
    ----------
    order : int
    cells : ndarray of int64
        Nested numbers at that order.

    Returns
    -------
    ndarray of int64
        4^(k+1) + cell, k the order of each, in increasing order.
    """
    cells = np.unique(np.asarray(cells, np.int64))
    unique = []
    for k in range(order, -1, -1):
        parents, number = np.unique(cells >> 2, return_counts=True)
        whole = parents[number == 4] if k else np.empty(0, np.int64)
        alone = cells[~np.isin(cells >> 2, whole)]
        unique.append(4 ** (k + 1) + alone)
        cells = whole
    return np.sort(np.concatenate(unique))


def cells_of(unique: np.ndarray, order: int) -> np.ndarray:
    """Return NUNIQ cells as nested numbers at an order not below any of theirs."""
    unique = np.asarray(unique, np.int64)
    found = []
    depth = np.floor(np.log2(np.maximum(unique, 4)) / 2).astype(int) - 1
    for k in np.unique(depth):
        first = (unique[depth == k] - 4 ** (int(k) + 1)) << 2 * (order - int(k))
        found.append((first[:, None] + np.arange(4 ** (order - int(k)))).ravel())
    return np.unique(np.concatenate(found or [np.empty(0, np.int64)]))


def write_moc(path: Path, order: int, unique: np.ndarray) -> None:
    """Write a MOC as FITS, in the NUNIQ form that all tools read.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    table = fits.BinTableHDU.from_columns([fits.Column("UNIQ", "K", array=unique)], name="MOC")
    words = {
        "PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "COORDSYS": "C", "MOCORDER": order,
        "MOCVERS": "2.0", "MOCDIM": "SPACE", "MOCORD_S": order, "MOCTOOL": f"xsurvey {__version__}",
    }  # fmt: skip
    table.header.update(words)
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), table])


def read_moc(path: Path) -> tuple[int, np.ndarray]:
    """Return order and NUNIQ cells of what `write_moc` wrote.

    Raises
    ------
    InputError
        It is no such file.
    """
    try:
        with fits.open(path) as hdus:
            return int(hdus[1].header["MOCORDER"]), np.array(hdus[1].data["UNIQ"], np.int64)
    except (OSError, KeyError, IndexError) as error:
        raise InputError(path, f"is no coverage map ({error})", "run again with --fresh") from error


def joined_mocs(paths: Iterable[Path]) -> tuple[int, np.ndarray]:
    """Return order and NUNIQ cells of the union of coverage maps."""
    each = [read_moc(path) for path in paths]
    order = max((one[0] for one in each), default=0)
    cells = [cells_of(unique, order) for _, unique in each]
    return order, merged_cells(order, np.concatenate(cells or [np.empty(0, np.int64)]))


def area_deg2(unique: np.ndarray) -> float:
    """Return the area of NUNIQ cells in deg2."""
    depth = np.floor(np.log2(np.maximum(np.asarray(unique, np.int64), 4)) / 2) - 1
    sphere = 4 * np.pi * (180 / np.pi) ** 2
    return float(np.sum(sphere / (12 * 4.0**depth)))
