"""What the search of a stack sees: all observations of a band on the grid of the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xsurvey.detection.band_image import BandImage
from xsurvey.detection.scene import Scene, affine
from xsurvey.detection.search import SearchImage
from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.imaging.stack import Stack
from xsurvey.imaging.stack_images import fields_with_band, stack_counts, to_stack
from xsurvey.psf import PointSpreadFunction

_HALF = 0.5


def search_image(
    stack: Stack, label: str, backgrounds: Mapping[str, Mapping[str, SkyImage]],
    psfs: Mapping[str, PointSpreadFunction],
) -> SearchImage:  # fmt: skip
    """Combine the observations of a stack in one band.

    Parameters
    ----------
    stack : Stack
    label : str
        Of the band.
    backgrounds : mapping of str to mapping of str to SkyImage
        By observation and band.
    psfs : mapping of str to PointSpreadFunction
        By observation.

    Returns
    -------
    SearchImage
        The half-energy radius is the exposure-weighted mean of the observations'.
    """
    shape = stack.grid.shape
    background, weight, radius = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for index in fields_with_band(stack, label):
        field, name = stack.fields[index], stack.names[index]
        level = np.maximum(to_stack(stack, index, backgrounds[name][label]), 0)
        seconds = np.maximum(to_stack(stack, index, field.exposure[label]), 0)
        background = background + level
        off_axis = np.zeros(1)
        if field.pointing is not None:
            off_axis = stack.grid.off_axis(field.pointing)
        half = np.broadcast_to(np.asarray(psfs[name].radius(_HALF, off_axis)), shape)
        weight = weight + seconds
        radius = radius + half * seconds
    seen = weight > 0
    mean = np.divide(radius, weight, out=np.full(shape, np.nan), where=seen)
    counts = np.where(seen, stack_counts(stack, label).data, 0.0)
    background = np.where(seen, np.maximum(background, 1e-9), 0.0)
    return SearchImage(counts, background, mean / stack.grid.pixel_size)


def combined_models(scene: Scene, grid: ImageGrid) -> list[np.ndarray]:
    """Return the expected counts of all sources on a grid, by band, all observations together.

    Where an observation lies on the grid itself its own model serves; others are worked out anew
    through their coordinates, with the exposure at the source.
    """
    models: list[np.ndarray] = [np.zeros(grid.shape) for _ in scene.bands]
    foreign = {i for i, plane in enumerate(scene.planes) if plane.grid is not grid}
    for plane in scene.planes:
        if plane.grid is grid:
            models[plane.band] = models[plane.band] + plane.model
    if foreign and scene.sources:
        _add_foreign(scene, grid, foreign, models)
    return models


def _add_foreign(
    scene: Scene, grid: ImageGrid, foreign: set[int], models: Sequence[np.ndarray]
) -> None:
    places = np.array([s.place() for s in scene.sources])
    pixels, _ = affine(grid, places[:, 0], places[:, 1])
    for source, (x, y) in zip(scene.sources, pixels, strict=True):
        for view in source.views:
            plane = scene.planes[view.plane]
            if view.plane not in foreign or source.counts[plane.band] <= 0:
                continue
            scene.render(source, view, grid, (float(x), float(y)), models[plane.band])


def known_pixels(scene: Scene, grid: ImageGrid) -> tuple[np.ndarray, np.ndarray]:
    """Return x, y of all sources on a grid, shape (n,)."""
    if not scene.sources:
        return np.empty(0), np.empty(0)
    places = np.array([s.place() for s in scene.sources])
    pixels, _ = affine(grid, places[:, 0], places[:, 1])
    return pixels[:, 0], pixels[:, 1]


def band_images(
    stack: Stack, labels: Sequence[str], backgrounds: Mapping[str, Mapping[str, SkyImage]],
    psfs: Mapping[str, PointSpreadFunction],
) -> list[BandImage]:  # fmt: skip
    """Return the images that are fitted: every band of every observation, on its own grid."""
    return [
        BandImage(
            label, name, field.counts[label], field.exposure[label], backgrounds[name][label],
            psfs[name], field.pointing,
        )
        for name, field in zip(stack.names, stack.fields, strict=True)
        for label in labels
        if label in field.counts
    ]  # fmt: skip
