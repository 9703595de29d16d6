"""A part of a field: windows on its images, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from xsurvey.imaging.field import BandImages, Field
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, grid_window
from xsurvey.imaging.window import Window


def field_window(field: Field, window: Window) -> Field:
    """Return a field whose images are cut to a window; its events stay all there."""
    if window.is_all_of(field.grid.shape):
        return field
    return replace(
        field, counts=_windows(field.counts, window), exposure=_windows(field.exposure, window)
    )


def _windows(images: Mapping[str, SkyImage], window: Window) -> Mapping[str, SkyImage]:
    # what lies on disk is read no further than the window reaches
    return images.window(window) if isinstance(images, BandImages) else _Windows(images, window)


def image_window(image: SkyImage, window: Window) -> SkyImage:
    """Return a window of an image."""
    return replace(image, data=image.data[window.slices], grid=grid_window(image.grid, window))


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
