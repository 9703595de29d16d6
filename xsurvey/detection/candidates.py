"""Candidate sources: significant maxima of wavelet planes, merged over the scales."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from xsurvey.detection.poisson_tail import filter_weights, log_tail
from xsurvey.imaging import starlet

_SCREEN = 2.5
_SAME_SOURCE = 1.5
_INFLUENCE = 4.0
_CLEAR_CORE = 0.2
_FEWEST_COUNTS = 3


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
    excess = np.where(exposed, counts - background, 0.0)
    parts = []
    for scale, plane in enumerate(starlet.each_plane(excess, scales.stop)):
        if scale not in scales:
            continue
        kernel = starlet.wavelet_kernel(scale)
        level = level_under(background, scale)
        noise = np.sqrt(level * np.sum(kernel**2))
        # twice as wide as needed to tell neighbours apart, three pixels at least
        size = max(3, 2 ** (scale + 1) - 1)
        peak = (plane == ndimage.maximum_filter(plane, size)) & (plane > _SCREEN * noise) & exposed
        # a pair of photons is no source, however empty the sky around it
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

    The most significant maximum stands for its neighbours within 1.5 widths; its core is the
    finest of them that is clear. Finer maxima away from that core which are significant over
    the light around them stay sources of their own, so that a coarse plane does not merge a
    close pair. The light around is the image smoothed at the next two coarser scales; what
    lies in the influence of a brighter source must be significant over it as well.

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
    distinct = _likelihood_over_surroundings(candidates, counts, background) >= threshold
    width = np.array([starlet.kernel_sigma(s) for s in candidates.scale])
    position = np.column_stack([candidates.x, candidates.y]).astype(float)
    tree = cKDTree(position)
    free = np.ones(len(candidates), dtype=bool)
    first, cores, reach = [], [], []
    for i in range(len(candidates)):
        if not free[i]:
            continue
        near = np.array(tree.query_ball_point(position[i], _SAME_SOURCE * width.max() + 2))
        near = np.sort(near[free[near]])
        near = near[_are_same(position, width, near, i)]
        core = _core(candidates, near, i)
        # the core itself always belongs; distinct finer maxima elsewhere do not
        apart = ~_are_same(position, width, near, core)
        own = near[~(apart & distinct[near] & (candidates.scale[near] < candidates.scale[i]))]
        free[own] = free[i] = False
        first.append(i)
        cores.append(core)
        reach.append(_INFLUENCE * width[own].max())
    shadowed = _in_influence(position[first], np.array(reach))
    kept = [k for k, i in enumerate(first) if distinct[i] or not shadowed[k]]
    core_of = np.array(cores)[kept]
    return replace(
        candidates.take(np.array(first)[kept]), core_x=candidates.x[core_of],
        core_y=candidates.y[core_of], core_scale=candidates.scale[core_of],
    )  # fmt: skip


def _are_same(
    position: np.ndarray, width: np.ndarray, others: np.ndarray, index: int
) -> np.ndarray:
    distance = np.hypot(*(position[others] - position[index]).T)
    return np.asarray(
        distance <= np.maximum(2.0, _SAME_SOURCE * np.maximum(width[others], width[index]))
    )


def _core(candidates: Candidates, near: np.ndarray, index: int) -> int:
    clear = near[candidates.likelihood[near] >= _CLEAR_CORE * candidates.likelihood[index]]
    finest = clear[candidates.scale[clear] == candidates.scale[clear].min()]
    return int(finest[np.argmax(candidates.likelihood[finest])])


def _in_influence(position: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Tell which candidates lie within the reach of one before them."""
    tree = cKDTree(position)
    shadowed = np.zeros(len(position), dtype=bool)
    for order, near in enumerate(tree.query_ball_point(position, reach.max())):
        before = np.array([n for n in near if n < order], dtype=int)
        distance = np.hypot(*(position[before] - position[order]).T)
        shadowed[order] = bool((distance <= reach[before]).any())
    return shadowed


def _likelihood_over_surroundings(
    candidates: Candidates, counts: np.ndarray, background: np.ndarray
) -> np.ndarray:
    likelihood = np.zeros(len(candidates))
    coarsest = int(candidates.scale.max())
    for scale, plane in enumerate(starlet.each_plane(counts - background, coarsest + 1)):
        mine = candidates.scale == scale
        if not mine.any():
            continue
        at = candidates.y[mine], candidates.x[mine]
        level = _surroundings(counts, background, scale)[at]
        weights = filter_weights(starlet.wavelet_kernel(scale))
        likelihood[mine] = -log_tail(plane[at], level, *weights)
    return likelihood


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
    for scale, plane in enumerate(starlet.each_plane(counts - background, scales.stop)):
        mine = candidates.scale == scale
        if scale not in scales or not mine.any():
            continue
        noise = np.sqrt(level_under(background, scale) * np.sum(starlet.wavelet_kernel(scale) ** 2))
        patches, _ = ndimage.label(plane > 3 * noise, np.ones((3, 3)))
        touched = np.unique(patches[candidates.y[mine], candidates.x[mine]])
        patch = np.isin(patches, touched[touched > 0])
        patch[candidates.y[mine], candidates.x[mine]] = True
        mask |= ndimage.distance_transform_edt(~patch) <= 2 * starlet.kernel_sigma(scale) + 1
    return mask
