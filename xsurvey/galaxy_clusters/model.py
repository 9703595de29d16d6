"""A cluster in hydrostatic equilibrium, to be simulated: its halo, its gas, and what these emit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator, model_validator

from xsurvey.errors import ParameterError
from xsurvey.galaxy_clusters import nfw
from xsurvey.galaxy_clusters.composition import ABUNDANCE_TABLES, Composition, composition
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.galaxy_clusters.emission import (
    apec_norm,
    column_along_sight,
    norm_per_arcmin2,
    shell_nodes,
)
from xsurvey.galaxy_clusters.gas_model import AbundanceProfile, CoolGas, Excess, GasDensity
from xsurvey.galaxy_clusters.hydrostatic import temperature_of
from xsurvey.io.yaml_file import read_yaml
from xsurvey.parameters import StepParameters
from xsurvey.units import Angle, Position

_METALS = 0.3  # of the mean molecular weights, which hardly depend on it
_INNERMOST, _FARTHEST = 1e-4, 30.0  # of R200: between them hydrostatic equilibrium is integrated
_GRID = 600


@dataclass(frozen=True)
class Shells:
    """Spherical shells of gas of one temperature each.

    Attributes
    ----------
    edges : ndarray, shape (n + 1,)
        kpc.
    density : ndarray, shape (n,)
        Electrons per cm3: root of the mean square over the volume.
    temperature, abundance : ndarray, shape (n,)
        keV and solar, means weighted with the emission measure.
    norm : ndarray, shape (n,)
        Of apec, of the whole shell, without its cool gas.
    cool_norm : ndarray, shape (n,)
        Of the cool gas.
    """

    edges: np.ndarray
    density: np.ndarray
    temperature: np.ndarray
    abundance: np.ndarray
    norm: np.ndarray
    cool_norm: np.ndarray


class ClusterModel(StepParameters):
    """A spherical cluster with an NFW halo and gas that is at rest in it."""

    name: str = Field(default="cluster", description="Name of the model.")
    redshift: float = Field(gt=0, le=3, description="Redshift.")
    center: Position = Field(description="RA,DEC of the centre.")
    nh: float = Field(ge=0, le=100, description="Galactic column of hydrogen, 1e22 per cm2.")
    m200: float | None = Field(
        default=None, gt=1e11, le=1e17, description="Mass in R200, solar masses; or give r200."
    )
    r200: Angle | None = Field(default=None, gt=0, description="R200 as seen; or give m200.")
    concentration: float = Field(
        default=4.0, ge=0.1, le=100, description="R200 over the scale radius of the halo."
    )
    density: GasDensity = Field(description="Density of the gas.")
    abundance: AbundanceProfile = Field(
        default=AbundanceProfile(), description="Metals against radius."
    )
    cool_gas: CoolGas | None = Field(default=None, description="Second temperature of the core.")
    excess: tuple[Excess, ...] = Field(default=(), description="Parts brighter than the sphere.")
    outer_radius: float = Field(
        default=3.0, gt=0, le=20, description="Where the gas that is simulated ends, in R200."
    )
    abundance_table: str = Field(default="angr", description="Abundance table, XSPEC's name.")
    cosmology: Cosmology = Field(default=Cosmology(), description="The universe it is in.")

    @field_validator("abundance_table")
    @classmethod
    def _known_table(cls, value: str) -> str:
        if value not in ABUNDANCE_TABLES:
            raise ValueError(f"'{value}' is not one of {', '.join(ABUNDANCE_TABLES)}")
        return value

    @model_validator(mode="after")
    def _one_mass(self) -> ClusterModel:
        if (self.m200 is None) == (self.r200 is None):
            raise ValueError("give one of m200 and r200")
        return self

    @property
    def kpc_per_arcmin(self) -> float:
        """Proper kpc that an arcmin is."""
        return self.cosmology.kpc_per_arcmin(self.redshift)

    @property
    def critical_density(self) -> float:
        """Solar masses / kpc3 at the cluster's redshift."""
        return self.cosmology.critical_density(self.redshift)

    @property
    def composition(self) -> Composition:
        """Of the gas, for its mean abundance: one for all radii."""
        return composition(self.abundance_table, _METALS)

    def mass_in(self, delta: float) -> float:
        """Return the mass inside the radius of an overdensity, solar masses."""
        if self.m200 is not None:
            m200 = self.m200
        else:
            radius = float(self.r200 or 0) / 60 * self.kpc_per_arcmin
            m200 = float(nfw.mass_of(radius, 200, self.critical_density))
        return float(nfw.convert(m200, self.concentration, 200, delta)[0])

    def radius_in(self, delta: float) -> float:
        """Return the radius of an overdensity, kpc."""
        return float(nfw.radius_of(self.mass_in(delta), delta, self.critical_density))

    def enclosed_mass(self, radius: np.ndarray) -> np.ndarray:
        """Return the mass inside radii in kpc, solar masses."""
        return nfw.enclosed_mass(
            radius, self.mass_in(200), self.concentration, 200, self.critical_density
        )

    @cached_property
    def _thermal(self) -> tuple[np.ndarray, np.ndarray]:
        """Ln of radius and of temperature, on a grid."""
        radius = self.radius_in(200) * np.geomspace(_INNERMOST, _FARTHEST, _GRID)
        density = self.density(radius)
        # far beyond the cluster, where nothing presses any more
        temperature = temperature_of(
            radius, density, self.enclosed_mass(radius), 0.0, self.composition.mu
        )
        positive = temperature > 0
        return np.log(radius[positive]), np.log(temperature[positive])

    def temperature(self, radius: np.ndarray) -> np.ndarray:
        """Return the temperature at radii in kpc, keV; inside 1e-4 R200 it is constant."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.exp(np.interp(np.log(radius), *self._thermal)))

    def shells(self, edges: np.ndarray) -> Shells:
        """Return the gas in spherical shells.

        Parameters
        ----------
        edges : ndarray, shape (n + 1,)
            kpc, ascending, from zero or above. A temperature for a shell means little unless
            shells are thin: ten a decade or more.

        Raises
        ------
        ValueError
            Edges of other kind.
        """
        edges = np.asarray(edges, float)
        radius, volume = shell_nodes(edges)
        squared = self.density(radius) ** 2
        squared = np.where(radius <= self.outer_radius * self.radius_in(200), squared, 0.0)
        measure = squared * volume
        total = measure.sum(-1)
        share = np.divide(measure, total[:, None], out=np.full_like(measure, 1 / measure.shape[1]),
                          where=total[:, None] > 0)  # fmt: skip
        cool = 0.0 if self.cool_gas is None else self.cool_gas.share
        inside = 0.0 if self.cool_gas is None else radius <= self.cool_gas.radius
        cool_share = (share * inside * cool).sum(-1)
        norm = apec_norm(
            total / self.composition.electrons_per_hydrogen,
            self.cosmology.angular_distance(self.redshift), self.redshift,
        )  # fmt: skip
        return Shells(
            edges, np.sqrt(total / volume.sum(-1)), (share * self.temperature(radius)).sum(-1),
            (share * self.abundance(radius)).sum(-1), norm * (1 - cool_share), norm * cool_share,
        )  # fmt: skip

    def projected_norm(self, radius: np.ndarray) -> np.ndarray:
        """Return the norm of apec per arcmin2 at projected radii in kpc, all gas together."""
        column = column_along_sight(
            self.density, np.asarray(radius, float), self.outer_radius * self.radius_in(200),
            self.composition.electrons_per_hydrogen,
        )  # fmt: skip
        return norm_per_arcmin2(column, self.redshift)


def read_cluster_model(path: str | os.PathLike[str]) -> ClusterModel:
    """Read a model from a YAML file.

    Raises
    ------
    InputError
        The file is missing, or no YAML.
    ParameterError
        An unknown key, or an impossible value.
    """
    file = Path(path)
    try:
        return ClusterModel.read(read_yaml(file), "")
    except ParameterError as error:
        subject = f"{file}: {error.subject}" if error.subject else str(file)
        raise ParameterError(subject, error.cause, error.remedy) from None
