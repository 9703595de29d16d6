"""Intervals and limits from samples of a posterior."""

from __future__ import annotations

import numpy as np


def equal_tailed(
    samples: np.ndarray, probability: float, weights: np.ndarray | None = None
) -> tuple[float, float]:
    """Return the interval with the same probability below it as above it.

    Parameters
    ----------
    samples : ndarray, shape (n,)
    probability : float
        Inside the interval, between 0 and 1.
    weights : ndarray, shape (n,), optional
        Of the samples; equal if not given.

    Raises
    ------
    ValueError
        No samples, a NaN among them, or an impossible probability.
    """
    tail = (1 - _checked(samples, probability)) / 2
    return quantile(samples, tail, weights), quantile(samples, 1 - tail, weights)


def highest_density(samples: np.ndarray, probability: float) -> tuple[float, float]:
    """Return the shortest interval that holds a fraction of the samples.

    The interval of highest density where the posterior has one peak.

    Parameters
    ----------
    samples : ndarray, shape (n,)
    probability : float
        Inside the interval, between 0 and 1.

    Raises
    ------
    ValueError
        As `equal_tailed`.
    """
    _checked(samples, probability)
    ordered = np.sort(samples)
    inside = min(int(np.ceil(probability * len(ordered))), len(ordered) - 1)
    widths = ordered[inside:] - ordered[: len(ordered) - inside]
    # of equally short ones the middle one: where the posterior is flat the first is as good as any
    shortest = np.flatnonzero(widths == widths.min())
    start = int(shortest[len(shortest) // 2])
    return float(ordered[start]), float(ordered[start + inside])


def upper_limit(
    samples: np.ndarray, probability: float, weights: np.ndarray | None = None
) -> float:
    """Return the value below which a parameter lies with a probability."""
    return quantile(samples, _checked(samples, probability), weights)


def lower_limit(
    samples: np.ndarray, probability: float, weights: np.ndarray | None = None
) -> float:
    """Return the value above which a parameter lies with a probability."""
    return quantile(samples, 1 - _checked(samples, probability), weights)


def quantile(samples: np.ndarray, probability: float, weights: np.ndarray | None = None) -> float:
    """Return the value below which a fraction of the samples, or of their weight, lies."""
    samples = np.asarray(samples, float)
    if weights is None:
        return float(np.quantile(samples, probability))
    order = np.argsort(samples)
    ordered = np.asarray(weights, float)[order]
    middle = np.cumsum(ordered) - 0.5 * ordered
    return float(np.interp(probability, middle / ordered.sum(), samples[order]))


def _checked(samples: np.ndarray, probability: float) -> float:
    if not 0 < probability < 1:
        raise ValueError(f"probability {probability} is not between 0 and 1")
    if np.ndim(samples) != 1 or len(samples) == 0 or np.isnan(samples).any():
        raise ValueError("samples must be a list of numbers, without NaN")
    return float(probability)
