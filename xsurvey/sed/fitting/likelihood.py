"""A radiative model and the points of a spectral energy distribution: chi-square and limits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xsurvey.inference.likelihood import Likelihood
from xsurvey.inference.parameter_set import ParameterSet
from xsurvey.sed.fitting.upper_limits import limit_derivatives, limit_terms
from xsurvey.sed.models.base import RadiativeModel
from xsurvey.sed.tables.points import SedPoints

AT_ONCE = 256
"""Rows that a model is asked for at once: some models need .2 MB for each."""


class SedLikelihood(Likelihood):
    """Chi-square of points, and -2 ln of the probabilities of upper limits.

    Attributes
    ----------
    model : RadiativeModel
    points : SedPoints
    bins : int
        Points that are no limits.
    """

    def __init__(self, model: RadiativeModel, points: SedPoints, parameters: ParameterSet) -> None:
        super().__init__(parameters)
        self.model, self.points = model, points
        self.bins = len(points) - points.limits
        self._frequencies, self._places = np.unique(points.frequency, return_inverse=True)

    def with_parameters(self, parameters: ParameterSet) -> SedLikelihood:
        """Return the likelihood of the same model and points with other priors, or start values."""
        return SedLikelihood(self.model, self.points, parameters)

    def fluxes(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of each component at any frequencies, (b, f), for free parameters."""
        return self.model.components(self.parameters.expand(np.atleast_2d(theta)), frequencies)

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return nu F_nu at the points, shape (b, n); NaN where links leave their limits."""
        return self._where_possible(theta, self._sum, len(self.points))

    def fluxes_at_points(self, theta: np.ndarray) -> np.ndarray:
        """Return nu F_nu at the points, shape (b, n), whatever else the model is compared with."""
        return self._where_possible(theta, self._sum, len(self.points))

    @property
    def of_fluxes(self) -> np.ndarray:
        """Which of the free parameters change fluxes, shape (k,)."""
        return np.ones(len(self.parameters.free), bool)

    def _where_possible(
        self, theta: np.ndarray, function: Callable[[np.ndarray], np.ndarray], numbers: int
    ) -> np.ndarray:
        """Return a function of all parameters, (b, numbers); NaN where links leave their limits."""
        full = self.parameters.expand(np.atleast_2d(theta))
        if len(full) <= AT_ONCE and not self._has_links:
            return function(full)
        model = np.full((len(full), numbers), np.nan)
        inside = self.parameters.inside(full) if self._has_links else np.ones(len(full), bool)
        rows = np.flatnonzero(inside)
        for first in range(0, len(rows), AT_ONCE):
            part = rows[first : first + AT_ONCE]
            model[part] = function(full[part])
        return model

    def _sum(self, full: np.ndarray) -> np.ndarray:
        parts = self.model.components(full, self._frequencies)
        return np.asarray(sum(parts.values()), float)[:, self._places]

    def residuals(self, model: np.ndarray) -> np.ndarray:
        """Return (data - model) / error, shape (b, n)."""
        return (self.points.flux - model) / self.points.sigma

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the statistic, shape (b,); infinite where the model has no value."""
        z = self.residuals(model)
        with np.errstate(over="ignore"):
            terms = z**2
        if self.points.limits:
            terms[:, self.points.is_limit] = limit_terms(z[:, self.points.is_limit])
        total = terms.sum(axis=1)
        return np.where(np.isnan(total), np.inf, total)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return first and second derivatives by the model, both (b, n)."""
        z, sigma, limits = self.residuals(model), self.points.sigma, self.points.is_limit
        first, second = -2 * z, np.full_like(z, 2.0)
        if self.points.limits:
            slope, bend = limit_derivatives(z[:, limits])
            first[:, limits], second[:, limits] = -slope, bend
        return first / sigma, second / sigma**2
