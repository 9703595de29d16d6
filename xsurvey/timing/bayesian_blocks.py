"""Bayesian blocks of arrival times: the most probable piecewise constant light curve.

Scargle et al. (2013, ApJ 764, 167), on phases: the expected share of the counts of a constant
source up to each event (`xsurvey.timing.arrival_phases`). Exposure, gaps and background are in
the phases, and the first and last block end where the observation does, not at an event.
"""

from __future__ import annotations

import numpy as np

MOST_EVENTS = 20_000  # the time goes with the square of their number
_FALSE_ALARM = 0.05


def bayesian_blocks(phase: np.ndarray, false_alarm: float = _FALSE_ALARM) -> np.ndarray:
    """Return the edges of the blocks, in phase.

    Parameters
    ----------
    phase : ndarray, shape (n,)
        0 to 1, in any order.
    false_alarm : float
        Chance that a constant source has more than one block (equation 21 of the paper, fitted
        to simulations).

    Returns
    -------
    ndarray
        From 0 to 1; two edges for one block. An edge lies between two events.

    Raises
    ------
    ValueError
        Phases beyond 0 to 1, or more than `MOST_EVENTS` of them.
    """
    phase = np.sort(np.asarray(phase, float))
    if len(phase) and not (phase[0] >= 0 and phase[-1] <= 1):
        raise ValueError("phases are from 0 to 1")
    if len(phase) > MOST_EVENTS:
        raise ValueError(f"{len(phase)} events are more than {MOST_EVENTS}")
    # events of one phase are in one block
    cells, number = np.unique(phase, return_counts=True)
    if len(cells) < 2:
        return np.array([0.0, 1.0])
    edges = np.concatenate(([0.0], (cells[1:] + cells[:-1]) / 2, [1.0]))
    prior = 4 - np.log(73.53 * false_alarm * len(phase) ** -0.478)
    total = np.concatenate(([0], np.cumsum(number)))
    best, last = np.zeros(len(cells) + 1), np.zeros(len(cells), int)
    for end in range(1, len(cells) + 1):
        counts = total[end] - total[:end]
        fitness = counts * np.log(counts / (edges[end] - edges[:end])) - prior + best[:end]
        last[end - 1] = int(np.argmax(fitness))
        best[end] = fitness[last[end - 1]]
    found, at = [len(cells)], len(cells)
    while at > 0:
        at = int(last[at - 1])
        found.append(at)
    return edges[found[::-1]]
