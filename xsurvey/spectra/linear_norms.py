"""Norms that fit best where everything else is given: models are linear in them."""

from __future__ import annotations

import numpy as np

_ITERATIONS = 40


def likely_norms(
    counts: np.ndarray, known: np.ndarray, templates: np.ndarray, start: np.ndarray,
    iterations: int = _ITERATIONS,
) -> np.ndarray:  # fmt: skip
    r"""Return norms that make Poisson counts likely, by expectation maximisation.

    With expected counts :math:`m_i = k_i + \sum_j n_j t_{ij}` each iteration is
    :math:`n_j \leftarrow n_j \sum_i (t_{ij} D_i / m_i) / \sum_i t_{ij}`, which never makes the
    counts less likely and keeps norms positive (Shepp & Vardi 1982, IEEE Trans. Med. Imaging 1,
    113). It nears the maximum quickly and reaches it slowly: good enough to compare starts.

    Parameters
    ----------
    counts : ndarray, shape (m,)
    known : ndarray, shape (b, m)
        Counts that are expected anyway, not negative.
    templates : ndarray, shape (b, j, m)
        Expected counts of each component for a norm of one, not negative.
    start : ndarray, shape (b, j)
        Positive.
    iterations : int

    Returns
    -------
    ndarray, shape (b, j)
        As in ``start`` for components that give no counts.
    """
    norms = np.array(start, float)
    sums = templates.sum(axis=2)
    useful = sums > 0
    for _ in range(iterations):
        model = known + np.einsum("bj,bjm->bm", norms, templates)
        ratio = np.divide(counts, model, out=np.zeros_like(model), where=model > 0)
        gain = np.einsum("bjm,bm->bj", templates, ratio)
        norms *= np.divide(gain, sums, out=np.ones_like(norms), where=useful)
    return norms
