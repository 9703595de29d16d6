"""An image taken apart by size, for pictures: starlet planes of what is significant."""

from __future__ import annotations

import numpy as np

from xsurvey.errors import InputError
from xsurvey.imaging import starlet
from xsurvey.imaging.sky_image import SkyImage, same_grid


def wavelet_images(
    counts: SkyImage, exposure: SkyImage, scales: int, threshold: float,
    background: SkyImage | None = None,
) -> dict[str, SkyImage]:  # fmt: skip
    """Return the starlet planes of an image, exposure-corrected, and what is left above them.

    Counts and exposure are smoothed alike, and planes are differences of their ratios: edges and
    gaps do not look like structure. Of each plane only coefficients above a number of sigma are
    kept, sigma being that of the Poisson noise of the counts as smooth as the next plane.

    Parameters
    ----------
    counts, exposure : SkyImage
        On the same pixels; s. Holes should be filled: `xsurvey.imaging.hole_filling`.
    scales : int
        Planes; the largest fits into the image.
    threshold : float
        Sigma.
    background : SkyImage, optional
        Counts a pixel.

    Returns
    -------
    dict of str to SkyImage
        ``wavelet_1``, the finest, to ``wavelet_N``, ``wavelet_rest``, and ``wavelet_sum``, all of
        them together; count / (s arcmin2).

    Raises
    ------
    InputError
        Maps on other pixels.
    """
    same_grid(counts, exposure, exposure.source or "exposure map")
    largest = int(np.log2(max(min(counts.grid.shape) // 4, 2)))
    if scales < 1 or scales > largest:
        raise InputError(
            counts.source or "image", f"has no room for {scales} wavelet planes",
            f"ask for 1 to {largest}",
        )  # fmt: skip
    pixel = counts.grid.pixel_size
    seen = np.nan_to_num(exposure.data) > 0
    level = 0.0 if background is None else np.nan_to_num(background.data)
    net = np.where(seen, np.nan_to_num(counts.data) - level, 0.0)
    photons = np.where(seen, np.nan_to_num(counts.data), 0.0)
    seconds = np.where(seen, exposure.data, 0.0)
    smooth = _ratio(net, seconds)
    images: dict[str, np.ndarray] = {}
    for scale in range(scales):
        net, photons, seconds = (starlet.smooth_once(v, scale) for v in (net, photons, seconds))
        smoother = _ratio(net, seconds)
        norm = np.sqrt(np.sum(starlet.wavelet_kernel(scale) ** 2))
        # where there are no photons at all, one in the reach of the kernel is not significant
        least = 1 / (4 * np.pi * (2 * starlet.kernel_sigma(scale)) ** 2)
        noise = _ratio(norm * np.sqrt(np.maximum(photons, least)), seconds)
        plane = smooth - smoother
        images[f"wavelet_{scale + 1}"] = np.where(np.abs(plane) > threshold * noise, plane, 0.0)
        smooth = smoother
    images["wavelet_rest"] = smooth
    total = np.sum(list(images.values()), axis=0)
    images["wavelet_sum"] = total
    stamps = {k: v for k, v in counts.stamps.items() if k != "EXPOSURE"}
    stamps |= {"SMOOTH": "STARLET", "THRESHOL": threshold}
    return {
        name: SkyImage(
            np.where(seen, data / (pixel / 60) ** 2, np.nan), counts.grid, "count s-1 arcmin-2",
            stamps,
        )
        for name, data in images.items()
    }  # fmt: skip


def _ratio(values: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    return np.divide(values, seconds, out=np.zeros_like(values), where=seconds > 1e-9)
