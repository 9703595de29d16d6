"""Parts of images: the pixels around a place, with their coordinates on the sky."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xsurvey.imaging.sky_image import ImageGrid, SkyImage


@dataclass(frozen=True)
class PixelBox:
    """A rectangle of whole pixels: columns ``x0`` to ``x1 - 1``, rows ``y0`` to ``y1 - 1``."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.y1 - self.y0, self.x1 - self.x0

    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Tell which 0-based image coordinates lie in it, as binning puts them into pixels."""
        return (
            (x >= self.x0 - 0.5) & (x < self.x1 - 0.5) & (y >= self.y0 - 0.5) & (y < self.y1 - 0.5)
        )


def box_around(grid: ImageGrid, x: float, y: float, half_side: float) -> PixelBox | None:
    """Return the pixels of an image that a square about a place covers.

    Parameters
    ----------
    grid : ImageGrid
    x, y : float
        0-based image coordinates.
    half_side : float
        Arcsec.

    Returns
    -------
    PixelBox or None
        Cut at the edges of the image; None where nothing is left, or the place is none.
    """
    if not (np.isfinite(x) and np.isfinite(y)):
        return None
    ny, nx = grid.shape
    # the square's side is odd, so that the source is in the middle pixel
    reach = int(np.ceil(half_side / grid.pixel_size))
    column, row = int(np.rint(np.clip(x, -1e9, 1e9))), int(np.rint(np.clip(y, -1e9, 1e9)))
    x0, x1 = max(column - reach, 0), min(column + reach + 1, nx)
    y0, y1 = max(row - reach, 0), min(row + reach + 1, ny)
    return PixelBox(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def cut_grid(grid: ImageGrid, box: PixelBox) -> ImageGrid:
    """Return the grid of the pixels of a box."""
    return replace(
        grid, wcs=grid.wcs[box.y0 : box.y1, box.x0 : box.x1], shape=box.shape,
        x_edge=grid.x_edge + box.x0 * grid.sky_pixels,
        y_edge=grid.y_edge + box.y0 * grid.sky_pixels,
    )  # fmt: skip


def cut_image(image: SkyImage, box: PixelBox) -> SkyImage:
    """Return the pixels of a box, with their coordinates."""
    data = image.data[box.y0 : box.y1, box.x0 : box.x1]
    return replace(image, data=data, grid=cut_grid(image.grid, box))
