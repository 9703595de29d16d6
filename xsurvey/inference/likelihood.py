"""What a fit is of: parameters, their priors, and a statistic of a batched model."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from xsurvey.inference.parameter_set import ParameterSet
from xsurvey.inference.prior_set import PriorSet
from xsurvey.inference.priors import Uniform


class Likelihood(ABC):
    """A statistic -2 ln L of free parameters; an `xsurvey.inference.held.PenalisedObjective`.

    Attributes
    ----------
    parameters : ParameterSet
    priors : PriorSet
        Of the free parameters: flat between their limits where none is given.
    bins : int
        Data that the statistic is of, for the degrees of freedom.
    """

    bins: int

    def __init__(self, parameters: ParameterSet) -> None:
        self.parameters = parameters
        free = [parameters.parameters[i] for i in parameters.free]
        self.priors = PriorSet([p.prior or Uniform(*p.limits) for p in free])
        self._has_links = any(p.link is not None for p in parameters.parameters)

    @abstractmethod
    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return the model, shape (b, m), for free parameters (b, k); NaN where it has none."""

    @abstractmethod
    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the statistic, shape (b,), of models (b, m); infinite where there is no model."""

    @abstractmethod
    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return first and (positive) second derivatives by the model, both (b, m)."""

    @property
    def degrees_of_freedom(self) -> int:
        """Bins less free parameters."""
        return self.bins - len(self.parameters.free)

    def statistic(self, theta: np.ndarray) -> np.ndarray:
        """Return the statistic, shape (b,), for free parameters (b, k)."""
        return self.total(self.evaluate(theta))

    def penalty(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return -2 ln of the priors, (b,), with first and second derivatives, (b, k) each."""
        return self.priors.penalty(theta)

    def log_probability(self, theta: np.ndarray) -> np.ndarray:
        """Return the log of the posterior, up to a constant: shape (b,) for theta (b, k)."""
        theta = np.atleast_2d(theta)
        value = self.priors.log_density(theta)
        possible = np.isfinite(value)
        if possible.any():
            value[possible] -= 0.5 * self.statistic(theta[possible])
        return value
