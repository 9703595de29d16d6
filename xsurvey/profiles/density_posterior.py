"""Posteriors of the density of a cluster's gas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters import thermodynamics
from xsurvey.galaxy_clusters.composition import Composition, composition
from xsurvey.profiles.mass_model import on_radii


@dataclass(frozen=True)
class DensityPosterior:
    """Samples of the density of electrons at n radii.

    Attributes
    ----------
    radii : ndarray, shape (n,)
        kpc, ascending.
    samples : ndarray, shape (s, n)
        Electrons per cm3.
    log_slopes : ndarray, shape (s, n)
        d ln n_e / d ln r.
    """

    radii: np.ndarray
    samples: np.ndarray
    log_slopes: np.ndarray

    def interval(self, confidence: float = 0.683) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return median, lower and upper end of the equal-tailed interval, (n,) each, cm-3."""
        return _interval(self.samples, confidence)

    def slope_interval(
        self, confidence: float = 0.683
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the same of the logarithmic slopes."""
        return _interval(self.log_slopes, confidence)

    def at(self, radius: np.ndarray) -> np.ndarray:
        """Return samples at other radii (m,) kpc, shape (s, m): power laws in between."""
        return on_radii(np.asarray(radius, float), self.radii, self.samples)

    def gas_mass(self, radius: np.ndarray, gas: Composition | None = None) -> np.ndarray:
        """Return samples of the mass of gas inside radii.

        Parameters
        ----------
        radius : ndarray, shape (m,)
            kpc, not beyond the posterior's.
        gas : Composition, optional

        Returns
        -------
        ndarray, shape (s, m)
            Solar masses. Inside the first radius the density is taken for constant.

        Raises
        ------
        InputError
            A radius beyond the posterior's.
        """
        inside = thermodynamics.gas_mass(self.radii, self.samples, gas or composition())
        return on_radii(self._within(radius), self.radii, inside)

    def luminosity(
        self, radius: np.ndarray, power: np.ndarray, gas: Composition | None = None
    ) -> np.ndarray:
        """Return samples of the power that is radiated inside radii.

        Parameters
        ----------
        radius : ndarray, shape (m,)
            kpc, not beyond the posterior's.
        power : ndarray, shape (n,) or (s, n)
            Lambda of a `xsurvey.galaxy_clusters.cooling.CoolingFunction` at `radii`, erg cm3 / s.
        gas : Composition, optional

        Returns
        -------
        ndarray, shape (s, m)
            erg / s.

        Raises
        ------
        InputError
            A radius beyond the posterior's.
        """
        inside = thermodynamics.luminosity(
            self.radii, self.samples, np.asarray(power), gas or composition()
        )
        return on_radii(self._within(radius), self.radii, inside)

    def _within(self, radius: np.ndarray) -> np.ndarray:
        radius = np.atleast_1d(np.asarray(radius, float))
        if not (np.all(radius > 0) and np.all(radius <= self.radii[-1] * (1 + 1e-9))):
            raise InputError(
                "density", f"is known from 0 to {self.radii[-1]:.4g} kpc, and asked for at "
                f"{radius.max():.4g} kpc", "ask for radii within the profile",
            )  # fmt: skip
        return radius


def _interval(samples: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tail = (1 - confidence) / 2
    lower, median, upper = np.quantile(samples, [tail, 0.5, 1 - tail], axis=0)
    return median, lower, upper
