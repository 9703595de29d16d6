"""Are sources wider than the PSF? Core radii of beta models, their likelihoods and intervals."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from xsurvey.detection.group_fit import Block, fit_group, make_blocks
from xsurvey.detection.scene import Scene, SceneSource

_START = 1.0  # half-energy radii
LARGEST_START = 8.0
_APPROXIMATE_FACTOR = 2.5
_PIXEL_BLUR = 0.6


def smallest_extent(source: SceneSource, fraction: float) -> float:
    """Return the core radius in arcsec below which a source counts as a point.

    Pixels blur, too. A PSF that is only approximate may be wrong by half its width: 2.5 times as
    much is asked.
    """
    blur = float(np.hypot(source.width, _PIXEL_BLUR * source.pixel_size))
    return fraction * blur * (_APPROXIMATE_FACTOR if source.approximate else 1.0)


def try_extent(
    scene: Scene, group: Sequence[SceneSource], which: int, threshold: float, smallest: float
) -> bool:
    """Try a free core radius for one source of a group, and keep it if it is worth it.

    The surroundings of point and beta model alike may be brighter than the map by a factor: an
    excess that is flat over the window is no extent.

    Parameters
    ----------
    scene : Scene
        To which the group is not added.
    group : sequence of SceneSource
        Changed in place where the extent is kept.
    which : int
        Index of the source in the group.
    threshold : float
        Smallest half gain in C.
    smallest : float
        Smallest core radius, in half-energy radii of an exact PSF.

    Returns
    -------
    bool
        Whether the source is extended.
    """
    source = group[which]
    source.extent_tested = True
    trial = [copy.copy(s) for s in group]
    point = [copy.copy(s) for s in group]
    trial[which].core = min(max(_START * source.width, source.scale), LARGEST_START * source.width)
    point[which].core = 0.0
    for one in (*trial, *point):
        one.raised = np.ones(len(one.views))
    blocks = make_blocks(scene, trial)
    extended_fit = fit_group(scene, trial, blocks, free_level=True)
    levels = {block.plane: block.level[0] for block in blocks}
    _reset(blocks)
    point_fit = fit_group(scene, point, blocks, free_level=True)
    gain = 0.5 * (point_fit.statistic - extended_fit.statistic)
    core = trial[which].core
    large_enough = core >= smallest_extent(source, smallest)
    if gain < threshold or not large_enough or not trial[which].converged:
        source.core, source.extent_likelihood = 0.0, max(gain, 0.0)
        return False
    for one, fitted in zip(group, trial, strict=True):
        one.offset, one.counts, one.core = fitted.offset, fitted.counts, fitted.core
    source.raised = np.array([levels.get(view.plane, 1.0) for view in source.views])
    source.extent_likelihood = gain
    return True


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
