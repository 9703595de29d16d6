"""Small fields with an extended source and points, for masks and display images."""

import numpy as np
from astropy.wcs import WCS

from xsurvey.imaging.sky_image import SkyImage, grid_from_wcs
from xsurvey.units import SkyPosition

PIXEL = 4.0
CENTRE = SkyPosition(150.0, 2.0)


def grid(side: int = 128):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = list(CENTRE), [(side + 1) / 2] * 2
    wcs.wcs.cdelt, wcs.wcs.cunit = [-PIXEL / 3600, PIXEL / 3600], ["deg", "deg"]
    return grid_from_wcs(wcs, (side, side))


def image(data, unit="count"):
    data = np.asarray(data, float)
    return SkyImage(data, grid(data.shape[0]), unit, {}, "image.fits")


def gaussian_source(side, x, y, counts, sigma):
    rows, columns = np.indices((side, side))
    shape = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return counts * shape / (2 * np.pi * sigma**2)
