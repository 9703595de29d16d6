"""A radiative model compared with fluxes and polarization together."""

from __future__ import annotations

import numpy as np

from xsurvey.inference.parameter_set import ParameterSet
from xsurvey.sed.fitting.likelihood import SedLikelihood
from xsurvey.sed.models.polarized import ADDED, PolarizedSource
from xsurvey.sed.polarization.measurements import PolarizationMeasurements
from xsurvey.sed.polarization.stokes import StokesFluxes
from xsurvey.sed.tables.points import SedPoints


class JointLikelihood(SedLikelihood):
    """The statistic of fluxes, and -2 ln of the probability of measured polarization.

    The model's numbers are fluxes at the points, then Q/I and U/I at the measurements.

    Attributes
    ----------
    source : PolarizedSource
        The model.
    measurements : PolarizationMeasurements
    polarization : PolarizationLikelihood
        Of the measurements; those of a kind together.
    bins : int
        Points that are no limits, and Gaussian numbers of the polarization.
    """

    def __init__(
        self, source: PolarizedSource, points: SedPoints, measurements: PolarizationMeasurements,
        parameters: ParameterSet,
    ) -> None:  # fmt: skip
        super().__init__(source, points, parameters)
        self.source, self.measurements = source, measurements
        self.polarization = measurements.likelihood()
        self.bins += self.polarization.bins
        self._where, self._measured = np.unique(self.polarization.frequency, return_inverse=True)
        # fluxes are asked for once, at the frequencies of both
        self._everywhere = np.union1d(self._frequencies, self._where)
        self._of_points = np.searchsorted(self._everywhere, points.frequency)
        self._of_light = np.searchsorted(self._everywhere, self._where)

    def with_parameters(self, parameters: ParameterSet) -> JointLikelihood:
        """Return the same likelihood, as `SedLikelihood.with_parameters`."""
        return JointLikelihood(self.source, self.points, self.measurements, parameters)

    @property
    def of_fluxes(self) -> np.ndarray:
        """Which of the free parameters change fluxes, shape (k,): not those of polarization."""
        rows = self.parameters.parameters
        changes: set[int] = set()
        left = list(range(len(rows) - ADDED))
        while left:  # a parameter that one of fluxes follows changes them, too
            column = left.pop()
            link = rows[column].link
            left += [] if link is None else [c for c in link.sources if c not in changes]
            changes.add(column)
        return np.isin(self.parameters.free, list(changes))

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return fluxes at the points, Q/I and U/I at the measurements, shape (b, n + 2 m)."""
        numbers = len(self.points) + 2 * len(self.measurements)
        return self._where_possible(theta, self._all, numbers)

    def stokes(self, theta: np.ndarray, frequencies: np.ndarray) -> StokesFluxes:
        """Return Stokes parameters at any frequencies, (b, f), for free parameters (b, k)."""
        return self.source.stokes(self.parameters.expand(np.atleast_2d(theta)), frequencies)

    def residuals(self, model: np.ndarray) -> np.ndarray:
        """Return (data - model) / error of the points, shape (b, n)."""
        return super().residuals(self._split(model)[0])

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the statistic, shape (b,); infinite where the model has no value."""
        return np.asarray(sum(self.parts(model)))

    def parts(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the statistics of fluxes and of polarization, shape (b,) each."""
        _, q, u = self._split(model)
        return super().total(model), self.polarization.total(q, u)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return first and second derivatives by the model, both (b, n + 2 m)."""
        flux, q, u = self._split(model)
        first, second = super().derivatives(flux)
        own = self.polarization.derivatives(q, u)
        return (
            np.concatenate([first, own.q, own.u], axis=1),
            np.concatenate([second, own.qq, own.uu], axis=1),
        )

    def _all(self, full: np.ndarray) -> np.ndarray:
        fluxes = self.source.components(full, self._everywhere)
        total = np.asarray(sum(fluxes.values()), float)[:, self._of_points]
        there = {name: flux[:, self._of_light] for name, flux in fluxes.items()}
        light = self.source.stokes(full, self._where, there).normalised
        return np.concatenate([total, *(x[:, self._measured] for x in light)], axis=1)

    def _split(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return fluxes (b, n), Q/I and U/I (b, m); of fluxes alone the others are empty."""
        first, second = len(self.points), len(self.points) + len(self.measurements)
        return model[:, :first], model[:, first:second], model[:, second:]
