"""Covariances of places from the likelihood surface itself, not from its curvature alone.

Of few counts the likelihood is not Gaussian in the place; its spread on a grid, counts at their
best in each point, gives ellipses that hold the truth as often as they promise.
"""

from __future__ import annotations

import numpy as np

from xsurvey.detection.group_fit import fisher_inverse
from xsurvey.detection.pixel_model import pixel_fractions
from xsurvey.detection.scene import Scene, SceneSource

_SIDE = 13
_HALF_WIDTH = 3.5  # sigmas
_ENOUGH_COUNTS = 150.0
_NEWTON = 4


def place_covariance(scene: Scene, source: SceneSource) -> np.ndarray:
    """Return the covariance of (east, north) in arcsec2.

    Parameters
    ----------
    scene : Scene
        To which all other sources are added, and the source itself is not.
    source : SceneSource
        Fitted; its place is not changed.
    """
    curvature = _curvature(scene, source)
    if source.counts.sum() > _ENOUGH_COUNTS:
        return curvature
    size = max(source.width, source.core)
    # at first the curvature's ellipse, then that of what was found within it
    for _ in range(2):
        axes = _axes(curvature, size)
        spread = _spread(scene, source, axes)
        if spread is None:
            return curvature
        curvature = spread
    return curvature


def _curvature(scene: Scene, source: SceneSource) -> np.ndarray:
    inverse = fisher_inverse(scene, source)[:2, :2]
    if not (np.diag(inverse) > 0).all():
        return np.eye(2) * max(source.width, source.core) ** 2
    return inverse


def _axes(covariance: np.ndarray, size: float) -> np.ndarray:
    """Return the half axes of the grid as columns, shape (2, 2), arcsec."""
    values, vectors = np.linalg.eigh(covariance)
    lengths = np.sqrt(np.clip(values, (0.02 * size) ** 2, size**2))
    return np.asarray(vectors * lengths * _HALF_WIDTH)


def _spread(scene: Scene, source: SceneSource, axes: np.ndarray) -> np.ndarray | None:
    line = np.linspace(-1, 1, _SIDE)
    u, v = (a.ravel() for a in np.meshgrid(line, line))
    shifts = np.column_stack([u, v]) @ axes.T
    statistic = np.zeros(len(shifts))
    for band, total in enumerate(source.counts):
        views = [
            (view, raised) for view, raised in zip(source.views, source.raised, strict=True)
            if scene.planes[view.plane].band == band
        ]  # fmt: skip
        if views:
            statistic += _profile(scene, source, views, shifts, float(total))
    weight = np.exp(-0.5 * (statistic - statistic.min()))
    weight /= weight.sum()
    second = (shifts * weight[:, None]).T @ shifts
    return np.asarray(second) if np.isfinite(second).all() else None


def _profile(
    scene: Scene, source: SceneSource, views: list, shifts: np.ndarray, total: float
) -> np.ndarray:
    """Return C of one band at every shift, its counts at their best."""
    units, observed, fixed = [], [], []
    for view, raised in views:
        plane = scene.planes[view.plane]
        shape = scene.shape(source, view)
        where = scene.fit_patch(source, view, shape)
        rows, columns = (np.arange(s.start, s.stop) for s in where)
        x, y = view.at(source.offset)
        if not len(rows) or not len(columns):
            continue
        seen = plane.exposure[where] > 0
        factor = plane.exposure[where] / source.seconds[plane.band]
        unit = np.array([
            (pixel_fractions(rows, columns, x + dx, y + dy, shape) * factor)[seen]
            for dx, dy in shifts @ view.jacobian.T
        ])  # fmt: skip
        units.append(unit)
        observed.append(plane.counts[where][seen])
        fixed.append((scene.expected(view, where) * raised)[seen])
    if not units:
        return np.zeros(len(shifts))
    unit, counts, level = (
        np.concatenate(units, axis=1),
        np.concatenate(observed),
        np.concatenate(fixed),
    )
    # only pixels with photons need the model; the rest counts by its sum
    lit = counts > 0
    sums, unit, counts, level = unit.sum(axis=1), unit[:, lit], counts[lit], level[lit]
    number = np.full(len(shifts), max(total, 1.0))
    for _ in range(_NEWTON * 2):
        # expectation maximisation climbs safely from anywhere
        share = counts * unit / (level + number[:, None] * unit)
        number = np.maximum(number * share.sum(axis=1) / np.maximum(sums, 1e-12), 1e-9)
    mu = level + number[:, None] * unit
    return np.asarray(2 * (number * sums - np.log(mu) @ counts))
