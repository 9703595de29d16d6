"""Profiles of a statistic: one quantity held, everything else fitted again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xsurvey.inference.minimise import Minimum, minimise


class Objective(Protocol):
    """What `xsurvey.inference.minimise.minimise` takes."""

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return models, shape (b, m), for parameters (b, k)."""

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the statistic, shape (b,)."""

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return first and second derivatives of the statistic by the model, (b, m) each."""

    def penalty(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return what priors add, with derivatives, for theta (k,)."""


@dataclass(frozen=True)
class Held:
    """An objective of which one parameter is held at a value."""

    objective: Objective
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

    def penalty(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return what priors add; derivatives are those by the other parameters."""
        value, gradient, curvature = self.objective.penalty(self._whole(theta))
        return value, np.delete(gradient, self.index), np.delete(curvature, self.index)


def profile_statistic(
    objective: Objective, best: Minimum, index: int, bounds: np.ndarray, scale: np.ndarray
) -> Callable[[float], tuple[float, np.ndarray]]:
    """Return the function from a parameter's value to the least statistic with it held.

    Parameters
    ----------
    objective : Objective
    best : Minimum
    index : int
        Of the parameter that is held.
    bounds : ndarray, shape (k, 2)
    scale : ndarray, shape (k,)

    Returns
    -------
    callable
        From a value to the statistic and all parameters there, shape (k,). The fit of the others
        starts where their covariance says that they are.
    """
    others = np.arange(len(best.theta)) != index
    slope = _slope(best.covariance, index)[others]

    def statistic(value: float) -> tuple[float, np.ndarray]:
        held = Held(objective, index, value)
        if not others.any():
            theta = np.empty(0)
            found = float(held.total(held.evaluate(theta[None, :]))[0])
            return found + held.penalty(theta)[0], np.array([value])
        start = best.theta[others] + slope * (value - best.theta[index])
        start = np.clip(start, *bounds[others].T)
        minimum = minimise(held, start, bounds[others], scale[others])
        return minimum.statistic, np.insert(minimum.theta, index, value)

    return statistic


def _slope(covariance: np.ndarray, index: int) -> np.ndarray:
    """Return by how much the others follow a parameter along the ridge."""
    variance = covariance[index, index]
    if not (np.isfinite(variance) and variance > 0):
        return np.zeros(len(covariance))
    return np.nan_to_num(covariance[index] / variance)
