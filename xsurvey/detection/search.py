"""Candidates of a stack: wavelet maxima of all bands, then what fits have left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from xsurvey.detection.candidates import find_candidates, merge_scales
from xsurvey.detection.residual_search import matched_maxima
from xsurvey.detection.source_fit import Places
from xsurvey.imaging import starlet
from xsurvey.imaging.sky_image import ImageGrid

_LENIENT_WAVELET, _LENIENT_FILTER = 0.8, 0.85
"""Of the lowest likelihood that is kept: a fit lifts candidates."""
_SAME_SOURCE = 1.5  # widths of the wavelet
_SAME_PIXELS = 2.0
_NEAR = 1.0  # half-energy radii: nearer to a known source nothing is looked for


@dataclass(frozen=True)
class SearchImage:
    """What is searched in one band: all observations together.

    Attributes
    ----------
    counts, background : ndarray, shape (ny, nx)
        Background zero is outside.
    half_energy : ndarray, shape (ny, nx)
        Radius of the PSF, pixels.
    """

    counts: np.ndarray
    background: np.ndarray
    half_energy: np.ndarray


def wavelet_places(
    images: Sequence[SearchImage], grid: ImageGrid, scales: int, lowest: float
) -> Places:
    """Return the maxima of the wavelet planes of all bands, one for each source.

    Parameters
    ----------
    images : sequence of SearchImage
        One a band.
    grid : ImageGrid
    scales : int
    lowest : float
        Smallest likelihood that is kept in the end; candidates may have less.

    Returns
    -------
    Places
        The clearest first.
    """
    threshold = _LENIENT_WAVELET * lowest
    x, y, width, likelihood, wide = ([np.empty(0)] for _ in range(5))
    for image in images:
        found = find_candidates(image.counts, image.background, range(scales), threshold)
        merged = merge_scales(found, image.counts, image.background, threshold)
        x.append(merged.core_x)
        y.append(merged.core_y)
        width.append(np.array([starlet.kernel_sigma(int(s)) for s in merged.core_scale]))
        wide.append(np.array([starlet.kernel_sigma(int(s)) for s in merged.scale]))
        likelihood.append(merged.likelihood)
    ax, ay, aw, al, widest = (np.concatenate(v) for v in (x, y, width, likelihood, wide))
    order = np.lexsort((ax, ay, -al))
    radius = np.maximum(_SAME_PIXELS, _SAME_SOURCE * aw[order])
    kept = order[_apart(ax[order], ay[order], radius)]
    return _places(grid, ax[kept], ay[kept], widest[kept])


def residual_places(
    images: Sequence[SearchImage], models: Sequence[np.ndarray], grid: ImageGrid, lowest: float,
    known: tuple[np.ndarray, np.ndarray],
) -> Places:  # fmt: skip
    """Return maxima of the matched filter over background and known sources.

    Parameters
    ----------
    images : sequence of SearchImage
    models : sequence of ndarray, shape (ny, nx)
        Expected counts of known sources, a band each.
    grid : ImageGrid
    lowest : float
    known : tuple of ndarray, shape (k,)
        x, y of known sources, pixels; nothing is looked for within their half-energy radii.
    """
    x, y, likelihood = [np.empty(0, int)], [np.empty(0, int)], [np.empty(0)]
    for image, model in zip(images, models, strict=True):
        expected = np.where(image.background > 0, image.background + np.maximum(model, 0), 0.0)
        found = matched_maxima(image.counts, expected, image.half_energy, _LENIENT_FILTER * lowest)
        for part, values in zip((x, y, likelihood), found, strict=True):
            part.append(values)
    ax, ay, al = (np.concatenate(v) for v in (x, y, likelihood))
    order = np.lexsort((ax, ay, -al))
    ax, ay = ax[order], ay[order]
    radius = images[0].half_energy[ay, ax] if len(ax) else np.empty(0)
    free = np.ones(len(ax), dtype=bool)
    if len(known[0]) and len(ax):
        distance, _ = cKDTree(np.column_stack(known)).query(np.column_stack([ax, ay]))
        free = distance > _NEAR * radius
    ax, ay, radius = ax[free], ay[free], radius[free]
    kept = _apart(ax, ay, np.maximum(_SAME_PIXELS, 2 * radius))
    return _places(grid, ax[kept], ay[kept], radius[kept])


def _apart(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return the indices of those that no earlier one has within its radius or theirs."""
    if not len(x):
        return np.empty(0, dtype=int)
    where = np.column_stack([x, y]).astype(float)
    tree = cKDTree(where)
    free = np.ones(len(x), dtype=bool)
    kept = []
    for i in range(len(x)):
        if free[i]:
            kept.append(i)
            free[tree.query_ball_point(where[i], float(radius[i]))] = False
    return np.array(kept, dtype=int)


def _places(grid: ImageGrid, x: np.ndarray, y: np.ndarray, width: np.ndarray) -> Places:
    ra, dec = grid.to_icrs(x, y) if len(x) else (np.empty(0), np.empty(0))
    return Places(ra, dec, width * grid.pixel_size)
