r"""Posteriors of intensities that share counts: sources in each other's apertures.

Counts are Poisson, :math:`n_i \sim P(\sum_j M_{ij} s_j + k_i)`, with a matrix of what each
component of intensity :math:`s_j` puts into each region, and flat priors on the intensities. Which
component a count comes from is drawn (multinomial), then the intensities, which given the
split are gamma distributed (Gibbs sampling; van Dyk et al. 2001, ApJ 548, 224, for the split).
The marginal densities are means of those gamma densities and not histograms of draws
(Rao-Blackwell; Gelfand & Smith 1990, J. Am. Stat. Assoc. 85, 398).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from scipy import special

from xsurvey.inference.poisson_rate import SOURCE_POINTS, CountsPosterior

SAMPLES = 8000
_BATCH = 256  # groups whose draws are kept at a time
_BURN_IN = 300
_CLIMB = 200  # steps of expectation maximisation before
_TAIL = 1e-7
_DISTINCT = 200  # gamma densities in a mean, at most about


def mixture_posterior(
    counts: np.ndarray, matrix: np.ndarray, wanted: int, seed: int,
    known: np.ndarray | None = None, samples: int = SAMPLES,
) -> tuple[CountsPosterior, ...]:  # fmt: skip
    """Return the posteriors of the first components of each group, the others marginalised.

    Parameters
    ----------
    counts : ndarray, shape (g, i)
        Counts in each region of each group; not whole ones are rounded. Where a row of the
        matrix is zero nothing can be said of the counts, and they are left out.
    matrix : ndarray, shape (g, i, j)
        Expected counts in a region for an intensity of 1, not negative.
    wanted : int
        How many components, from the first, to return.
    seed : int
    known : ndarray, shape (g, i), optional
        Expected counts of what is not free.
    samples : int
        Draws of each group, after those that are thrown away.

    Returns
    -------
    tuple of CountsPosterior, length ``wanted``
        Each of g rows. NaN where a component has no part in any region.

    Notes
    -----
    Zero rows and columns may fill groups up to the same size.
    """
    matrix = np.asarray(matrix, float)
    fixed = np.zeros(matrix.shape[:2]) if known is None else np.asarray(known, float)
    reached = (matrix.sum(axis=2) + fixed) > 0
    whole = np.where(reached, np.rint(np.asarray(counts, float)), 0).astype(np.int64)
    rate = matrix.sum(axis=1)
    generator = np.random.default_rng(seed)
    parts: list[tuple[CountsPosterior, ...]] = []
    for first in range(0, max(len(whole), 1), _BATCH):
        some = slice(first, first + _BATCH)
        drawn = _gibbs(
            whole[some], matrix[some], fixed[some], rate[some], wanted, samples, generator
        )
        parts.append(tuple(_marginal(drawn[:, :, j], rate[some, j]) for j in range(wanted)))
    return tuple(_joined(of_one) for of_one in zip(*parts, strict=True))


def _joined(parts: Sequence[CountsPosterior]) -> CountsPosterior:
    return CountsPosterior(
        *(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(CountsPosterior))
    )


def _gibbs(
    counts: np.ndarray, matrix: np.ndarray, known: np.ndarray, rate: np.ndarray, wanted: int,
    samples: int, generator: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Draw how many counts each component has, shape (samples, g, wanted)."""
    intensity = _most_likely(counts, matrix, known, rate)
    safe = np.where(rate > 0, rate, np.inf)
    drawn = np.empty((samples, len(counts), wanted), dtype=np.int64)
    share = np.empty((*matrix.shape[:2], matrix.shape[2] + 1))
    for step in range(-_BURN_IN, samples):
        share[:, :, :-1] = matrix * intensity[:, None, :]
        share[:, :, -1] = known
        total = share.sum(axis=2, keepdims=True)
        # a region that nothing reaches has no counts to share
        share[:, :, -1:][total <= 0] = 1.0
        share /= np.where(total > 0, total, 1.0)
        own = generator.multinomial(counts, share).sum(axis=1)[:, :-1]
        intensity = generator.standard_gamma(own + 1.0) / safe
        if step >= 0:
            drawn[step] = own[:, :wanted]
    return drawn


def _most_likely(
    counts: np.ndarray, matrix: np.ndarray, known: np.ndarray, rate: np.ndarray
) -> np.ndarray:
    """Climb towards the maximum by expectation maximisation, from equal shares."""
    components = np.maximum((rate > 0).sum(axis=1, keepdims=True), 1)
    safe = np.where(rate > 0, rate, np.inf)
    intensity = (counts.sum(axis=1, keepdims=True) + 1) / components / safe
    for _ in range(_CLIMB):
        expected = np.einsum("gij,gj->gi", matrix, intensity) + known
        ratio = np.divide(counts, expected, out=np.zeros_like(expected), where=expected > 0)
        intensity = intensity * np.einsum("gij,gi->gj", matrix, ratio) / safe
    return np.asarray(intensity)


def _marginal(own: np.ndarray, rate: np.ndarray) -> CountsPosterior:
    """Return means of gamma densities on grids, for drawn counts (samples, g)."""
    rows = [_mean_of_gammas(n, r) for n, r in zip(own.T, rate, strict=True)]
    if not rows:
        empty = np.empty((0, SOURCE_POINTS))
        return CountsPosterior(empty, empty, empty)
    return CountsPosterior(*(np.stack(part) for part in zip(*rows, strict=True)))


def _mean_of_gammas(own: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if rate <= 0:
        nothing = np.full(SOURCE_POINTS, np.nan)
        return nothing, nothing, nothing
    least, most = int(own.min()), int(own.max())
    # of many counts neighbouring shapes are the same within a fraction of their width
    step = max(1, min((most - least) // _DISTINCT, int(0.1 * np.sqrt(least + 1))))
    shape, number = np.unique((own - least) // step, return_counts=True)
    shape = least + shape * step + (step - 1) / 2 + 1
    low = special.gammaincinv(shape[0], _TAIL) if least > 0 else 0.0
    grid = np.linspace(low, special.gammainccinv(shape[-1], _TAIL), SOURCE_POINTS)
    logarithm = special.xlogy(shape - 1, grid[:, None]) - grid[:, None] - special.gammaln(shape)
    density = np.exp(logarithm) @ number / number.sum()
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(grid)
    cumulative = np.concatenate([[0.0], np.cumsum(steps)])
    return grid / rate, density / cumulative[-1] * rate, cumulative / cumulative[-1]
