"""Are sources wider than the PSF? Core radii of beta models, their likelihoods and intervals."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsurvey.detection.group_fit import Block, fit_group, make_blocks
from xsurvey.detection.scene import Scene, SceneSource

_START = 1.0  # half-energy radii
LARGEST_START = 8.0
_APPROXIMATE_FACTOR = 2.5
_PIXEL_BLUR = 0.6
_PAIR_CORE = 4.0  # half-energy radii
_PAIR_GAIN = 4.0  # of C: a pair has two parameters more (Akaike 1974)


def smallest_extent(source: SceneSource, fraction: float) -> float:
    """Return the core radius in arcsec below which a source counts as a point.

    Pixels blur, too. A PSF that is only approximate may be wrong by half its width: 2.5 times as
    much is asked.
    """
    blur = float(np.hypot(source.width, _PIXEL_BLUR * source.pixel_size))
    return fraction * blur * (_APPROXIMATE_FACTOR if source.approximate else 1.0)


def try_extent(
    scene: Scene, group: Sequence[SceneSource], which: int, threshold: float, smallest: float
) -> tuple[bool, SceneSource | None]:
    """Try a free core radius for one source of a group, and keep it if it is worth it.

    The surroundings of point and beta model alike may be brighter than the map by a factor: an
    excess that is flat over the window is no extent. Neither are two points: where the core is
    no wider than a pair that the PSF blends, the pair is tried as well.

    Parameters
    ----------
    scene : Scene
        To which the group is not added.
    group : sequence of SceneSource
        Changed in place where the extent, or the pair, is kept.
    which : int
        Index of the source in the group.
    threshold : float
        Smallest half gain in C.
    smallest : float
        Smallest core radius, in half-energy radii of an exact PSF.

    Returns
    -------
    wider : bool
        Whether the source has a core radius now. One below `smallest_extent` makes up for a PSF
        that is only approximate, whose wings would pass for sources otherwise; it is no extent.
    second : SceneSource or None
        The other point of a pair.
    """
    source = group[which]
    source.extent_tested = True
    trial = _copies(group)
    point = _copies(group)
    trial[which].core = min(max(_START * source.width, source.scale), LARGEST_START * source.width)
    point[which].core = 0.0
    blocks = make_blocks(scene, trial)
    extended_fit = fit_group(scene, trial, blocks, free_level=True)
    levels = {block.plane: block.level[0] for block in blocks}
    _reset(blocks)
    gain = -0.5 * extended_fit.statistic
    gain += 0.5 * fit_group(scene, point, blocks, free_level=True).statistic
    core = trial[which].core
    small = core < smallest_extent(source, smallest)
    blurred = small and source.approximate
    if gain < threshold or (small and not blurred) or not trial[which].converged:
        source.core, source.extent_likelihood = 0.0, max(gain, 0.0)
        return False, None
    if not blurred and core < _PAIR_CORE * source.width:
        pair, statistic = _fit_pair(scene, point, which, trial[which], blocks)
        if statistic < extended_fit.statistic - _PAIR_GAIN:
            _take(group, pair)
            source.core, source.extent_likelihood = 0.0, 0.0
            return False, pair[-1]
    _take(group, trial)
    source.core = core
    source.raised = np.array([levels.get(view.plane, 1.0) for view in source.views])
    source.extent_likelihood = gain
    return True, None


def _copies(group: Sequence[SceneSource]) -> list[SceneSource]:
    copies = [copy.copy(s) for s in group]
    for one in copies:
        one.raised = np.ones(len(one.views))
    return copies


def _take(group: Sequence[SceneSource], fitted: Sequence[SceneSource]) -> None:
    for one, other in zip(group, fitted, strict=False):
        one.offset, one.counts, one.core = other.offset, other.counts, other.core


def _fit_pair(
    scene: Scene, point: Sequence[SceneSource], which: int, wide: SceneSource,
    blocks: Sequence[Block],
) -> tuple[list[SceneSource], float]:  # fmt: skip
    """Fit two points in the place of one, in the pixels of the extended model.

    They start along four axes, a half-energy radius to both sides of the centre.

    Returns
    -------
    sources : list of SceneSource
        The group with the second point last.
    statistic : float
    """
    number = len(point)
    both = [
        replace(b, level=[1.0], members=[
            *b.members, *((number, v, patch) for k, v, patch in b.members if k == which)
        ])
        for b in blocks
    ]  # fmt: skip
    best: tuple[list[SceneSource], float] | None = None
    for angle in np.pi / 4 * np.arange(4):
        shift = wide.width * np.array([np.cos(angle), np.sin(angle)])
        sources = _copies(point)
        first, second = sources[which], copy.copy(sources[which])
        first.counts, second.counts = 0.5 * wide.counts, 0.5 * wide.counts
        first.offset, second.offset = wide.offset + shift, wide.offset - shift
        second.added = []
        sources.append(second)
        statistic = fit_group(scene, sources, both, free_level=True).statistic
        _reset(both)
        if best is None or statistic < best[1]:
            best = sources, statistic
    assert best is not None
    return best


def extent_interval(scene: Scene, source: SceneSource) -> tuple[float, float]:
    """Return the 68 % interval of a core radius by the profile likelihood, arcsec.

    Parameters
    ----------
    scene : Scene
        To which all other sources are added, and the source itself is not.
    source : SceneSource
        Extended, fitted.
    """
    blocks = make_blocks(scene, [source])
    trial = copy.copy(source)
    best = fit_group(scene, [trial], blocks)
    variance = best.covariance[2, 2]
    if not np.isfinite(variance) or variance <= 0:
        return np.nan, np.nan
    core = trial.core
    ends = []
    for sign in (-1.0, 1.0):
        step = float(np.clip(np.sqrt(variance), 0.01, 1.5))
        for _ in range(3):  # C rises about as the square: scale the step until it rises by one
            moved = copy.copy(trial)
            moved.core = core * float(np.exp(sign * step))
            rise = fit_group(scene, [moved], blocks, free_core=False).statistic - best.statistic
            step *= float(np.clip(1 / np.sqrt(max(rise, 1e-3)), 0.4, 2.5))
        ends.append(core * float(np.exp(sign * step)))
    return ends[0], ends[1]


def _reset(blocks: Sequence[Block]) -> None:
    for block in blocks:
        block.level[0] = 1.0
