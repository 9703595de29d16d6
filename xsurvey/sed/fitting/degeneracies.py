"""Which parameters of a posterior depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_PAIRS = 10
"""Pairs that are listed at most."""
_LEAST = 0.5
"""Size of the correlation from which on a pair is listed."""


def correlation_matrix(samples: np.ndarray) -> np.ndarray:
    """Return the linear correlation coefficients of samples (n, k), shape (k, k).

    Of a parameter without any spread they are NaN, that with itself included.
    """
    centred = samples - samples.mean(axis=0)
    sigma = np.sqrt((centred**2).mean(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(sigma > 0, centred / sigma, np.nan)
    return np.clip(scaled.T @ scaled / len(samples), -1.0, 1.0)


def degeneracies(names: Sequence[str], samples: np.ndarray) -> dict[str, Any]:
    """Return what JSON tells of the dependence of parameters on each other.

    Parameters
    ----------
    names : sequence of str
        Of the k parameters.
    samples : ndarray, shape (n, k)

    Returns
    -------
    dict
        ``names``; ``correlation``, their matrix; ``pairs`` with ``first``, ``second`` and
        ``correlation``, the strongest first: those of 0.5 and more, ten at most.
    """
    matrix = correlation_matrix(samples)
    first, second = np.triu_indices(len(names), 1)
    size = np.abs(matrix[first, second])
    order = [i for i in np.argsort(-size, kind="stable") if size[i] >= _LEAST][:_PAIRS]
    return {
        "names": list(names), "correlation": matrix.tolist(),
        "pairs": [
            {
                "first": names[first[i]], "second": names[second[i]],
                "correlation": float(matrix[first[i], second[i]]),
            }
            for i in order
        ],
    }  # fmt: skip
