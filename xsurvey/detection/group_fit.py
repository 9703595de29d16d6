r"""Joint Poisson fits of neighbouring sources on all images: Fisher scoring with damping.

With expected counts :math:`\mu = b + \sum_k n_k\,S_k(x_k)` the statistic is
:math:`C = 2 \sum (\mu - N \ln \mu)` (Cash 1979, ApJ 228, 939); its gradient and the Fisher matrix
:math:`\sum \mu^{-1} \partial_i\mu\,\partial_j\mu` are analytic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.detection.pixel_model import pixel_image
from xsurvey.detection.scene import Scene, SceneSource

_ITERATIONS = 60
_ENOUGH = 2e-4  # of C
_STEP = 0.7  # half-energy radii, in one step
_WANDER = 2.5  # half-energy radii, from the start
_LEAST_CORE, _LARGEST_CORE = 0.05, 30.0  # half-energy radii


@dataclass(frozen=True)
class Block:
    """Pixels of one plane around a group, and the patch of each of its sources in them."""

    plane: int
    band: int
    where: tuple[slice, slice]
    counts: np.ndarray
    fixed: np.ndarray
    exposure: np.ndarray
    level: list[float]
    """The factor of ``fixed``, where it is fitted: one number that fits change."""
    members: list[tuple[int, int, tuple[slice, slice]]]
    """Index of a source, of its view, and its patch in the plane."""


@dataclass(frozen=True)
class GroupFit:
    """C at the minimum, and the inverse of the Fisher matrix over the free parameters."""

    statistic: float
    converged: bool
    covariance: np.ndarray
    """(n parameters, n parameters): of each source east, north, ln core, then counts by band."""


def parameters_each(bands: int) -> int:
    """Return how many parameters each source has."""
    return 3 + bands


def make_blocks(scene: Scene, sources: Sequence[SceneSource]) -> list[Block]:
    """Cut the pixels around sources out of the planes; the sources must not be added to them."""
    members: dict[int, list[tuple[int, int, tuple[slice, slice]]]] = {}
    for k, source in enumerate(sources):
        for v, view in enumerate(source.views):
            where = scene.fit_patch(source, view, scene.shape(source, view))
            if where[0].stop > where[0].start and where[1].stop > where[1].start:
                members.setdefault(view.plane, []).append((k, v, where))
    blocks = []
    for index, inside in members.items():
        plane = scene.planes[index]
        rows, columns = (
            slice(min(w[a].start for _, _, w in inside), max(w[a].stop for _, _, w in inside))
            for a in (0, 1)
        )
        where = (rows, columns)
        raised = np.ones(tuple(s.stop - s.start for s in where))
        for k, v, patch in inside:
            here = _inside(patch, where)
            raised[here] = np.maximum(raised[here], sources[k].raised[v])
        fixed = plane.background[where] + np.maximum(plane.model[where], 0)
        exposure = plane.exposure[where]
        blocks.append(Block(
            index, plane.band, where, plane.counts[where],
            np.where(exposure > 0, fixed * raised, 1.0), exposure, [1.0], inside,
        ))  # fmt: skip
    return blocks


def _inside(patch: tuple[slice, slice], where: tuple[slice, slice]) -> tuple[slice, slice]:
    return (
        slice(patch[0].start - where[0].start, patch[0].stop - where[0].start),
        slice(patch[1].start - where[1].start, patch[1].stop - where[1].start),
    )


def statistic_and_slopes(
    scene: Scene, sources: Sequence[SceneSource], blocks: Sequence[Block]
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return C, the gradient of ln L and the Fisher matrix; source by source, then the levels.

    Returns
    -------
    statistic : float
    gradient : ndarray, shape (q,)
    fisher : ndarray, shape (q, q)
    """
    each = parameters_each(len(scene.bands))
    size = each * len(sources) + len(blocks)
    statistic, gradient, fisher = 0.0, np.zeros(size), np.zeros((size, size))
    for number, block in enumerate(blocks):
        mu, pieces = _model(scene, sources, block)
        inverse = 1 / mu
        residual = block.counts * inverse - 1
        statistic += 2 * float(np.sum(mu) - np.sum(block.counts * np.log(mu)))
        level = each * len(sources) + number
        gradient[level] = float(np.sum(block.fixed * residual))
        relative = block.fixed * inverse
        fisher[level, level] = float(np.sum(block.fixed * relative))
        for i, piece in enumerate(pieces):
            here = piece.here
            flat = piece.slopes.reshape(len(piece.index), -1)
            gradient[piece.index] += flat @ residual[here].ravel()
            fisher[piece.index, level] = flat @ relative[here].ravel()
            fisher[level, piece.index] = fisher[piece.index, level]
            own = (flat * inverse[here].ravel()) @ flat.T
            fisher[np.ix_(piece.index, piece.index)] += own
            for other in pieces[:i]:
                mixed = _overlap(piece, other, inverse)
                if mixed is not None:
                    fisher[np.ix_(piece.index, other.index)] += mixed
                    fisher[np.ix_(other.index, piece.index)] += mixed.T
    return statistic, gradient, fisher


