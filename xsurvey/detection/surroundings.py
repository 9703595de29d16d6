"""Sources against what surrounds them: local levels and detection likelihoods in a scene."""

from __future__ import annotations

import numpy as np
from scipy import special

from xsurvey.detection.matched_filter import detection_likelihood
from xsurvey.detection.scene import Scene, SceneSource
from xsurvey.detection.significance import in_a_beam

_INNER, _OUTER = 2.0, 4.5  # half-energy radii of the source as it is seen
_INNER_PIXELS, _OUTER_PIXELS = 0.5, 2.0
_CHANCE = 2.3e-4  # one-sided tail of 3.5 sigma
_FILTER_FRACTION = 0.95
_EXTENDED_FRACTION = 0.8


def raised_levels(scene: Scene, source: SceneSource) -> np.ndarray:
    """Return by which factor an annulus around a source is brighter than the models, by view.

    Parameters
    ----------
    scene : Scene
        To which all other sources are added, and the source itself is not.
    source : SceneSource

    Returns
    -------
    ndarray, shape (v,)
        1 unless the counts have a chance below that of 3.5 sigma.
    """
    raised = np.ones(len(source.views))
    for index, view in enumerate(source.views):
        plane = scene.planes[view.plane]
        shape = scene.shape(source, view)
        half = shape.radius(0.5)
        inner, outer = _INNER * half + _INNER_PIXELS, _OUTER * half + _OUTER_PIXELS
        x, y = view.at(source.offset)
        ny, nx = plane.counts.shape
        rows = slice(max(int(y - outer), 0), min(int(y + outer) + 2, ny))
        columns = slice(max(int(x - outer), 0), min(int(x + outer) + 2, nx))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        where = (rows, columns)
        distance = np.hypot(
            np.arange(rows.start, rows.stop)[:, None] - y,
            np.arange(columns.start, columns.stop)[None, :] - x,
        )
        ring = (distance > inner) & (distance <= outer) & (plane.exposure[where] > 0)
        if not ring.any():
            continue
        own = scene.fractions(source, view, shape, where)[ring].sum()
        own *= source.counts[plane.band] / source.seconds[plane.band]
        others = float(scene.expected(view, where)[ring].sum())
        observed = float(plane.counts[where][ring].sum())
        expected = others + float(own)
        if observed > expected and special.gammainc(observed, expected) < _CHANCE:
            raised[index] = 1 + (observed - expected) / others
    return raised


def band_likelihoods(scene: Scene, source: SceneSource, threshold: float) -> np.ndarray:
    """Return -ln P of a source in each band, over everything else that is expected there.

    Parameters
    ----------
    scene : Scene
        To which all other sources are added, and the source itself is not.
    source : SceneSource
    threshold : float
        -ln P, at its place, of a just detectable source.

    Returns
    -------
    ndarray, shape (b,)
        P is the chance anywhere in a beam.
    """
    parts: list[list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = [[] for _ in scene.bands]
    fraction = _EXTENDED_FRACTION if source.core > 0 else _FILTER_FRACTION
    for view, raised in zip(source.views, source.raised, strict=True):
        plane = scene.planes[view.plane]
        shape = scene.shape(source, view)
        where = scene.patch(source, view, shape, fraction)
        unit = scene.fractions(source, view, shape, where).ravel()
        seen = unit > 0
        level = scene.expected(view, where).ravel() * raised
        parts[plane.band].append((plane.counts[where].ravel()[seen], level[seen], unit[seen]))
    result = np.zeros(len(scene.bands))
    for band, pieces in enumerate(parts):
        if pieces:
            counts, level, unit = (np.concatenate(p)[None, :] for p in zip(*pieces, strict=True))
            if counts.any():
                result[band] = detection_likelihood(counts, level, unit, threshold, True)[0]
    return in_a_beam(result)


def best_likelihood(likelihood: np.ndarray) -> float:
    """Return the largest -ln P, less the logarithm of the number of bands that were searched."""
    return max(float(np.max(likelihood)) - float(np.log(len(likelihood))), 0.0)
