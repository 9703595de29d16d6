"""Profiles of a statistic: one quantity held, everything else fitted again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xsurvey.inference.minimise import minimise
from xsurvey.inference.minimum import Minimum
from xsurvey.inference.statistic_target import Objective


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

    Returns
    -------
    callable
        From a value to the statistic and all parameters there, shape (k,). The fit of the others
        starts where their covariance says that they are.
    """
    others = np.arange(len(best.best)) != index
    slope = _slope(best.covariance, index)[others]

    def statistic(value: float) -> tuple[float, np.ndarray]:
        held = Held(objective, index, value)
        if not others.any():
            theta = np.empty((1, 0))
            found = held.total(held.evaluate(theta)) + held.penalty(theta)[0]
            return float(found[0]), np.array([value])
        start = best.best[others] + slope * (value - best.best[index])
        limits = (bounds[0][others], bounds[1][others])
        start = np.clip(start, *limits)
        if not np.isfinite(held.total(held.evaluate(start[None, :]))[0]):
            start = best.best[others]
            if not np.isfinite(held.total(held.evaluate(start[None, :]))[0]):
                return np.inf, np.insert(start, index, value)
        minimum = minimise(held, start, limits, scale[others], held.penalty, probe=False)
        return minimum.statistic, np.insert(minimum.best, index, value)

    return statistic


def _slope(covariance: np.ndarray, index: int) -> np.ndarray:
    """Return by how much the others follow a parameter along the ridge."""
    variance = covariance[index, index]
    if not (np.isfinite(variance) and variance > 0):
        return np.zeros(len(covariance))
    return np.nan_to_num(covariance[index] / variance)
