"""What a radiative model is."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.inference.parameter_set import FitParameter
from xsurvey.sed.constants import KPC

COSMOLOGY = Cosmology(h0=67.66, omega_m=0.30966)
"""Of luminosity distances: Planck 2018 (A&A 641, A6, table 2), as most published fits have it."""


class Quantity(NamedTuple):
    """What follows from the parameters of a model.

    Attributes
    ----------
    name, unit, description : str
    """

    name: str
    unit: str
    description: str


class RadiativeModel(Protocol):
    """A model of the emission of a source.

    Attributes
    ----------
    name, description : str
    parameters : tuple of FitParameter
        With values to start from and hard limits; in the order of the columns of theta.
    quantities : tuple of Quantity
        What `derived` gives.
    notes : tuple of str
        What is approximate, for whoever reads results.
    redshift : float
    distance : float
        Luminosity distance in cm.
    """

    # read-only: a model may have them of its class, and of narrower types
    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def description(self) -> str: ...  # noqa: D102

    @property
    def parameters(self) -> tuple[FitParameter, ...]: ...  # noqa: D102

    @property
    def quantities(self) -> tuple[Quantity, ...]: ...  # noqa: D102

    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def redshift(self) -> float: ...  # noqa: D102

    @property
    def distance(self) -> float: ...  # noqa: D102

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of each process, erg / s / cm2; their sum is the model.

        Parameters
        ----------
        theta : ndarray, shape (b, p)
            All parameters.
        frequencies : ndarray, shape (f,)
            Hz, observed.

        Returns
        -------
        dict of str to ndarray, shape (b, f)
            NaN in rows at which the model has no value: outside the limits of the parameters, or
            without particles.
        """
        ...

    def derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return quantities by name, shape (b,) each."""
        ...


class PolarizedModel(RadiativeModel, Protocol):
    """A model that tells how its light is polarized where the field is uniform."""

    def degrees(
        self, theta: np.ndarray, frequencies: np.ndarray, inclination_deg: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the degree of polarization of processes; those that are left out have none.

        Parameters
        ----------
        theta : ndarray, shape (b, p)
        frequencies : ndarray, shape (f,)
            Hz, observed.
        inclination_deg : ndarray, shape (b,)
            Of the field to the line of sight, in the frame of the emitter.

        Returns
        -------
        dict of str to ndarray, shape (b, f)
            Names are those of `components`. Fractions of light that is polarized across the field
            as it is seen, below zero along it; NaN where the model has no value.
        """
        ...


def luminosity_distance(redshift: float, cosmology: Cosmology) -> float:
    """Return the luminosity distance in cm.

    Raises
    ------
    ValueError
        The redshift is not positive.
    """
    return cosmology.luminosity_distance(redshift) * KPC
