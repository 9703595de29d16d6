"""What an image has more or less than a radial model: smoothed residuals and their ratio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.profiles.geometry import RadialGeometry, pixel_solid_angles

_STEPS = 4000
_SEEN = 1e-3


@dataclass(frozen=True)
class ResidualMap:
    """Smoothed residuals of an image against a model; NaN where too little was exposed.

    Attributes
    ----------
    significance : ndarray, shape (ny, nx)
        Smoothed counts less model, in units of its Poisson sigma under the model.
    ratio : ndarray, shape (ny, nx)
        Smoothed counts over smoothed model.
    sigma : float
        Of the Gaussian, arcmin.
    """

    significance: np.ndarray
    ratio: np.ndarray
    sigma: float


def model_counts(
    exposure: SkyImage, geometry: RadialGeometry, brightness: Callable[[np.ndarray], np.ndarray],
    background: SkyImage | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the counts that a radial brightness makes in the pixels of an image.

    Parameters
    ----------
    exposure : SkyImage
        Seconds, vignetted.
    geometry : RadialGeometry
    brightness : function
        Of radii in arcmin, shape (m,), to count / (s arcmin2), shape (m,); taken at the centres
        of the pixels, from a fine table.
    background : SkyImage, optional
        Counts a pixel that are added.

    Returns
    -------
    ndarray, shape (ny, nx)
        Zero where nothing was exposed.
    """
    grid = exposure.grid
    radius = geometry.radius(grid)
    known = np.isfinite(radius) & (exposure.data > 0)
    furthest = float(radius[known].max()) if known.any() else 1.0
    step = grid.pixel_size / 60 / 10
    # as fine as a tenth of a pixel in the middle, where brightness changes most
    table = np.unique(np.r_[0.0, np.geomspace(step, max(furthest, 2 * step), _STEPS)])
    values = np.interp(np.where(known, radius, 0.0), table, brightness(table))
    counts = values * exposure.data * pixel_solid_angles(grid)
    if background is not None:
        counts = counts + background.data
    return np.where(known, counts, 0.0)


def residual_map(
    counts: SkyImage, model: np.ndarray, sigma: float, mask: np.ndarray | None = None
) -> ResidualMap:
    r"""Smooth what is left of an image when a model is taken off.

    With a Gaussian G, :math:`G * (c - m) / \sqrt{G^2 * m}`: its Poisson sigma under the model, so
    that noise has unit variance at every sigma and exposure; and :math:`(G * c) / (G * m)`.

    Parameters
    ----------
    counts : SkyImage
    model : ndarray, shape (ny, nx)
        Expected counts; zero where nothing was exposed.
    sigma : float
        Of the Gaussian, arcmin; at least one pixel is taken.
    mask : ndarray of bool, shape (ny, nx), optional
        True where pixels are counted.

    Returns
    -------
    ResidualMap
    """
    used = model > 0
    if mask is not None:
        used &= mask
    pixels = max(sigma * 60 / counts.grid.pixel_size, 1.0)
    data, expected = np.where(used, counts.data, 0.0), np.where(used, model, 0.0)
    smooth_counts, smooth_model = _smooth(data, pixels), _smooth(expected, pixels)
    # the square of a Gaussian is one of a width smaller by the root of two
    variance = _smooth(expected, pixels / np.sqrt(2)) / (4 * np.pi * pixels**2)
    known = used & (_smooth(used.astype(float), pixels) > _SEEN) & (variance > 0)
    significance, ratio = np.full(data.shape, np.nan), np.full(data.shape, np.nan)
    difference = smooth_counts - smooth_model
    significance[known] = difference[known] / np.sqrt(variance[known])
    ratio[known] = smooth_counts[known] / smooth_model[known]
    return ResidualMap(significance, ratio, pixels * counts.grid.pixel_size / 60)


def _smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(image, sigma, mode="constant", truncate=5.0))
