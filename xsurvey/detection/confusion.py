"""Where sources stand so densely that what is fitted is structure of the emission, not sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from xsurvey.detection.groups import directions
from xsurvey.detection.scene import Scene, SceneSource

_RADIUS = 6.0  # half-energy radii: about thirty beams
_CONTRASTS = ((1, 2.0), (2, 3.0), (3, 6.0))
"""From so many neighbours on a source must be so many times brighter than its surroundings."""
_SECTORS = 8
_INNER, _OUTER = 2.0, 5.0  # half-energy radii


def embedded(scene: Scene, sources: Sequence[SceneSource], points: np.ndarray) -> np.ndarray:
    """Tell which point sources lie in structured emission and do not stand out of it.

    Parameters
    ----------
    scene : Scene
        With all sources added.
    sources : sequence of SceneSource
        All of it, in any order.
    points : ndarray of bool, shape (n,)
        Which are points: others are not judged.

    Returns
    -------
    ndarray of bool, shape (n,)
        Others lie within six half-energy radii, three of them are one in ten beams, and the source
        is not much brighter than most of what surrounds it, the light of the others included: 2
        times with one other, 3 with two, 6 with more.
    """
    if not sources:
        return np.zeros(0, dtype=bool)
    where = directions(sources)
    tree = cKDTree(where)
    radius = np.array([_RADIUS * np.hypot(s.width, 0.6 * s.pixel_size) for s in sources])
    near = np.array([len(found) - 1 for found in tree.query_ball_point(where, radius)])
    result = np.zeros(len(sources), dtype=bool)
    for i in np.flatnonzero(near >= _CONTRASTS[0][0]).tolist():
        needed = max(value for number, value in _CONTRASTS if near[i] >= number)
        result[i] = points[i] and contrast(scene, sources[i]) < needed
    return result


def contrast(scene: Scene, source: SceneSource) -> float:
    """Return the brightness of a source within its half-energy radius over its surroundings'.

    Those are the median of eight sectors of an annulus, so that a single bright neighbour does
    not matter; the largest of all views.
    """
    best = 0.0
    for view in source.views:
        plane = scene.planes[view.plane]
        shape = scene.shape(source, view)
        half = float(np.hypot(shape.radius(0.5), 0.6))
        reach = int(np.ceil(_OUTER * half)) + 2
        x, y = view.at(source.offset)
        column, row = round(float(x)), round(float(y))
        ny, nx = plane.counts.shape
        where = (
            slice(max(row - reach, 0), min(row + reach + 1, ny)),
            slice(max(column - reach, 0), min(column + reach + 1, nx)),
        )
        dy = np.arange(where[0].start, where[0].stop)[:, None] - y
        dx = np.arange(where[1].start, where[1].stop)[None, :] - x
        distance = np.hypot(dx, dy)
        seen = plane.exposure[where] > 0
        own = scene.fractions(source, view, shape, where)
        own *= source.counts[plane.band] / source.seconds[plane.band]
        light = np.where(seen, plane.counts[where] - own, 0.0)
        sector = np.floor((np.arctan2(dy, dx) / (2 * np.pi) + 0.5) * _SECTORS).astype(int)
        ring = (distance > _INNER * half) & (distance <= _OUTER * half) & seen
        area = np.bincount(sector[ring] % _SECTORS, minlength=_SECTORS)
        sums = np.bincount(sector[ring] % _SECTORS, light[ring], minlength=_SECTORS)
        if not (area > 0).any():
            continue
        around = max(float(np.median(sums[area > 0] / area[area > 0])), 1e-12)
        brightness = 0.5 * float(source.counts[plane.band]) / (np.pi * half**2)
        best = max(best, brightness / around)
    return best
