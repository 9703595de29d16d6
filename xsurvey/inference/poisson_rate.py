r"""Posterior of a source's counts over a measured background (Primini & Kashyap 2014, ApJ 796, 24).

Counts in the source region and in the background region are Poisson with means
:math:`f s + \theta a` and :math:`g s + \theta A`: the source's counts :math:`s` times the
PSF fractions, and the background's density times the areas. Flat priors on s and theta;
theta is integrated out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

SOURCE_POINTS = 401
_BACKGROUND_POINTS = 48
_BATCH = 256
_NEGLIGIBLE = 30.0  # in ln L below the maximum
CONFIDENCE = 0.6827
LIMIT_CONFIDENCE = 0.95


@dataclass(frozen=True)
class CountsPosterior:
    """Posterior of the source counts on a grid; arrays of shape (n, points).

    Rows of NaN are of sources of which nothing is known; what is asked of them is NaN.

    Attributes
    ----------
    counts : ndarray
        Grid of source counts, corrected for the PSF fraction.
    density : ndarray
        Normalised posterior density.
    cumulative : ndarray
        Its integral from zero.
    """

    counts: np.ndarray
    density: np.ndarray
    cumulative: np.ndarray

    def mode(self) -> np.ndarray:
        """Return the most probable counts, shape (n,)."""
        return _peak(self.counts, self.density)

    def quantile(self, probability: float) -> np.ndarray:
        """Return a quantile of each posterior, shape (n,)."""
        return np.array([
            np.interp(probability, c, x) for c, x in zip(self.cumulative, self.counts, strict=True)
        ])  # fmt: skip

    def shortest_interval(self, probability: float = CONFIDENCE) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the shortest interval of a probability, shape (n,) each."""
        low, high = np.empty(len(self.counts)), np.empty(len(self.counts))
        for i, (x, cumulative) in enumerate(zip(self.counts, self.cumulative, strict=True)):
            if not np.isfinite(cumulative[-1]):
                low[i] = high[i] = np.nan
                continue
            start = x[cumulative <= 1 - probability]
            begin = cumulative[: len(start)]
            end = np.interp(begin + probability, cumulative, x)
            best = int(np.argmin(end - start))
            low[i], high[i] = start[best], end[best]
        return low, high


def counts_posterior(
    source_counts: np.ndarray, background_counts: np.ndarray, source_area: np.ndarray,
    background_area: np.ndarray, source_fraction: np.ndarray, background_fraction: np.ndarray,
    known: np.ndarray | float = 0.0, background_known: np.ndarray | float = 0.0,
) -> CountsPosterior:  # fmt: skip
    """Return the posterior of the source counts, background marginalised.

    Parameters
    ----------
    source_counts, background_counts : ndarray, shape (n,) or (n, k)
        Counts in the aperture and in the background region; of k observations, whose
        likelihoods are multiplied: they share the source's counts, and have a background each.
    source_area, background_area : ndarray, shape (n,) or (n, k)
        Exposure-weighted areas in the same unit; the background's must be positive.
    source_fraction, background_fraction : ndarray, shape (n,) or (n, k)
        PSF fractions in the two regions; of several observations times the part of the counts
        that is theirs, 0 for one that has no part in it.
    known, background_known : ndarray, shape (n,) or (n, k)
        Expected counts of other things in the two regions.

    Returns
    -------
    CountsPosterior
    """
    arguments = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (
            source_counts, background_counts, source_area, background_area, source_fraction,
            background_fraction, known, background_known,
        ))
    )  # fmt: skip
    columns = [v[:, None] if v.ndim == 1 else v for v in arguments]
    parts = [
        _posterior(*(v[i : i + _BATCH] for v in columns)) for i in range(0, len(columns[0]), _BATCH)
    ]
    if not parts:
        empty = np.empty((0, SOURCE_POINTS))
        return CountsPosterior(empty, empty, empty)
    return CountsPosterior(*(np.concatenate(p) for p in zip(*parts, strict=True)))


