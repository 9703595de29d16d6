"""Circular sources integrated over pixels: sums of Gaussians, exact, with their derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from xsurvey.psf import GaussianMixture, king_mixture

BETA_SLOPE = 1.5
"""Slope of a beta model's brightness, 3 beta - 1/2 with beta = 2/3."""
_LOG_STEP = 0.2
_ROOT_2PI = np.sqrt(2 * np.pi)
_REACH_RADII = np.geomspace(1e-2, 1e3, 240)


@dataclass(frozen=True)
class PixelShape:
    """A circular profile in the pixels of an image.

    Attributes
    ----------
    weights, sigma : ndarray, shape (m,)
        Gaussians; sigma in pixels.
    core_slopes : ndarray, shape (m,)
        Derivatives of the weights by the logarithm of the core radius; zeros of a point source.
    """

    weights: np.ndarray
    sigma: np.ndarray
    core_slopes: np.ndarray

    def radius(self, fraction: float) -> float:
        """Return the radius in pixels that encircles a fraction."""
        radii = _REACH_RADII * float(self.sigma.min())
        # heavy wings of many components: the largest radius stands for what lies beyond
        inside = -np.expm1(-((radii[:, None] / self.sigma) ** 2) / 2) @ self.weights
        return float(np.interp(fraction, inside, radii))


def point_shape(psf: GaussianMixture, pixel_size: float) -> PixelShape:
    """Return the shape of a point source; ``pixel_size`` in arcsec."""
    return PixelShape(psf.weights, psf.sigma / pixel_size, np.zeros(len(psf.sigma)))


def beta_shape(psf: GaussianMixture, core_radius: float, pixel_size: float) -> PixelShape:
    r"""Return a beta model of :math:`\beta = 2/3` folded with a PSF.

    Gaussians fold by adding variances; the m x m' products are shared out linearly between the
    nodes of a grid in ln sigma, so that weights change smoothly with the core radius.

    Parameters
    ----------
    psf : GaussianMixture
    core_radius : float
        Arcsec, positive.
    pixel_size : float
        Arcsec.
    """
    beta_weights, beta_sigma = king_mixture(BETA_SLOPE)
    own = (core_radius * beta_sigma) ** 2
    variance = (psf.sigma**2)[:, None] + own[None, :]
    weight = (psf.weights[:, None] * beta_weights[None, :]).ravel()
    place = 0.5 * np.log(variance).ravel() / _LOG_STEP
    slope = (own[None, :] / variance).ravel() / _LOG_STEP
    first = int(np.floor(place.min()))
    low = np.floor(place).astype(int)
    upper = place - low
    length = int(low.max()) - first + 2
    weights = np.bincount(low - first, weight * (1 - upper), length)
    weights += np.bincount(low - first + 1, weight * upper, length)
    slopes = np.bincount(low - first + 1, weight * slope, length)
    slopes -= np.bincount(low - first, weight * slope, length)
    sigma = np.exp((first + np.arange(length)) * _LOG_STEP) / pixel_size
    return PixelShape(weights, sigma, slopes)


def pixel_profile(
    pixels: np.ndarray, centre: float, sigma: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Integrate one-dimensional Gaussians over pixels.

    Parameters
    ----------
    pixels : ndarray, shape (n,)
        Consecutive pixel numbers; a pixel reaches half a pixel to each side.
    centre : float
    sigma : ndarray, shape (m,)

    Returns
    -------
    fractions, slopes : ndarray, shape (m, n)
        Fractions in the pixels and their derivatives by the centre.
    """
    edges = np.append(pixels - 0.5, pixels[-1] + 0.5)
    z = (edges - centre) / sigma[:, None]
    density = np.exp(-0.5 * z**2) / (_ROOT_2PI * sigma[:, None])
    return np.diff(special.ndtr(z), axis=1), -np.diff(density, axis=1)


def pixel_image(
    rows: np.ndarray, columns: np.ndarray, x: float, y: float, shape: PixelShape
) -> np.ndarray:
    """Return the fraction of a source's counts in every pixel, and its derivatives.

    Parameters
    ----------
    rows, columns : ndarray, shape (h,), (w,)
        Consecutive pixel numbers.
    x, y : float
        Centre, 0-based pixels.
    shape : PixelShape

    Returns
    -------
    ndarray, shape (4, h, w)
        Fractions, their derivatives by x, y and the logarithm of the core radius.
    """
    along_x, slope_x = pixel_profile(columns, x, shape.sigma)
    along_y, slope_y = pixel_profile(rows, y, shape.sigma)
    weighted = along_y.T * shape.weights
    return np.stack([
        weighted @ along_x, weighted @ slope_x, (slope_y.T * shape.weights) @ along_x,
        (along_y.T * shape.core_slopes) @ along_x,
    ])  # fmt: skip


def pixel_fractions(
    rows: np.ndarray, columns: np.ndarray, x: float, y: float, shape: PixelShape
) -> np.ndarray:
    """Return the fractions alone, shape (h, w)."""
    cdf_x, cdf_y = (
        special.ndtr((np.append(p - 0.5, p[-1] + 0.5) - c) / shape.sigma[:, None])
        for p, c in ((columns, x), (rows, y))
    )
    return np.asarray((np.diff(cdf_y, axis=1).T * shape.weights) @ np.diff(cdf_x, axis=1))
