"""The starlet (isotropic undecimated, 'a trous') wavelet transform.

Starck, Fadili & Murtagh 2007 (IEEE Trans. Image Process. 16, 297): plane ``j`` is the
difference of two smoothings of the image with B3 splines, 2^(j-1) and 2^j pixels apart.
"""

import functools
from collections.abc import Iterator

import numpy as np
from scipy import ndimage

_B3_SPLINE = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16


def planes(image: np.ndarray, scales: int) -> list[np.ndarray]:
    """Return the wavelet planes of an image, the finest first; zeros outside of it.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
    scales : int
        Number of planes.

    Returns
    -------
    list of ndarray, shape (ny, nx)
    """
    return list(each_plane(image, scales))


def each_plane(image: np.ndarray, scales: int) -> Iterator[np.ndarray]:
    """Yield what `planes` returns, one after the other: only one of them is in memory."""
    smooth = image
    for scale in range(scales):
        smoother = smooth_once(smooth, scale)
        yield smooth - smoother
        smooth = smoother


def smooth_once(image: np.ndarray, scale: int) -> np.ndarray:
    """Smooth with the B3 spline whose taps are ``2**scale`` pixels apart."""
    kernel = np.zeros(4 * 2**scale + 1)
    kernel[:: 2**scale] = _B3_SPLINE
    once = ndimage.convolve1d(image, kernel, axis=0, mode="constant")
    return np.asarray(ndimage.convolve1d(once, kernel, axis=1, mode="constant"))


@functools.cache
def wavelet_kernel(scale: int) -> np.ndarray:
    """Return the filter whose convolution with an image is plane ``scale`` (0 the finest)."""
    reach = 2 * (2 ** (scale + 1) - 1)
    delta = np.zeros((2 * reach + 1, 2 * reach + 1))
    delta[reach, reach] = 1.0
    return planes(delta, scale + 1)[scale]


def kernel_sigma(scale: int) -> float:
    """Return the width in pixels of the source that plane ``scale`` matches best.

    Halfway between the standard deviations of the two smoothings that it is the
    difference of; a B3 spline at spacing 2^k has variance 4^k.
    """
    inner = sum(4.0**k for k in range(scale))
    outer = inner + 4.0**scale
    return float(0.5 * (np.sqrt(inner) + np.sqrt(outer)))