def _posterior(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return grid, density and cumulative density of arrays (n, k)."""
    s = _range(*columns)
    total = _log_likelihood(s, *columns)
    if columns[0].shape[1] > 1:
        # a range by eye of all observations together: cut to where there is something
        likely = total > total.max(axis=1, keepdims=True) - _NEGLIGIBLE
        rows, last = np.arange(len(s)), s.shape[1] - 1
        first = np.maximum(np.argmax(likely, axis=1) - 1, 0)
        end = np.minimum(last - np.argmax(likely[:, ::-1], axis=1) + 1, last)
        s = _grid(s[rows, first], s[rows, end])
        total = _log_likelihood(s, *columns)
    density = np.exp(total - total.max(axis=1, keepdims=True))
    step = np.diff(s, axis=1)
    cumulative = np.zeros_like(density)
    cumulative[:, 1:] = np.cumsum(0.5 * (density[:, 1:] + density[:, :-1]) * step, axis=1)
    norm = cumulative[:, -1:]
    return s, density / norm, cumulative / norm


def _grid(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.asarray(low[:, None] + (high - low)[:, None] * np.linspace(0, 1, SOURCE_POINTS))


def _range(
    c: np.ndarray, b: np.ndarray, a: np.ndarray, big_a: np.ndarray, f: np.ndarray, g: np.ndarray,
    k: np.ndarray, big_k: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return eight sigma about the estimate, never below zero, shape (n, points)."""
    seen = f > 0
    light = np.where(seen, f, 0).sum(axis=1)
    theta = (np.maximum(b - big_k, 0) + 1) / big_a
    net = np.where(seen, c - theta * a - k, 0).sum(axis=1)
    variance = np.where(seen, c + (b + 1) * (a / big_a) ** 2, 0).sum(axis=1) + 1
    light = np.where(light > 0, light, np.nan)
    centre, error = np.maximum(net, 0) / light, np.sqrt(variance) / light
    return _grid(np.maximum(centre - 8 * error, 0), centre + 8 * error + 5 / light)


def _log_likelihood(s: np.ndarray, *columns: np.ndarray) -> np.ndarray:
    """Return the logarithm of the likelihood of source counts, up to a constant, like ``s``."""
    total = np.zeros_like(s)
    for one in zip(*(v.T for v in columns), strict=True):
        total += _one_observation(s, *one)
    return total


def _one_observation(
    s: np.ndarray, c: np.ndarray, b: np.ndarray, a: np.ndarray, big_a: np.ndarray, f: np.ndarray,
    g: np.ndarray, k: np.ndarray, big_k: np.ndarray,
) -> np.ndarray:  # fmt: skip
    low, high = s[:, 0], s[:, -1]
    # nodes of the background density, about what its region holds besides the source
    nodes, weights = special.roots_legendre(_BACKGROUND_POINTS)
    spread = 7 * np.sqrt(b + 1)
    t_low = np.maximum(b - big_k - g * high - spread, 0) / big_a
    t_high = (np.maximum(b - big_k - g * low, 0) + spread + 4) / big_a
    t = t_low[:, None] + (t_high - t_low)[:, None] * (nodes + 1) / 2
    in_aperture = f[:, None, None] * s[:, :, None] + (t * a[:, None] + k[:, None])[:, None, :]
    outside = g[:, None, None] * s[:, :, None] + (t * big_a[:, None] + big_k[:, None])[:, None, :]
    log_likelihood = (
        special.xlogy(c[:, None, None], in_aperture) - in_aperture
        + special.xlogy(b[:, None, None], outside) - outside
    )  # fmt: skip
    peak = log_likelihood.max(axis=(1, 2), keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)  # not even possible
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(log_likelihood - peak) @ weights))


def _peak(x: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Return the maximum of sampled curves, refined by a parabola through three points."""
    at = np.argmax(density, axis=1)
    rows = np.arange(len(x))
    inner = np.clip(at, 1, x.shape[1] - 2)
    left, middle, right = (density[rows, inner + d] for d in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = np.where(curvature < 0, 0.5 * (left - right) / np.where(curvature < 0, curvature, 1), 0)
    step = x[:, 1] - x[:, 0]
    refined = x[rows, inner] + np.clip(shift, -1, 1) * step
    return np.where(at == 0, x[:, 0], refined)
