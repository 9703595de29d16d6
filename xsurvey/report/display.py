"""What of an image is shown: the exposed part, binned to a size that a screen has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from xsurvey.imaging.sky_image import SkyImage

_MARGIN = 0.02


@dataclass(frozen=True)
class Viewport:
    """Rows ``y0:y1`` and columns ``x0:x1`` of an image, in blocks of ``block`` pixels a side."""

    x0: int
    x1: int
    y0: int
    y1: int
    block: int

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Edges in 0-based pixel coordinates, as `Axes.imshow` takes them."""
        ny, nx = self.shape
        return (
            self.x0 - 0.5, self.x0 + nx * self.block - 0.5,
            self.y0 - 0.5, self.y0 + ny * self.block - 0.5,
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Number of blocks ``(ny, nx)``, those at the far edges perhaps not full."""
        return -(-(self.y1 - self.y0) // self.block), -(-(self.x1 - self.x0) // self.block)


def viewport(data: np.ndarray, pixels: int) -> Viewport:
    """Return the part of ``data`` (ny, nx) that is not zero, in at most ``pixels`` a side."""
    ny, nx = data.shape
    shown = np.isfinite(data) & (data != 0)
    columns, rows = np.flatnonzero(shown.any(axis=0)), np.flatnonzero(shown.any(axis=1))
    if not len(columns):
        return Viewport(0, nx, 0, ny, max(1, -(-max(nx, ny) // pixels)))
    x0, x1, y0, y1 = int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
    margin = max(1, round(_MARGIN * max(x1 - x0, y1 - y0)))
    x0, x1 = max(0, x0 - margin), min(nx, x1 + margin)
    y0, y1 = max(0, y0 - margin), min(ny, y1 + margin)
    return Viewport(x0, x1, y0, y1, max(1, -(-max(x1 - x0, y1 - y0) // pixels)))


def block_mean(data: np.ndarray, view: Viewport) -> np.ndarray:
    """Return the mean of the finite pixels of each block, shape ``view.shape``; 0 if none is."""
    part = data[view.y0 : view.y1, view.x0 : view.x1]
    finite = np.isfinite(part)
    starts = [np.arange(0, n, view.block) for n in part.shape]
    total, number = (
        np.add.reduceat(np.add.reduceat(values, starts[0], axis=0), starts[1], axis=1)
        for values in (np.where(finite, part, 0.0), finite.astype(float))
    )
    return np.divide(total, number, out=np.zeros_like(total), where=number > 0)


@dataclass(frozen=True)
class Stretch:
    """Limits of an asinh colour scale, which is linear below about ``linear_width``."""

    linear_width: float
    minimum: float
    maximum: float


def smoothed_counts(
    image: SkyImage, view: Viewport, sigma: float = 1.5
) -> tuple[np.ndarray, Stretch]:
    """Return surface brightness in count / arcsec2 and the stretch that shows it.

    Parameters
    ----------
    image : SkyImage
        Counts a pixel.
    view : Viewport
        What is shown of it.
    sigma : float
        Of the Gaussian, in blocks.

    Returns
    -------
    brightness : ndarray, shape ``view.shape``
    stretch : Stretch
        A lone photon stays in its linear part, so that noise does not shine.
    """
    pixel_area = image.grid.pixel_size**2
    brightness = gaussian_filter(block_mean(image.data, view), sigma) / pixel_area
    photon = 1 / (2 * np.pi * sigma**2 * pixel_area * view.block**2)
    lit = brightness[brightness > photon * 1e-3]
    if not lit.size:
        return brightness, Stretch(photon, 0.0, 10 * photon)
    linear_width = max(float(np.percentile(lit, 60)), 1.5 * photon)
    top = max(float(np.percentile(lit, 99.9)), 10 * photon, 3 * linear_width)
    return brightness, Stretch(linear_width, 0.0, top)
