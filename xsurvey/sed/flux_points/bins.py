r"""Which channels make a point: joined to a significance, or in equal steps of ln E.

Bins are chosen by what the fitted model expects, never by the counts themselves. A bin that ends
where its counts reach a number ends early where they are many: with N counts such points are too
high by a part 1/(N - 1) in the mean.
"""

from __future__ import annotations

import numpy as np


def join_to_significance(
    source: np.ndarray, noise: np.ndarray, low: np.ndarray, high: np.ndarray,
    resolution: np.ndarray, runs: np.ndarray, significance: float,
) -> np.ndarray:  # fmt: skip
    r"""Join groups of channels until a model expects a signal to noise of them.

    That is :math:`M / \sqrt{M + V}` of the joined group. A bin is not narrower than the
    resolution, below which points would show the model and not the data. Groups that are left
    over at the end of a run join the last bin if it still reaches the significance, and are a bin
    of their own if not.

    Parameters
    ----------
    source : ndarray, shape (m,)
        M, counts that the model of the source expects in each group, in the order of channels.
    noise : ndarray, shape (m,)
        V, the variance of what the background adds.
    low, high : ndarray, shape (m,)
        Energies of the groups, keV.
    resolution : ndarray, shape (m,)
        Full width at half maximum there, keV.
    runs : ndarray of int, shape (m,)
        Number of the run of channels without gaps that a group is in; no bin reaches over a gap.
    significance : float

    Returns
    -------
    ndarray of int, shape (m,)
        Number of the bin of each group, from 0 on.
    """
    labels = np.empty(len(source), np.int64)
    bins = 0
    for run in np.unique(runs):
        own = np.flatnonzero(runs == run)
        starts = _starts(source[own], noise[own], low[own], high[own], resolution[own],
                         significance)  # fmt: skip
        labels[own] = bins + np.searchsorted(starts, np.arange(len(own)), side="right") - 1
        bins += len(starts)
    return labels


def _starts(
    source: np.ndarray, noise: np.ndarray, low: np.ndarray, high: np.ndarray,
    resolution: np.ndarray, significance: float,
) -> list[int]:  # fmt: skip
    """Return where bins of one run begin."""

    def complete(begin: int, end: int) -> bool:
        part = slice(begin, end)
        signal = float(source[part].sum())
        wide = high[part].max() - low[part].min() >= resolution[part].mean() * (1 - 1e-9)
        return bool(wide and signal > 0 and signal**2
                    >= significance**2 * (signal + float(noise[part].sum())))  # fmt: skip

    starts = [0]
    for end in range(1, len(source)):
        if complete(starts[-1], end):
            starts.append(end)
    last = len(source)
    if len(starts) > 1 and not complete(starts[-1], last) and complete(starts[-2], last):
        starts.pop()
    return starts


def equal_steps(low: np.ndarray, high: np.ndarray, number: int) -> np.ndarray:
    """Put groups of channels into bins of equal steps of ln E over the energies of all.

    Parameters
    ----------
    low, high : ndarray, shape (m,)
        Energies of the groups, keV; positive. A group belongs where its geometric centre is.
    number : int
        Of bins; those without a group are left out.

    Returns
    -------
    ndarray of int, shape (m,)
        Number of the bin of each group, from 0 on without gaps.
    """
    edges = np.linspace(np.log(low.min()), np.log(high.max()), number + 1)
    centre = 0.5 * (np.log(low) + np.log(high))
    place = np.clip(np.searchsorted(edges, centre, side="right") - 1, 0, number - 1)
    return np.unique(place, return_inverse=True)[1]


def runs_of(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the number of the run without gaps of each group of channels, shape (m,)."""
    return np.concatenate([[0], np.cumsum(first[1:] != last[:-1])])


def sums(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return sums over bins, shape (k,), of values of groups, shape (m,)."""
    return np.bincount(labels, weights=values)
