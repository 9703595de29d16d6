"""Light of sources: the PSF, or a beta model folded with it, in circles and on pixels."""

from __future__ import annotations

import numpy as np
from scipy import special

from xsurvey.detection.pixel_model import BETA_SLOPE
from xsurvey.psf import GaussianMixture, PointSpreadFunction, king_mixture

_CORE_RADII = 3.0
"""Of a beta model, to measure in: it has 68 % of its light there, and 90 % in ten."""


def source_mixture(psf: PointSpreadFunction, off_axis: float, extent: float) -> GaussianMixture:
    """Return the profile of a source as a sum of Gaussians.

    Parameters
    ----------
    psf : PointSpreadFunction
    off_axis : float
        Arcmin.
    extent : float
        Core radius of a beta model of beta = 2/3 in arcsec; 0 for a point.
    """
    point = psf.mixture(off_axis)
    if not extent > 0:
        return point
    weights, sigma = king_mixture(BETA_SLOPE)
    return GaussianMixture(
        np.outer(weights, point.weights).ravel(),
        np.hypot.outer(extent * sigma, point.sigma).ravel(),
    )


def aperture_radius(
    psf: PointSpreadFunction, off_axis: float, extent: float, fraction: float
) -> float:
    """Return the radius to measure a source in, in arcsec.

    That of a fraction of the PSF; of an extended source three core radii are added in
    quadrature.
    """
    point = float(psf.radius(fraction, np.asarray(off_axis, float)))
    return float(np.hypot(point, _CORE_RADII * max(extent, 0.0)))


def light_on_pixels(
    profile: GaussianMixture, x: float, y: float, x_edges: np.ndarray, y_edges: np.ndarray
) -> np.ndarray:
    """Return the part of a source's light on each pixel of a window, shape (ny, nx).

    Parameters
    ----------
    profile : GaussianMixture
        In pixels.
    x, y : float
        Of the source.
    x_edges, y_edges : ndarray, shape (nx + 1,), (ny + 1,)
    """
    scaled = np.sqrt(2) * profile.sigma[:, None]
    along_x = np.diff(special.erf((x_edges - x) / scaled), axis=1) / 2
    along_y = np.diff(special.erf((y_edges - y) / scaled), axis=1) / 2
    return np.asarray((profile.weights[:, None] * along_y).T @ along_x)


def in_pixels(profile: GaussianMixture, pixel_size: float) -> GaussianMixture:
    """Return a profile whose widths are in arcsec in pixels of that many arcsec."""
    return GaussianMixture(profile.weights, profile.sigma / pixel_size)


def radius_of_light(profile: GaussianMixture, fraction: float) -> float:
    """Return the radius that holds a fraction of the light, by interpolation."""
    radii = np.geomspace(0.1 * profile.sigma.min(), 6 * profile.sigma.max(), 200)
    return float(np.interp(fraction, profile.encircled_fraction(radii), radii))
