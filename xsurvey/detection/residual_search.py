"""Maxima of the matched filter over what is expected already: what wavelets did not single out."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from xsurvey.detection.matched_filter import detection_likelihood
from xsurvey.detection.pixel_model import PixelShape, pixel_fractions

_WIDTH_STEP = 1.3
_SCREEN = 2.5
_FEWEST_COUNTS = 3
_PIXEL_BLUR = 0.29  # of a square pixel, standard deviation
_HALF_ENERGY = 1.1774  # of a Gaussian, in its sigma
_REACH = 3.0
_SHARP = 1.5  # pixels
_BATCH_PIXELS = 1_000_000


def matched_maxima(
    counts: np.ndarray, expected: np.ndarray, half_energy: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find maxima of a matched filter, a Gaussian of the PSF's half-energy radius.

    Parameters
    ----------
    counts, expected : ndarray, shape (ny, nx)
        Expected counts of background and known sources; zero is outside.
    half_energy : ndarray, shape (ny, nx)
        Of the PSF, pixels.
    threshold : float
        Smallest -ln P.

    Returns
    -------
    x, y : ndarray of int, shape (n,)
    likelihood : ndarray, shape (n,)
        At the best of some places in the pixel: where exactly may have a tenth more.
    """
    exposed = expected > 0
    found = [(np.empty(0, int), np.empty(0, int), np.empty(0))]
    if exposed.any():
        step = np.log(_WIDTH_STEP)
        smallest = float(half_energy[exposed].min())
        classes = np.where(exposed, np.floor(np.log(half_energy / smallest) / step + 1e-9), -1)
        for number in np.unique(classes[exposed]):
            width = smallest * float(np.exp((number + 0.5) * step))
            if classes[exposed].max() == 0:
                width = float(np.median(half_energy[exposed]))
            found.append(_of_one_width(counts, expected, classes == number, width, threshold))
    x, y, likelihood = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((x, y, -likelihood))
    return x[order], y[order], likelihood[order]


def _of_one_width(
    counts: np.ndarray, expected: np.ndarray, here: np.ndarray, width: float, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sigma = width / _HALF_ENERGY
    blur = float(np.hypot(sigma, _PIXEL_BLUR))
    reach = int(np.ceil(_REACH * sigma)) + 1
    rows, columns = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
    y0, x0 = max(rows[0] - 2 * reach, 0), max(columns[0] - 2 * reach, 0)
    box = (slice(y0, rows[-1] + 2 * reach + 1), slice(x0, columns[-1] + 2 * reach + 1))
    data, level, inside = counts[box], expected[box], here[box]
    data = np.where(level > 0, data, 0.0)
    excess = ndimage.gaussian_filter(data - level, blur, mode="constant")
    variance = ndimage.gaussian_filter(level, blur / np.sqrt(2), mode="nearest")
    noise = np.sqrt(np.maximum(variance, 1e-12) / (4 * np.pi * blur**2))
    size = max(3, 2 * round(0.7 * width) + 1)
    peak = (excess == ndimage.maximum_filter(excess, size)) & (excess > _SCREEN * noise) & inside
    near = ndimage.uniform_filter(data, 2 * reach - 1, mode="constant") * (2 * reach - 1) ** 2
    y, x = np.nonzero(peak & (near > _FEWEST_COUNTS - 0.5))
    likelihood = _likelihoods(data, level, x, y, sigma, reach, threshold)
    keep = likelihood >= threshold
    return x[keep] + x0, y[keep] + y0, likelihood[keep]


def _likelihoods(
    counts: np.ndarray, expected: np.ndarray, x: np.ndarray, y: np.ndarray, sigma: float,
    reach: int, threshold: float,
) -> np.ndarray:  # fmt: skip
    line = np.arange(-reach, reach + 1)
    shape = PixelShape(np.ones(1), np.array([sigma]), np.zeros(1))
    # a PSF as sharp as a pixel is tried between pixel centres, too
    shifts = (-1 / 3, 0.0, 1 / 3) if sigma < _SHARP else (0.0,)
    units = [pixel_fractions(line, line, u, v, shape).ravel() for u in shifts for v in shifts]
    padded = np.pad(counts, reach), np.pad(expected, reach)
    likelihood = np.zeros(len(x))
    batch = max(1, _BATCH_PIXELS // units[0].size)
    for first in range(0, len(x), batch):
        part = slice(first, first + batch)
        at = (
            y[part, None] + np.repeat(line, len(line)) + reach,
            x[part, None] + np.tile(line, len(line)) + reach,
        )
        data, level = padded[0][at], padded[1][at]
        for unit in units:
            shapes = np.where(level > 0, unit, 0.0)
            values = detection_likelihood(data, level, shapes, threshold)
            likelihood[part] = np.maximum(likelihood[part], values)
    return likelihood
