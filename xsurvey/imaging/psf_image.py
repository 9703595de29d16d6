"""Point spread functions on pixels: the fraction of a source's counts that each one holds."""

from __future__ import annotations

import numpy as np
from scipy import special

from xsurvey.psf import GaussianMixture


def psf_image(
    mixture: GaussianMixture, x: float, y: float, shape: tuple[int, int], pixel_size: float
) -> np.ndarray:
    """Integrate a sum of Gaussians over square pixels.

    Parameters
    ----------
    mixture : GaussianMixture
        Sigmas in arcsec.
    x, y : float
        Place of the source, 0-based image coordinates; it may be off the image.
    shape : tuple of int
        ``(ny, nx)``.
    pixel_size : float
        Arcsec.

    Returns
    -------
    ndarray, shape (ny, nx)
        Fractions of all counts. Their sum is below 1 by what falls outside of the image.

    Notes
    -----
    A circular Gaussian is a product of one in x and one in y, and the integral of each over a
    pixel a difference of error functions: no sampling, exact for any width.
    """
    ny, nx = shape
    sigma = mixture.sigma / pixel_size
    columns = _between_edges(nx, x, sigma)
    rows = _between_edges(ny, y, sigma)
    return np.asarray(np.einsum("m,mi,mj->ij", mixture.weights, rows, columns))


def _between_edges(number: int, centre: float, sigma: np.ndarray) -> np.ndarray:
    """Return the parts of Gaussians in each of a row of pixels, shape (m, number)."""
    edges = np.arange(number + 1) - 0.5 - centre
    return np.diff(special.ndtr(edges / sigma[:, None]), axis=1)
