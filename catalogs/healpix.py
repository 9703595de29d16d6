"""The HEALPix index that sorts catalogs on the sky and prunes cone searches."""

import math

import cdshealpix.nested
import numpy as np
from astropy import units
from astropy.coordinates import Latitude, Longitude

from xsurvey.units import Cone

ORDER = 29
"""Order of the index: pixels of 0.4 milli-arcsec, the deepest that 64 bits hold."""

COLUMN = "_healpix_29"
"""Name of the index column, as HATS writes it."""

_BASE_PIXEL_DEGREES = 58.6
_DEEPEST_COVER = 18


def healpix_29(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the nested HEALPix pixel of order 29 of every position.

    Parameters
    ----------
    ra, dec : ndarray of float64, shape (n,)
        ICRS degrees; right ascension may be any turn, declination is in [-90, 90].

    Returns
    -------
    ndarray of int64, shape (n,)

    Notes
    -----
    Gorski et al. 2005 (ApJ 622, 759); computed by cdshealpix.
    """
    if len(ra) == 0:
        return np.empty(0, dtype=np.int64)
    lon, lat = Longitude(ra, unit=units.deg), Latitude(dec, unit=units.deg)
    pixels = cdshealpix.nested.lonlat_to_healpix(lon, lat, ORDER)
    return np.asarray(pixels).astype(np.int64)


def cone_ranges(cone: Cone) -> np.ndarray:
    """Return ranges of the order-29 index that together cover a cone.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        First pixel and one past the last, in increasing order, not touching. Every position
        in the cone is in one of them; they reach somewhat beyond it.
    """
    radius = cone.radius / 3600
    if radius >= 90:
        return np.array([[0, 12 << (2 * ORDER)]], dtype=np.int64)
    depth = int(math.log2(_BASE_PIXEL_DEGREES / max(radius / 2, 1e-9)))
    depth = min(max(depth, 0), _DEEPEST_COVER)
    pixels, depths, _ = cdshealpix.nested.cone_search(
        Longitude(cone.ra, unit=units.deg), Latitude(cone.dec, unit=units.deg),
        radius * (1 + 1e-9) * units.deg, depth,
    )  # fmt: skip
    shift = 2 * (ORDER - depths.astype(np.int64))
    first = pixels.astype(np.int64) << shift
    return _merged(first, first + (np.int64(1) << shift))


def _merged(first: np.ndarray, end: np.ndarray) -> np.ndarray:
    order = np.argsort(first)
    first, end = first[order], end[order]
    starts = np.append(True, first[1:] > end[:-1])  # cells of a cover never overlap
    ends = np.append(starts[1:], True)
    return np.stack([first[starts], end[ends]], axis=1)
