"""Images that tests of detection fit: a grid on the sky, flat backgrounds, sources drawn on it."""

from collections.abc import Sequence

import numpy as np
from astropy.wcs import WCS

from xsurvey.detection.band_image import BandImage
from xsurvey.detection.pixel_model import pixel_fractions, point_shape
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.psf import GaussianPsf, PointSpreadFunction

PIXEL = 1.0
CENTRE = (150.0, 30.0)


def make_grid(shape: tuple[int, int], angle: float = 0.0, pixel: float = PIXEL) -> ImageGrid:
    """Return a tangential grid around `CENTRE`, rotated by degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = list(CENTRE)
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.cd = np.array([[-c, s], [s, c]]) * pixel / 3600
    wcs.wcs.set()
    return ImageGrid(wcs, shape, 0.5, 0.5, 1.0, pixel)


def expected_image(
    shape: tuple[int, int], sources: Sequence[tuple[float, float, float, float]], level: float
) -> np.ndarray:
    """Return the expected counts of Gaussians (x, y, counts, sigma) on a flat background."""
    image = np.full(shape, float(level))
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    for x, y, counts, sigma in sources:
        psf = GaussianPsf(sigma).mixture(0.0)
        image += counts * pixel_fractions(rows, columns, x, y, point_shape(psf, 1.0))
    return image


def band_image(
    counts: np.ndarray, level: float, psf: PointSpreadFunction, *, angle: float = 0.0,
    label: str = "b", name: str = "one", seconds: float = 1000.0,
) -> BandImage:  # fmt: skip
    """Return an evenly exposed image with a flat background."""
    grid = make_grid((counts.shape[0], counts.shape[1]), angle)
    full = np.ones(counts.shape)
    return BandImage(
        label, name, SkyImage(counts, grid, "count"), SkyImage(seconds * full, grid, "s"),
        SkyImage(level * full, grid, "count"), psf,
    )  # fmt: skip


def make_field(counts: np.ndarray, exposure: np.ndarray | None = None, angle: float = 0.0) -> Field:
    """Return a field of no known mission."""
    grid = make_grid((counts.shape[0], counts.shape[1]), angle)
    exposure = np.full(counts.shape, 1e5) if exposure is None else exposure
    return Field(
        {"b": SkyImage(counts, grid, "count")}, {"b": SkyImage(exposure, grid, "s")}, {}, None,
        None, None, float("nan"), "one", "", "",
    )  # fmt: skip
