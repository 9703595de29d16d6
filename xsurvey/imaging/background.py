"""Background maps that compact sources do not raise: wide, masked, exposure-weighted."""

import numpy as np
from scipy import ndimage

SIGNIFICANT_STRUCTURE = (4.0, 6.0)
_ROWS = 256
"""Sigmas at which finer structure starts to be believed, and at which it is believed whole."""


def background_map(
    counts: np.ndarray, exposure: np.ndarray, mask: np.ndarray, scales: tuple[float, ...]
) -> np.ndarray:
    r"""Estimate the expected background counts of every pixel.

    The count rate of unmasked pixels is smoothed with a wide Gaussian, exposure-weighted:
    :math:`b = e\,(G*(c\,m))/(G*(e\,m))`. Finer Gaussians replace it only where they
    differ from the wider one by 4 to 6 sigma, blended in: a nebula is followed, noise is not.

    Parameters
    ----------
    counts, exposure : ndarray, shape (ny, nx)
        Counts, and exposure in any unit; zero exposure is outside of the field.
    mask : ndarray of bool, shape (ny, nx)
        Pixels of compact sources, left out and filled from around.
    scales : tuple of float
        Gaussian sigmas in pixels, the widest first.

    Returns
    -------
    ndarray, shape (ny, nx)
        Expected counts a pixel; zero where nothing was exposed.
    """
    used = (exposure > 0) & ~mask
    if not used.any():
        used = exposure > 0
    unmasked_counts = np.where(used, counts, 0.0)
    weights = np.where(used, exposure, 0.0)
    overall = unmasked_counts.sum() / weights.sum() if weights.sum() > 0 else 0.0
    rate = np.full(counts.shape, overall)
    for index, sigma in enumerate(scales):
        smooth_weights = _gaussian(weights, sigma)
        smooth_counts = _gaussian(unmasked_counts, sigma)
        least = 1e-3 * weights.max()
        if index == 0:
            np.divide(smooth_counts, smooth_weights, out=rate, where=smooth_weights > least)
            continue
        # variance of the smoothed counts: sum of squared weights, a Gaussian of sigma/sqrt(2)
        variance = _gaussian(rate * weights, sigma / np.sqrt(2))
        variance /= 4 * np.pi * sigma**2
        # blocks of rows: what is worked out on the way is not kept for a whole image
        for first in range(0, len(rate), _ROWS):
            rows = slice(first, first + _ROWS)
            rate[rows] = _finer_where_clear(
                rate[rows], smooth_counts[rows], smooth_weights[rows], variance[rows], least
            )
    return np.where(exposure > 0, np.maximum(rate, 0) * exposure, 0.0)


def _finer_where_clear(
    rate: np.ndarray, counts: np.ndarray, weights: np.ndarray, variance: np.ndarray, least: float
) -> np.ndarray:
    """Return the rate of a finer smoothing as far as it differs significantly from a wider one."""
    enough = weights > least
    finer = np.divide(counts, weights, out=rate.copy(), where=enough)
    noise = np.sqrt(np.maximum(variance, 1e-30))
    significance = np.abs(counts - rate * weights) / noise
    low, high = SIGNIFICANT_STRUCTURE
    belief = np.where(enough, np.clip((significance - low) / (high - low), 0, 1), 0.0)
    return np.asarray(belief * finer + (1 - belief) * rate)


def _gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth with zeros outside; wide Gaussians on a coarser grid, which they cannot tell."""
    step = max(1, int(sigma // 8))
    if step == 1:
        return np.asarray(ndimage.gaussian_filter(image, sigma, mode="constant", truncate=4))
    ny, nx = image.shape
    margin = 4  # coarse cells beyond the border, so that it falls off as it should
    padded = np.pad(image, ((0, -ny % step), (0, -nx % step)))
    coarse = padded.reshape(padded.shape[0] // step, step, -1, step).mean(axis=(1, 3))
    coarse = np.pad(coarse, margin)
    smooth = ndimage.gaussian_filter(coarse, sigma / step, mode="constant", truncate=4)
    rows = (np.arange(ny) + 0.5) / step - 0.5 + margin
    columns = (np.arange(nx) + 0.5) / step - 0.5 + margin
    fine = _interpolate(_interpolate(smooth, rows).T, columns).T
    return np.asarray(fine)


def _interpolate(image: np.ndarray, at: np.ndarray) -> np.ndarray:
    low = np.clip(np.floor(at).astype(int), 0, image.shape[0] - 2)
    weight = (at - low)[:, None]
    return image[low] * (1 - weight) + image[low + 1] * weight
