"""Adaptive smoothing: every place as sharp as its counts allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import SkyImage, same_grid

_TRUNCATE = 3.5
_STEP = 2**0.5


@dataclass(frozen=True)
class SmoothedImage:
    """An adaptively smoothed image.

    Attributes
    ----------
    brightness : SkyImage
        Count / (s arcmin2), on the optical axis, background subtracted; NaN where nothing was
        exposed.
    scale : ndarray, shape (ny, nx)
        Sigma of the Gaussian at every pixel, arcsec.
    significance : ndarray, shape (ny, nx)
        Signal-to-noise ratio inside of it: below the target where even the widest one holds too
        little.
    """

    brightness: SkyImage
    scale: np.ndarray
    significance: np.ndarray


def adaptive_smoothing(
    counts: SkyImage, exposure: SkyImage, snr: float, largest: float,
    background: SkyImage | None = None, counted: np.ndarray | None = None,
) -> SmoothedImage:  # fmt: skip
    r"""Smooth an image with Gaussians that grow until they hold a signal-to-noise ratio.

    As asmooth (Ebeling, White & Rangarajan 2006, MNRAS 368, 65), with sums instead of rates: with
    a Gaussian G, the signal is :math:`G * (c - b)`, its noise :math:`\sqrt{G^2 * c}`, and the
    brightness :math:`G * (c - b) / G * (t \Omega)`, so that neither edges nor masked pixels make
    the image darker. Between two widths, one below the target and one above, the brightness is
    interpolated: the image has no seams.

    Parameters
    ----------
    counts, exposure : SkyImage
        On the same pixels; s, vignetted.
    snr : float
        Signal-to-noise ratio to reach.
    largest : float
        Sigma of the widest Gaussian, arcsec.
    background : SkyImage, optional
        Counts a pixel.
    counted : ndarray of bool, shape (ny, nx), optional
        False where pixels are left out; they get the brightness around them.

    Raises
    ------
    InputError
        Maps on other pixels.
    """
    same_grid(counts, exposure, exposure.source or "exposure map")
    pixel = counts.grid.pixel_size
    seen = np.nan_to_num(exposure.data) > 0
    used = seen if counted is None else seen & counted
    if not used.any():
        raise InputError(
            counts.source or "image", "has no exposed pixel that is not masked", "mask less"
        )
    data = np.where(used, np.nan_to_num(counts.data), 0.0)
    level = np.zeros(data.shape)
    if background is not None:
        same_grid(counts, background, background.source or "background map")
        level = np.where(used, np.nan_to_num(background.data), 0.0)
    seconds = np.where(used, np.nan_to_num(exposure.data), 0.0)
    brightness, scale = np.full(data.shape, np.nan), np.full(data.shape, np.nan)
    reached = np.zeros(data.shape)
    todo, before = seen.copy(), None
    for sigma in _sigmas(largest / pixel):
        signal = _smooth(data - level, sigma)
        # the square of a Gaussian is a Gaussian as wide as its root of a half, and lower
        noise = np.sqrt(np.maximum(_smooth(data, sigma * 0.5**0.5), 0) / (4 * np.pi * sigma**2))
        time = _smooth(seconds, sigma)
        value = np.divide(signal, time, out=np.full(data.shape, np.nan), where=time > 1e-9)
        ratio = np.divide(signal, noise, out=np.zeros(data.shape), where=noise > 0)
        enough = todo & (ratio >= snr) & np.isfinite(value)
        part = np.ones(data.shape)
        if before is not None:
            rise = ratio - before[1]
            part = np.clip(np.divide(snr - before[1], rise, out=part, where=rise > 0), 0, 1)
            part = np.where(np.isfinite(before[0]), part, 1.0)
            lower = np.where(part < 1, before[0], 0.0)
            brightness[enough] = (part * value + (1 - part) * lower)[enough]
            scale[enough] = (sigma * part + before[2] * (1 - part))[enough] * pixel
        else:
            brightness[enough], scale[enough] = value[enough], sigma * pixel
        reached[enough] = np.maximum(ratio, snr)[enough] if before is None else snr
        todo &= ~enough
        before = value, ratio, sigma
    if before is not None:
        brightness[todo], scale[todo] = before[0][todo], before[2] * pixel
        reached[todo] = before[1][todo]
    brightness = brightness / (pixel / 60) ** 2
    stamps = {k: v for k, v in counts.stamps.items() if k != "EXPOSURE"}
    stamps |= {"SMOOTH": "ADAPTIVE", "SNR": snr}
    return SmoothedImage(
        SkyImage(brightness, counts.grid, "count s-1 arcmin-2", stamps), scale, reached
    )


def _sigmas(largest: float) -> np.ndarray:
    """Return widths in pixels, each the square root of two of the one before."""
    number = max(int(np.ceil(np.log(max(largest, 0.5) / 0.5) / np.log(_STEP))), 0)
    return np.minimum(0.5 * _STEP ** np.arange(number + 1), max(largest, 0.5))


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(values, sigma, mode="constant", truncate=_TRUNCATE))
