"""Kolmogorov-Smirnov and Kuiper tests of arrival times against those of a constant source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.stats import kuiper_false_positive_probability
from scipy import stats

FEWEST = 5
"""Counts below which probabilities are not given: few outcomes are possible then."""


@dataclass(frozen=True)
class ArrivalTests:
    """Tests of n sources; arrays of shape (n,), NaN with fewer than `FEWEST` events.

    Attributes
    ----------
    ks_statistic : ndarray
        Largest distance of the two cumulative distributions.
    ks_probability : ndarray
        Chance that a constant source gives it or more.
    kuiper_statistic : ndarray
        Sum of the largest distances to either side: as sensitive to what happens at the ends as
        in the middle.
    kuiper_probability : ndarray
    """

    ks_statistic: np.ndarray
    ks_probability: np.ndarray
    kuiper_statistic: np.ndarray
    kuiper_probability: np.ndarray


def arrival_tests(
    low: np.ndarray, high: np.ndarray, first: np.ndarray, weight: np.ndarray | float = 1.0
) -> ArrivalTests:
    """Test whether arrival times are those of constant sources.

    Parameters
    ----------
    low, high : ndarray, shape (events,)
        Expected shares of the counts before and after each event's frame, 0 to 1; source after
        source. Equal for times without frames: of a constant source they are uniform.
    first : ndarray of int, shape (n + 1,)
        Events of source i are ``low[first[i] : first[i + 1]]``, in any order.
    weight : float or ndarray, shape (n,)
        What an event counts for (`xsurvey.timing.arrival_phases.ArrivalPhases.weight`).

    Returns
    -------
    ArrivalTests

    Raises
    ------
    ValueError
        Phases beyond 0 to 1, or that are not finite.

    Notes
    -----
    Probabilities of the first are exact (Simard & L'Ecuyer 2011, J. Stat. Softw. 39, 11, as scipy
    has them), of Kuiper's those of Stephens (1965, Biometrika 52, 309) and, elsewhere, of the
    asymptotic series (Kuiper 1960). An event in a frame happened anywhere in it: distances are
    the least that its frame allows, so that ties of a frame never make a source variable.
    """
    low, high = np.asarray(low, float), np.asarray(high, float)
    first = np.asarray(first, np.int64)
    number = len(first) - 1
    if not np.all((low >= 0) & (low <= high) & (high <= 1)):
        raise ValueError("phases are from 0 to 1")
    weights = np.broadcast_to(np.asarray(weight, float), (number,))
    result = np.full((4, number), np.nan)
    for i in range(number):
        chosen = slice(first[i], first[i + 1])
        count = first[i + 1] - first[i]
        if count >= FEWEST:
            # no less than one event, and the error of the expectation as that of fewer events
            effective = max(round(count * weights[i]), FEWEST)
            result[:, i] = _both(np.sort(low[chosen]), np.sort(high[chosen]), effective)
    return ArrivalTests(*result)


def _both(low: np.ndarray, high: np.ndarray, effective: int) -> tuple[float, ...]:
    steps = np.arange(len(low) + 1) / len(low)
    above = max(float(np.max(steps[1:] - high)), 0.0)
    below = max(float(np.max(low - steps[:-1])), 0.0)
    farthest, both = max(above, below), min(above + below, 1.0)
    return (
        farthest, float(stats.kstwo.sf(farthest, effective)),
        both, _kuiper(both, effective),
    )  # fmt: skip


def _kuiper(distance: float, number: int) -> float:
    # below 1/N the exact distribution is one
    if distance <= 1 / number:
        return 1.0
    return float(np.clip(kuiper_false_positive_probability(distance, number), 0, 1))
