"""Images of the tests: flat fields and clusters of known brightness."""

from collections.abc import Callable

import numpy as np
from astropy.wcs import WCS

from xsurvey.imaging.sky_image import SkyImage, grid_from_wcs
from xsurvey.units import SkyPosition

CENTRE = SkyPosition(150.0, 2.2)


def wcs_of(
    size: int = 101, pixel: float = 6.0, projection: str = "TAN",
    centre: SkyPosition = CENTRE, frame: str = "RA",
) -> WCS:  # fmt: skip
    """Return the WCS of a square image, its middle pixel at the centre; pixel in arcsec."""
    wcs = WCS(naxis=2)
    names = ("RA---", "DEC--") if frame == "RA" else ("GLON-", "GLAT-")
    wcs.wcs.ctype = [n + projection for n in names]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = list(centre)
    wcs.wcs.crpix = [(size + 1) / 2] * 2
    wcs.wcs.cdelt = [-pixel / 3600, pixel / 3600]
    if frame == "RA":
        wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def image(data: np.ndarray, wcs: WCS | None = None, unit: str = "count") -> SkyImage:
    """Return an image of the pixels."""
    data = np.asarray(data, float)
    return SkyImage(data, grid_from_wcs(wcs or wcs_of(len(data)), data.shape), unit)


def flat(value: float, size: int = 101, wcs: WCS | None = None) -> SkyImage:
    """Return an image of one value."""
    return image(np.full((size, size), value), wcs)


def poisson(
    brightness: Callable[[np.ndarray], np.ndarray], exposure: SkyImage, seed: int,
    background: float = 0.0,
) -> SkyImage:  # fmt: skip
    """Draw an image of a radial brightness about `CENTRE`, count / (s arcmin2)."""
    radius = exposure.grid.off_axis(CENTRE)
    area = (exposure.grid.pixel_size / 60) ** 2
    expected = brightness(radius) * exposure.data * area + background * (exposure.data > 0)
    counts = np.random.default_rng(seed).poisson(expected)
    return SkyImage(counts.astype(float), exposure.grid, "count")