@dataclass(frozen=True)
class _Piece:
    """How the parameters of a source move what a block expects, in the pixels of its patch."""

    here: tuple[slice, slice]
    index: np.ndarray
    slopes: np.ndarray
    """(parameters, h, w)"""


def _overlap(first: _Piece, second: _Piece, inverse: np.ndarray) -> np.ndarray | None:
    """Return the Fisher information between two sources, None where their patches do not meet."""
    low = [max(a.start, b.start) for a, b in zip(first.here, second.here, strict=True)]
    high = [min(a.stop, b.stop) for a, b in zip(first.here, second.here, strict=True)]
    if low[0] >= high[0] or low[1] >= high[1]:
        return None
    parts = []
    for piece in (first, second):
        rows, columns = (
            slice(lo - s.start, hi - s.start)
            for lo, hi, s in zip(low, high, piece.here, strict=True)
        )
        parts.append(piece.slopes[:, rows, columns].reshape(len(piece.index), -1))
    weight = inverse[low[0] : high[0], low[1] : high[1]].ravel()
    return np.asarray((parts[0] * weight) @ parts[1].T)


def _model(
    scene: Scene, sources: Sequence[SceneSource], block: Block
) -> tuple[np.ndarray, list[_Piece]]:
    """Return what a block expects, and how its sources move that."""
    each = parameters_each(len(scene.bands))
    mu = block.level[0] * block.fixed
    pieces = []
    for k, v, patch in block.members:
        source = sources[k]
        view = source.views[v]
        rows, columns = (np.arange(s.start, s.stop) for s in patch)
        x, y = view.at(source.offset)
        images = pixel_image(rows, columns, x, y, scene.shape(source, view))
        here = _inside(patch, block.where)
        images *= block.exposure[here] / source.seconds[block.band]
        number = source.counts[block.band]
        mu[here] += number * images[0]
        (xe, xn), (ye, yn) = view.jacobian
        slopes = [
            number * (xe * images[1] + ye * images[2]),
            number * (xn * images[1] + yn * images[2]), images[0],
        ]  # fmt: skip
        index = [k * each, k * each + 1, k * each + 3 + block.band]
        if source.core > 0:
            slopes.append(number * images[3])
            index.append(k * each + 2)
        pieces.append(_Piece(here, np.array(index), np.stack(slopes)))
    return np.maximum(mu, 1e-12), pieces


def _read(sources: Sequence[SceneSource], blocks: Sequence[Block]) -> np.ndarray:
    own = [[*s.offset, np.log(s.core) if s.core > 0 else 0.0, *s.counts] for s in sources]
    return np.concatenate([*own, [block.level[0] for block in blocks]])


def _write(
    values: np.ndarray, sources: Sequence[SceneSource], blocks: Sequence[Block], bands: int
) -> None:
    table = values[: len(values) - len(blocks)].reshape(-1, parameters_each(bands))
    for source, row in zip(sources, table, strict=True):
        source.offset = row[:2].copy()
        if source.core > 0:
            source.core = float(np.exp(row[2]))
        source.counts = row[3:].copy()
    for block, level in zip(blocks, values[len(values) - len(blocks) :], strict=True):
        block.level[0] = float(level)


