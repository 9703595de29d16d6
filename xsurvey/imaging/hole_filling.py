"""Holes of masked sources filled from what surrounds them, for pictures only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import SkyImage, same_grid

_ENOUGH = 30.0
_TRUNCATE = 3.0


def fill_holes(
    counts: SkyImage, counted: np.ndarray, exposure: SkyImage, seed: int | None,
    background: SkyImage | None = None,
) -> SkyImage:  # fmt: skip
    """Fill the masked pixels of an image with the brightness around them.

    Of display only: what is filled in is no measurement, and the image is stamped
    ``FILLED = 'DISPLAY'``. The brightness of a pixel is the counts, less the background, over the
    exposure of the pixels around it, both summed with a Gaussian that is as narrow as it can be
    with thirty counts in it.

    Parameters
    ----------
    counts, exposure : SkyImage
        On the same pixels; s.
    counted : ndarray of bool, shape (ny, nx)
        False where pixels are to be filled. Those that were not exposed are left as they are.
    seed : int or None
        Of Poisson numbers, which make holes look as their surroundings do; None fills in the
        expected counts.
    background : SkyImage, optional
        Counts a pixel that are not exposed through the mirrors.

    Returns
    -------
    SkyImage

    Raises
    ------
    InputError
        Maps on other pixels, or nothing that is not masked.
    """
    same_grid(counts, exposure, exposure.source or "exposure map")
    if counted.shape != counts.grid.shape:
        raise InputError(
            "mask", f"has shape {counted.shape}, the image {counts.grid.shape}",
            "give a mask on the pixels of the image",
        )  # fmt: skip
    seen = np.nan_to_num(exposure.data) > 0
    used, holes = seen & counted, seen & ~counted
    stamps = {**counts.stamps, "FILLED": "DISPLAY"}
    if not holes.any():
        return replace(counts, stamps=stamps)
    if not used.any():
        raise InputError(counts.source or "image", "has no pixel that is not masked", "mask less")
    seconds = np.where(seen, exposure.data, 0.0)
    level = np.zeros(seen.shape) if background is None else np.nan_to_num(background.data)
    data = np.where(seen, np.nan_to_num(counts.data), 0.0)
    rate = _surrounding_rate(data, level, seconds, used, holes)
    expected = np.maximum(rate * seconds + level, 0.0)[holes]
    values = data.copy()
    values[holes] = (
        expected if seed is None else np.random.default_rng(seed).poisson(expected).astype(float)
    )
    return replace(counts, data=values, stamps=stamps)


def _surrounding_rate(
    data: np.ndarray, level: np.ndarray, seconds: np.ndarray, used: np.ndarray, holes: np.ndarray
) -> np.ndarray:
    """Return counts per second and pixel around every hole, by the narrowest Gaussian."""
    rate, todo = np.zeros(data.shape), holes.copy()
    parts = [np.where(used, values, 0.0) for values in (data, data - level, seconds)]
    sigma = 1.0
    while todo.any():
        photons, net, time = (
            ndimage.gaussian_filter(values, sigma, mode="constant", truncate=_TRUNCATE)
            for values in parts
        )
        last = sigma >= max(data.shape)
        # the sum of a Gaussian's weights over its peak is the number of pixels that it holds
        enough = (photons * 4 * np.pi * sigma**2 >= _ENOUGH) & (time > 0)
        now = todo & (enough | (last & (time > 0)))
        rate[now] = net[now] / time[now]
        todo &= ~now
        if last:
            break
        sigma *= 1.5
    return rate
