r"""The half turns that position angles leave open.

An angle is known but for n x 180 degrees. Each one is put nearest to the one before it: the least
change, in units of its error, is the most probable one for any distribution about no change. How
probable depends on how fast the angle may move. The true change in a time dt is taken as Gaussian
of variance R^2 dt, a random walk, and the measured one has the errors of both angles besides:

.. math:: P_n \propto \exp\Big[-\frac{(\delta + 180 n)^2}{2 (\sigma_i^2 + \sigma_{i+1}^2
          + R^2 \Delta t)}\Big],

with delta the least change. R is that for which the measured changes are most probable (sums over
all n), unless it is given: angles that jump by 80 degrees a night leave open which way. The
probability of the path is the product over its changes, which shared errors of neighbours leave
approximate. The half turns of the whole series have no meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import logsumexp

from xsurvey.polarization.measurement import within_half_turn
from xsurvey.polarization.optical.series import PolarizationSeries

_TURNS = 180.0 * np.arange(-4, 5)
_RATES = np.concatenate(([0.0], np.geomspace(0.05, 500.0, 400)))
_UNIFORM = 150.0  # degrees: a wrapped Gaussian this wide tells nothing


@dataclass(frozen=True)
class ResolvedAngles:
    """Angles of a series as a continuous function of time.

    Attributes
    ----------
    series : PolarizationSeries
    angle_deg : ndarray, shape (n,)
        Each is nearest to the one before; the first is that of the series.
    change_rate : float
        R, degrees per square root of a day.
    step_probability : ndarray, shape (n - 1,)
        That the change between two neighbours is the least one, not one by half turns more.
    ambiguous : ndarray of bool, shape (n - 1,)
        Steps whose probability is below the threshold.
    """

    series: PolarizationSeries
    angle_deg: np.ndarray
    change_rate: float
    step_probability: np.ndarray
    ambiguous: np.ndarray

    @property
    def log_path_probability(self) -> float:
        """Logarithm of the probability of all the changes; 0 of a single measurement."""
        return float(np.log(self.step_probability).sum())

    @property
    def path_probability(self) -> float:
        """Of all the changes."""
        return float(np.exp(self.log_path_probability))

    @property
    def ambiguous_points(self) -> np.ndarray:
        """Measurements before which, or after which, a step is ambiguous; shape (n,) of bool."""
        step = self.ambiguous
        return np.append(step, False) | np.append(False, step)

    def pieces(self) -> list[slice]:
        """Return the stretches between ambiguous steps, in which the angle is continuous."""
        ends = [0, *(np.flatnonzero(self.ambiguous) + 1), len(self.series)]
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def least_changes(angle_deg: np.ndarray) -> np.ndarray:
    """Return angles, the last axis in order of time, each nearest to the one before."""
    step = within_half_turn(np.diff(angle_deg, axis=-1))
    first = angle_deg[..., :1]
    return np.concatenate([first, first + np.cumsum(step, axis=-1)], axis=-1)


def resolve_half_turns(
    series: PolarizationSeries, change_rate: float | None = None, threshold: float = 0.95
) -> ResolvedAngles:
    """Resolve the 180-degree ambiguity of a series.

    Parameters
    ----------
    series : PolarizationSeries
    change_rate : float, optional
        R, degrees per square root of a day; from the series if it is not given.
    threshold : float
        Probability below which a step is called ambiguous.

    Raises
    ------
    ValueError
        An empty series, a negative rate, a threshold that is not between 0 and 1.
    """
    if not len(series):
        raise ValueError("a series without measurements")
    if not 0 < threshold < 1:
        raise ValueError(f"a probability of {threshold:g} is not between 0 and 1")
    if change_rate is not None and not (np.isfinite(change_rate) and change_rate >= 0):
        raise ValueError("a rate of change is finite and not negative")
    angle = least_changes(series.pa_deg)
    step, elapsed = np.diff(angle), np.diff(series.mjd)
    noise = series.pa_error[1:] ** 2 + series.pa_error[:-1] ** 2
    rate = _most_probable_rate(step, noise, elapsed) if change_rate is None else change_rate
    logs = _log_branches(step, noise + rate**2 * elapsed)
    probability = np.exp(logs[..., len(_TURNS) // 2] - logsumexp(logs, axis=-1))
    return ResolvedAngles(series, angle, float(rate), probability, probability < threshold)


def _log_branches(step: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return logarithms of Gaussian densities of changes, (..., turns)."""
    variance = np.minimum(variance, _UNIFORM**2)[..., None]
    return -0.5 * (step[..., None] + _TURNS) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)


def _most_probable_rate(step: np.ndarray, noise: np.ndarray, elapsed: np.ndarray) -> float:
    if not len(step):
        return 0.0
    variance = noise + _RATES[:, None] ** 2 * elapsed
    return float(_RATES[np.argmax(logsumexp(_log_branches(step, variance), axis=-1).sum(axis=-1))])