def fit_group(
    scene: Scene, sources: Sequence[SceneSource], blocks: Sequence[Block] | None = None, *,
    free_core: bool = True, free_place: bool = True, free_level: bool = False,
) -> GroupFit:  # fmt: skip
    """Fit sources jointly, from where they stand; they are changed in place.

    Parameters
    ----------
    scene : Scene
        To which the sources are not added.
    sources : sequence of SceneSource
        Those whose ``core`` is positive have a free core radius.
    blocks : sequence of Block, optional
        The pixels to fit, where it is not for the sources to choose them.
    free_core, free_place : bool
        Whether core radii, and places, may move.
    free_level : bool
        Whether the surroundings of each block may be brighter, by one factor.

    Notes
    -----
    A source that leaves its start by more than 2.5 half-energy radii (or its own size) has run
    away to another: it keeps its start, and is marked as not converged.
    """
    bands = len(scene.bands)
    blocks = make_blocks(scene, sources) if blocks is None else blocks
    values = _read(sources, blocks)
    held = _held(sources, blocks, bands, free_core, free_place, free_level)
    lowest = np.full(held.shape, -np.inf)
    own = lowest[: len(held) - len(blocks)].reshape(-1, parameters_each(bands))
    own[:, 3:] = 0.0
    lowest[len(held) - len(blocks) :] = 1.0
    start = [s.offset.copy() for s in sources]
    statistic, gradient, fisher = statistic_and_slopes(scene, sources, blocks)
    damping, converged = 1e-3, False
    for _ in range(_ITERATIONS):
        free = ~held & (np.diag(fisher) > 0) & ((values > lowest) | (gradient > 0))
        index = np.flatnonzero(free)
        if not index.size:
            converged = True
            break
        matrix = fisher[np.ix_(index, index)]
        matrix = matrix + np.diag(damping * np.diag(matrix))
        step = np.zeros(len(values))
        step[index] = _solve(matrix, gradient[index])
        new = np.maximum(_bounded(values, step, sources, bands), lowest)
        _write(new, sources, blocks, bands)
        trial, new_gradient, new_fisher = statistic_and_slopes(scene, sources, blocks)
        gain = statistic - trial
        if gain >= -1e-9:
            values, statistic, gradient, fisher = new, trial, new_gradient, new_fisher
            damping = max(damping / 5, 1e-7)
            if gain < _ENOUGH:
                converged = True
                break
        else:
            _write(values, sources, blocks, bands)
            damping *= 8
            if damping > 1e8:
                break
    for source, first in zip(sources, start, strict=True):
        source.converged = converged
        moved = float(np.hypot(*(source.offset - first)))
        if moved > _WANDER * max(source.width, source.core, source.scale):
            source.offset, source.converged = first, False
    return GroupFit(statistic, converged, _covariance(fisher, held))


def _held(
    sources: Sequence[SceneSource], blocks: Sequence[Block], bands: int, free_core: bool,
    free_place: bool, free_level: bool,
) -> np.ndarray:  # fmt: skip
    held = np.zeros((len(sources), parameters_each(bands)), dtype=bool)
    held[:, :2] = not free_place
    held[:, 2] = [s.core <= 0 or not free_core for s in sources]
    held[:, 3:] = np.array([s.seconds <= 0 for s in sources])
    return np.concatenate([held.ravel(), np.full(len(blocks), not free_level)])


def _solve(matrix: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    scaled = matrix * np.outer(scale, scale)
    scaled[np.diag_indices_from(scaled)] += 1e-10
    return np.asarray(scale * np.linalg.solve(scaled, scale * gradient))


def _bounded(
    values: np.ndarray, step: np.ndarray, sources: Sequence[SceneSource], bands: int
) -> np.ndarray:
    """Take a step, at most so far in place and core radius."""
    new = values + step
    size = parameters_each(bands) * len(sources)
    moves = step[:size].reshape(len(sources), -1)
    table = new[:size].reshape(len(sources), -1)
    width = np.array([s.width for s in sources])
    reach = _STEP * np.maximum(width, [s.core for s in sources])
    length = np.hypot(moves[:, 0], moves[:, 1])
    shorter = np.minimum(1, reach / np.maximum(length, 1e-300))[:, None]
    table[:, :2] -= (1 - shorter) * moves[:, :2]
    core = table[:, 2] - moves[:, 2] + np.clip(moves[:, 2], -0.7, 0.7)
    core = np.clip(core, np.log(_LEAST_CORE * width), np.log(_LARGEST_CORE * width))
    table[:, 2] = np.where([s.core > 0 for s in sources], core, 0.0)
    return new


def _covariance(fisher: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return the inverse of the Fisher matrix of what is free and has information."""
    index = np.flatnonzero(~held & (np.diag(fisher) > 0))
    covariance = np.zeros(fisher.shape)
    if index.size:
        matrix = fisher[np.ix_(index, index)]
        scale = 1 / np.sqrt(np.diag(matrix))
        inverse = np.linalg.pinv(matrix * np.outer(scale, scale), rcond=1e-9, hermitian=True)
        covariance[np.ix_(index, index)] = inverse * np.outer(scale, scale)
    return covariance


def fisher_inverse(scene: Scene, source: SceneSource) -> np.ndarray:
    """Return the covariance of a fitted source's parameters, east, north, ln core, counts.

    Zero where a parameter has no information.
    """
    blocks = make_blocks(scene, [source])
    _, _, fisher = statistic_and_slopes(scene, [source], blocks)
    held = np.zeros(len(fisher), dtype=bool)
    held[len(held) - len(blocks) :] = True
    return _covariance(fisher, held)[: parameters_each(len(scene.bands))][
        :, : parameters_each(len(scene.bands))
    ]


def counts_errors(scene: Scene, source: SceneSource) -> np.ndarray:
    """Return one-sigma errors of a fitted source's counts, shape (b,).

    Of a rate at zero the place has no information; its error is that of the background.
    """
    return np.asarray(np.sqrt(np.diag(fisher_inverse(scene, source))[3:]))
