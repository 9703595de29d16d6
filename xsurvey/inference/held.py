"""Profiles of a statistic: one quantity held, everything else fitted again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xsurvey.inference.minimise import minimise
from xsurvey.inference.minimum import Minimum
from xsurvey.inference.statistic_target import Objective

_TOLERANCE = 1e-3
"""Of the statistic: it moves the ends of an interval by less than `profile_interval` tells them."""


class PenalisedObjective(Objective, Protocol):
    """An objective with what priors add to it."""

    def penalty(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what priors add, (b,), and derivatives, (b, k), for theta (b, k)."""


@dataclass(frozen=True)
class Held:
    """An objective of which one parameter is held at a value."""

    objective: PenalisedObjective
    index: int
    value: float

    def _whole(self, theta: np.ndarray) -> np.ndarray:
        return np.insert(theta, self.index, self.value, axis=-1)

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return models for the other parameters."""
        return self.objective.evaluate(self._whole(theta))

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the statistic."""
        return self.objective.total(model)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the statistic's derivatives by the model."""
        return self.objective.derivatives(model)

    def penalty(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what priors add; derivatives are those by the other parameters."""
        value, *derivatives = self.objective.penalty(self._whole(theta))
        gradient, curvature = (np.delete(d, self.index, axis=1) for d in derivatives)
        return value, gradient, curvature


def profile_statistic(
    objective: PenalisedObjective,
    best: Minimum,
    index: int,
    bounds: tuple[np.ndarray, np.ndarray],
    scale: np.ndarray,
    negligible: float = 0.0,
) -> Callable[[float], tuple[float, np.ndarray]]:
    """Return the function from a parameter's value to the least statistic with it held.

    Parameters
    ----------
    objective : PenalisedObjective
    best : Minimum
    index : int
        Of the parameter that is held.
    bounds : pair of ndarray, shape (k,)
    scale : ndarray, shape (k,)
    negligible : float
        As of `minimise`.

    Returns
    -------
    callable
        From a value to the statistic and all parameters there, shape (k,). The fit of the others
        starts where their covariance says that they are, or on a line through what was found for
        other values, whichever is lower.
    """
    others = np.arange(len(best.best)) != index
    slope = _slope(best.covariance, index)[others]
    limits = (bounds[0][others], bounds[1][others])
    ridge = _Ridge(float(best.best[index]), best.best[others], slope)

    def statistic(value: float) -> tuple[float, np.ndarray]:
        held = Held(objective, index, value)
        if not others.any():
            theta = np.empty((1, 0))
            found = held.total(held.evaluate(theta)) + held.penalty(theta)[0]
            return float(found[0]), np.array([value])
        starts = np.clip(ridge.starts(value), *limits)
        totals = np.asarray(held.total(held.evaluate(starts)), float)
        totals[~np.isfinite(totals)] = np.inf
        lowest = int(np.argmin(totals))
        if not np.isfinite(totals[lowest]):
            return np.inf, np.insert(starts[0], index, value)
        minimum = minimise(
            held,
            starts[lowest],
            limits,
            scale[others],
            held.penalty,
            _TOLERANCE,
            probe=False,
            negligible=negligible,
        )
        ridge.add(value, minimum.best)
        return minimum.statistic, np.insert(minimum.best, index, value)

    return statistic


class _Ridge:
    """Where the other parameters are expected as one of them moves away from the best fit."""

    def __init__(self, value: float, best: np.ndarray, slope: np.ndarray) -> None:
        self._slope = slope
        self._known = [(value, best)]

    def add(self, value: float, others: np.ndarray) -> None:
        """Tell where they were found."""
        self._known.append((value, others))

    def starts(self, value: float) -> np.ndarray:
        """Return places to begin at, shape (s, k): the covariance's, the fit's, and a line's."""
        middle, best = self._known[0]
        places = [best + self._slope * (value - middle), best]
        # through the nearest two on this side, the best fit among them
        side = [(v, o) for v, o in self._known if v == middle or (v > middle) == (value > middle)]
        if len(side) > 1:
            (v, one), (w, two) = sorted(side, key=lambda known: abs(known[0] - value))[:2]
            places.append(one if v == w else one + (two - one) * ((value - v) / (w - v)))
        return np.array(places)


def _slope(covariance: np.ndarray, index: int) -> np.ndarray:
    """Return by how much the others follow a parameter along the ridge."""
    variance = covariance[index, index]
    if not (np.isfinite(variance) and variance > 0):
        return np.zeros(len(covariance))
    return np.nan_to_num(covariance[index] / variance)
