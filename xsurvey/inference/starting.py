"""Where walkers start, and what is done with those that are lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from xsurvey.errors import ParameterError

Target = Callable[[np.ndarray], np.ndarray]
"""Ln of a posterior, (b, k) to (b,)."""

DISPERSION = 2.0
"""Sigmas by which the centres of ensembles scatter about the start."""

_ROUNDS = 60
_SAME_CENTRES = 5  # rounds
_SMALLEST_SHRINK = 1e-4
_LOST = 1e-9


def start_walkers(
    target: Target, start: np.ndarray, scale: np.ndarray, ensembles: int, walkers: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return over-dispersed starting positions at which the posterior is not zero.

    The centre of each ensemble is drawn about ``start`` with twice the scale, its walkers about
    the centre with the scale itself: ensembles that end up in the same place have found it, each
    on its own. Where the posterior is zero, positions are drawn again, and nearer and nearer to
    ``start``.

    Parameters
    ----------
    target : callable
        Ln of the posterior, (b, k) to (b,).
    start : ndarray, shape (k,)
    scale : ndarray, shape (k,) or (k, k)
        Standard deviations, or the covariance.
    ensembles, walkers : int
    generator : Generator

    Returns
    -------
    positions : ndarray, shape (ensembles * walkers, k)
    log_probability : ndarray, shape (ensembles * walkers,)

    Raises
    ------
    ParameterError
        The posterior is zero at ``start``, or all around it; a scale is not positive.
    """
    start = np.asarray(start, float)
    root = _root(np.asarray(scale, float), len(start))
    if not np.all(np.isfinite(start)) or not np.isfinite(target(start[None])[0]):
        raise ParameterError(
            "start", "the posterior is zero there", "start inside the bounds of all priors"
        )
    k, total = len(start), ensembles * walkers
    centre = _centres(ensembles, walkers, k, generator)
    positions, log_probability = np.empty((total, k)), np.full(total, -np.inf)
    offset = np.empty((total, k))
    for attempt in range(_ROUNDS):
        missing = np.flatnonzero(~np.isfinite(log_probability))
        if not len(missing):
            return positions, log_probability
        shrink = max(_SMALLEST_SHRINK, 0.8 ** max(0, attempt - _SAME_CENTRES))
        if attempt > _SAME_CENTRES:
            centre = _centres(ensembles, walkers, k, generator)
        offset[missing] = centre[missing] + generator.standard_normal((len(missing), k))
        found = np.flatnonzero(np.isfinite(log_probability))
        if attempt > _SAME_CENTRES and len(found):
            side = np.sign(offset[generator.choice(found, len(missing))])
            offset[missing] = side * np.abs(offset[missing])
        positions[missing] = start + shrink * offset[missing] @ root.T
        log_probability[missing] = target(positions[missing])
    if np.isfinite(log_probability).all():
        return positions, log_probability
    raise ParameterError(
        "start", "the posterior is zero all around it", "check bounds and scale of the start"
    )


def relocate_lost(
    target: Target, positions: np.ndarray, log_probability: np.ndarray, recent: np.ndarray,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, int]:  # fmt: skip
    """Put walkers that are lost in improbable places back among their ensemble.

    A walker is lost when the best of its recent ln P is below the best of its ensemble by more
    than half of the chi2 that k degrees of freedom exceed with a probability of 1e-9: nothing
    that a posterior would visit, yet stretch moves seldom lead out of such a place (Hou et al.
    2012). It is put on the line from one that is not lost to any other. This breaks detailed
    balance and is for the burn-in only.

    Parameters
    ----------
    target : callable
    positions, log_probability : ndarray, shape (ensemble, walker, k), (ensemble, walker)
    recent : ndarray, shape (step, ensemble, walker)
        Ln P of the steps to judge by.
    generator : Generator

    Returns
    -------
    positions, log_probability : ndarray
        As given, with the lost replaced.
    lost : int
        Their number.
    """
    positions, log_probability = positions.copy(), log_probability.copy()
    k = positions.shape[-1]
    best = recent.max(axis=0)
    limit = best.max(axis=1) - 0.5 * float(stats.chi2.isf(_LOST, k))
    moved = 0
    for e, threshold in enumerate(limit):
        healthy = np.flatnonzero(best[e] >= threshold)
        lost = np.flatnonzero(best[e] < threshold)
        for attempt in range(_ROUNDS):
            if not len(lost):
                break
            near = positions[e, generator.choice(healthy, len(lost))]
            far = positions[e, generator.integers(positions.shape[1], size=len(lost))]
            fraction = 0.8**attempt * generator.random((len(lost), 1))
            proposed = near + fraction * (far - near)
            new = target(proposed)
            good = new >= threshold
            positions[e, lost[good]], log_probability[e, lost[good]] = proposed[good], new[good]
            moved += int(good.sum())
            lost = lost[~good]
    return positions, log_probability, moved


def _centres(
    ensembles: int, walkers: int, k: int, generator: np.random.Generator
) -> np.ndarray:  # fmt: skip
    """Return the centre of its ensemble for each walker, shape (ensembles * walkers, k)."""
    return np.repeat(DISPERSION * generator.standard_normal((ensembles, k)), walkers, axis=0)


def _root(scale: np.ndarray, k: int) -> np.ndarray:
    """Return a square root of the covariance, shape (k, k)."""
    if scale.shape == (k,):
        sigma, correlation = scale, np.eye(k)
    elif scale.shape == (k, k):
        sigma = np.sqrt(np.clip(np.diag(scale), 0, None))
        with np.errstate(all="ignore"):
            correlation = scale / np.outer(sigma, sigma)
    else:
        raise ValueError(f"scale of shape {scale.shape} does not belong to {k} parameters")
    if not (np.all(np.isfinite(correlation)) and np.all(np.isfinite(sigma)) and np.all(sigma > 0)):
        raise ParameterError(
            "scale", "is not positive and finite for every parameter", "give a width to each"
        )
    values, vectors = np.linalg.eigh(correlation)
    # walkers must not lie in a plane, which no move would leave
    return sigma[:, None] * vectors * np.sqrt(np.clip(values, 1e-8, None))
