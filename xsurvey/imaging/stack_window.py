"""A part of a field: windows on its images, read when they are asked for."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import ImageGrid, SkyImage


@dataclass(frozen=True)
class Window:
    """Pixels of an image: first column and row, and how many."""

    column: int
    row: int
    columns: int
    rows: int

    def is_all_of(self, shape: tuple[int, int]) -> bool:
        """Tell whether nothing of an image is left out."""
        return (self.column, self.row, self.rows, self.columns) == (0, 0, *shape)


def field_window(field: Field, window: Window) -> Field:
    """Return a field whose images are cut to a window; its events stay all there."""
    grid = next(iter(field.counts.values())).grid
    if window.is_all_of(grid.shape):
        return field
    return replace(
        field, counts=_Windows(field.counts, window), exposure=_Windows(field.exposure, window)
    )


def grid_window(grid: ImageGrid, window: Window) -> ImageGrid:
    """Return the grid of a window."""
    wcs = copy.deepcopy(grid.wcs)
    wcs.wcs.crpix = wcs.wcs.crpix - [window.column, window.row]
    wcs.wcs.set()
    return ImageGrid(
        wcs, (window.rows, window.columns), grid.x_edge + window.column * grid.sky_pixels,
        grid.y_edge + window.row * grid.sky_pixels, grid.sky_pixels, grid.pixel_size,
    )  # fmt: skip


def image_window(image: SkyImage, window: Window) -> SkyImage:
    """Return a window of an image."""
    rows = slice(window.row, window.row + window.rows)
    columns = slice(window.column, window.column + window.columns)
    return replace(image, data=image.data[rows, columns], grid=grid_window(image.grid, window))


class _Windows(Mapping[str, SkyImage]):
    """Windows of images by band; the last one is kept."""

    def __init__(self, images: Mapping[str, SkyImage], window: Window) -> None:
        self._images, self._window = images, window
        self._last: tuple[str, SkyImage] | None = None

    def __getitem__(self, label: str) -> SkyImage:
        if self._last is None or self._last[0] != label:
            self._last = None  # let go of it before the next is read
            self._last = label, image_window(self._images[label], self._window)
        return self._last[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)


def cut_to(image: SkyImage, grid: ImageGrid) -> SkyImage:
    """Return the part of an image that lies on the grid of a window of it."""
    side = image.grid.sky_pixels
    column = round((grid.x_edge - image.grid.x_edge) / side)
    row = round((grid.y_edge - image.grid.y_edge) / side)
    window = Window(column, row, grid.shape[1], grid.shape[0])
    return image if window.is_all_of(image.grid.shape) else image_window(image, window)
