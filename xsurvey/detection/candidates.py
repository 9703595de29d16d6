"""Candidate sources: significant maxima of wavelet planes, merged over the scales."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from xsurvey.detection import starlet
from xsurvey.detection.poisson_tail import filter_weights, log_tail

_SCREEN = 2.5
_SAME_SOURCE = 1.5
_INFLUENCE = 4.0
_CLEAR_CORE = 0.2
_FEWEST_COUNTS = 2


@dataclass(frozen=True)
class Candidates:
    """Maxima with their likelihoods; arrays of shape (n,).

    Attributes
    ----------
    x, y : ndarray of int
        Image pixels.
    likelihood : ndarray
        -ln P of the wavelet coefficient under the background alone.
    scale : ndarray of int
        Plane, 0 the finest.
    core_x, core_y, core_scale : ndarray of int
        The finest maximum that belongs to it and is nearly as clear: its sharpest view.
    """

    x: np.ndarray
    y: np.ndarray
    likelihood: np.ndarray
    scale: np.ndarray
    core_x: np.ndarray
    core_y: np.ndarray
    core_scale: np.ndarray

    @classmethod
    def single_scale(
        cls, x: np.ndarray, y: np.ndarray, likelihood: np.ndarray, scale: int
    ) -> Candidates:
        """Return maxima of one plane, each its own core."""
        scales = np.full(len(x), scale)
        return cls(x, y, likelihood, scales, x, y, scales)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: np.ndarray) -> Candidates:
        """Return some of the candidates."""
        return Candidates(*(getattr(self, f.name)[index] for f in fields(self)))

    @staticmethod
    def join(parts: list[Candidates]) -> Candidates:
        """Concatenate candidates."""
        names = [f.name for f in fields(Candidates)]
        return Candidates(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def find_candidates(
    counts: np.ndarray, background: np.ndarray, scales: range, threshold: float
) -> Candidates:
    """Find maxima of the wavelet planes that the background hardly makes.

    Parameters
    ----------
    counts, background : ndarray, shape (ny, nx)
        Counts and expected background counts; background zero is outside of the field.
    scales : range
        Planes to search, 0 the finest.
    threshold : float
        Smallest -ln P.

    Returns
    -------
    Candidates
        Of each scale on its own, in order of position.

    Notes
    -----
    A coefficient's tail is that of its filter over a background of the mean level under
    it, weighted with the squared filter: exact where the background is flat.
    """
    exposed = background > 0
    excess = starlet.planes(np.where(exposed, counts - background, 0.0), scales.stop)
    parts = []
    for scale in scales:
        kernel = starlet.wavelet_kernel(scale)
        level = level_under(background, scale)
        plane = excess[scale]
        noise = np.sqrt(level * np.sum(kernel**2))
        # twice as wide as needed to tell neighbours apart, three pixels at least
        size = max(3, 2 ** (scale + 1) - 1)
        peak = (plane == ndimage.maximum_filter(plane, size)) & (plane > _SCREEN * noise) & exposed
        # one photon is no source, however empty the sky around it
        near = ndimage.uniform_filter(counts, size, mode="constant") * size**2
        y, x = np.nonzero(peak & (near > _FEWEST_COUNTS - 0.5))
        if not len(y):
            continue
        likelihood = -log_tail(plane[y, x], level[y, x], *filter_weights(kernel))
        keep = likelihood >= threshold
        parts.append(Candidates.single_scale(x[keep], y[keep], likelihood[keep], scale))
    if not parts:
        empty = np.empty(0, dtype=int)
        return Candidates.single_scale(empty, empty, np.empty(0), 0)
    return Candidates.join(parts)


def level_under(background: np.ndarray, scale: int) -> np.ndarray:
    """Return the background a pixel as the filter of plane ``scale`` sees it.

    The filter's variance is the background smoothed with its squared weights; a Gaussian
    of the same width stands for them.
    """
    sigma = 0.7 * starlet.kernel_sigma(scale)
    level = ndimage.gaussian_filter(background, sigma, mode="nearest")
    # never below the local value: a sharp rise of the background is no source
    return np.asarray(np.maximum(np.maximum(level, background), 1e-12))


def merge_scales(
    candidates: Candidates, counts: np.ndarray, background: np.ndarray, threshold: float
) -> Candidates:
    """Make one candidate of the maxima that one source leaves in several planes.

    The most significant maximum stands for its neighbours within 1.5 widths. What then
    remains within the influence of a brighter source must be significant over the light
    of its surroundings as well, which is the image smoothed at the next two coarser scales.

    Parameters
    ----------
    candidates : Candidates
        Of all scales.
    counts, background : ndarray, shape (ny, nx)
    threshold : float
        Smallest -ln P over the raised background.

    Returns
    -------
    Candidates
        Most significant first.
    """
    if not len(candidates):
        return candidates
    candidates = candidates.take(np.lexsort((candidates.x, candidates.y, -candidates.likelihood)))
    width = np.array([starlet.kernel_sigma(s) for s in candidates.scale])
    position = np.column_stack([candidates.x, candidates.y]).astype(float)
    tree = cKDTree(position)
    owner = np.full(len(candidates), -1)
    coarsest = width.copy()
    core = np.arange(len(candidates))
    for i in range(len(candidates)):
        if owner[i] >= 0:
            continue
        owner[i] = i
        for j in tree.query_ball_point(position[i], _SAME_SOURCE * width.max() + 2):
            distance = np.hypot(*(position[j] - position[i]))
            if owner[j] < 0 and distance <= max(2.0, _SAME_SOURCE * max(width[i], width[j])):
                owner[j] = i
                coarsest[i] = max(coarsest[i], width[j])
                clear = candidates.likelihood[j] >= _CLEAR_CORE * candidates.likelihood[i]
                if clear and candidates.scale[j] < candidates.scale[core[i]]:
                    core[i] = j
    candidates = replace(
        candidates, core_x=candidates.x[core], core_y=candidates.y[core],
        core_scale=candidates.scale[core],
    )  # fmt: skip
    first = np.flatnonzero(owner == np.arange(len(candidates)))
    kept = _outshone_removed(candidates, first, coarsest, counts, background, threshold)
    return candidates.take(kept)


def _outshone_removed(
    candidates: Candidates, first: np.ndarray, coarsest: np.ndarray, counts: np.ndarray,
    background: np.ndarray, threshold: float,
) -> np.ndarray:  # fmt: skip
    position = np.column_stack([candidates.x, candidates.y])[first].astype(float)
    reach = _INFLUENCE * coarsest[first]
    scales = int(candidates.scale.max()) + 1
    excess = starlet.planes(counts - background, scales)
    tree = cKDTree(position)
    levels: dict[int, np.ndarray] = {}
    kept = []
    for order, index in enumerate(first):
        neighbours = tree.query_ball_point(position[order], reach.max())
        shadowed = any(
            n < order and np.hypot(*(position[n] - position[order])) <= reach[n] for n in neighbours
        )
        if shadowed:
            scale = int(candidates.scale[index])
            if scale not in levels:
                levels[scale] = _surroundings(counts, background, scale)
            at = candidates.y[index], candidates.x[index]
            log_p = log_tail(
                excess[scale][at][None], levels[scale][at][None],
                *filter_weights(starlet.wavelet_kernel(scale)),
            )  # fmt: skip
            if -log_p[0] < threshold:
                continue
        kept.append(index)
    return np.array(kept, dtype=int)


def _surroundings(counts: np.ndarray, background: np.ndarray, scale: int) -> np.ndarray:
    smooth = counts
    for step in range(scale + 2):
        smooth = starlet.smooth_once(smooth, step)
    return np.maximum(smooth, np.maximum(background, 1e-12))


def source_mask(
    counts: np.ndarray, background: np.ndarray, candidates: Candidates, scales: range
) -> np.ndarray:
    """Return the pixels that candidates brighten: the significant patches they lie on.

    Parameters
    ----------
    counts, background : ndarray, shape (ny, nx)
    candidates : Candidates
    scales : range

    Returns
    -------
    ndarray of bool, shape (ny, nx)
    """
    mask = np.zeros(counts.shape, dtype=bool)
    excess = starlet.planes(counts - background, scales.stop)
    for scale in scales:
        mine = candidates.scale == scale
        if not mine.any():
            continue
        noise = np.sqrt(level_under(background, scale) * np.sum(starlet.wavelet_kernel(scale) ** 2))
        patches, _ = ndimage.label(excess[scale] > 3 * noise, np.ones((3, 3)))
        touched = np.unique(patches[candidates.y[mine], candidates.x[mine]])
        patch = np.isin(patches, touched[touched > 0])
        patch[candidates.y[mine], candidates.x[mine]] = True
        mask |= ndimage.distance_transform_edt(~patch) <= 2 * starlet.kernel_sigma(scale) + 1
    return mask
