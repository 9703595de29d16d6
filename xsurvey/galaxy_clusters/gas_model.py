"""Gas of a model cluster as a user describes it: density, abundance, what differs from a sphere."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from xsurvey.galaxy_clusters.gas_density import (
    beta_density,
    double_beta_density,
    vikhlinin_density,
)
from xsurvey.parameters import StepParameters
from xsurvey.units import Angle

_Density = Annotated[float, Field(gt=0, le=10)]
_Length = Annotated[float, Field(gt=0, le=1e5)]
_Slope = Annotated[float, Field(gt=0, le=10)]


class BetaGas(StepParameters):
    """Density of a beta model."""

    model: Literal["beta"] = Field(default="beta", description="Name of the model.")
    centre: _Density = Field(description="Electrons per cm3 in the centre.")
    core_radius: _Length = Field(description="Core radius, kpc.")
    beta: _Slope = Field(default=2 / 3, description="Slope.")

    def __call__(self, radius: np.ndarray) -> np.ndarray:
        """Return electrons per cm3 at radii in kpc."""
        return beta_density(radius, self.centre, self.core_radius, self.beta)


class DoubleBetaGas(BetaGas):
    """Density whose emission is the sum of two beta models'."""

    model: Literal["double_beta"] = Field(  # type: ignore[assignment]
        default="double_beta", description="Name of the model."
    )
    centre2: _Density = Field(description="Electrons per cm3 in the centre, second component.")
    core_radius2: _Length = Field(description="Its core radius, kpc.")
    beta2: _Slope = Field(default=2 / 3, description="Its slope.")

    def __call__(self, radius: np.ndarray) -> np.ndarray:
        """Return electrons per cm3 at radii in kpc."""
        return double_beta_density(
            radius, self.centre, self.core_radius, self.beta, self.centre2, self.core_radius2,
            self.beta2,
        )  # fmt: skip


class VikhlininGas(BetaGas):
    """Density of Vikhlinin et al. (2006), equation 3, of electrons."""

    model: Literal["vikhlinin"] = Field(  # type: ignore[assignment]
        default="vikhlinin", description="Name of the model."
    )
    alpha: float = Field(default=0.0, ge=0, le=5, description="Slope of the cusp.")
    scale_radius: _Length = Field(description="Radius at which the profile steepens, kpc.")
    epsilon: float = Field(default=0.0, ge=0, le=5, description="By how much it does.")
    gamma: _Slope = Field(default=3.0, description="How fast it does.")
    centre2: float = Field(default=0.0, ge=0, le=10, description="Centre of a second component.")
    core_radius2: _Length = Field(default=10.0, description="Its core radius, kpc.")
    beta2: _Slope = Field(default=1.0, description="Its slope.")

    def __call__(self, radius: np.ndarray) -> np.ndarray:
        """Return electrons per cm3 at radii in kpc."""
        return vikhlinin_density(
            radius, self.centre, self.core_radius, self.beta, self.alpha, self.scale_radius,
            self.epsilon, self.gamma, self.centre2, self.core_radius2, self.beta2,
        )  # fmt: skip


GasDensity = Annotated[BetaGas | DoubleBetaGas | VikhlininGas, Field(discriminator="model")]
"""Any of the densities; ``model`` tells which."""


class AbundanceProfile(StepParameters):
    """Metals against radius: outer + (centre - outer) (1 + (r / core)^2)^(-slope / 2)."""

    centre: float = Field(default=0.3, ge=0, le=5, description="In the centre, solar.")
    outer: float = Field(default=0.3, ge=0, le=5, description="Far out, solar.")
    core_radius: _Length = Field(default=100.0, description="Core radius, kpc.")
    slope: _Slope = Field(default=2.0, description="Logarithmic slope of the fall.")

    def __call__(self, radius: np.ndarray) -> np.ndarray:
        """Return abundances at radii in kpc."""
        shape = (1 + (np.asarray(radius) / self.core_radius) ** 2) ** (-self.slope / 2)
        return np.asarray(self.outer + (self.centre - self.outer) * shape)


class CoolGas(StepParameters):
    """Second, cooler gas in the core, which takes a share of the emission measure there."""

    radius: _Length = Field(description="It is inside this radius, kpc.")
    temperature: float = Field(ge=0.05, le=20, description="keV.")
    abundance: float = Field(default=1.0, ge=0, le=5, description="Solar.")
    share: float = Field(gt=0, lt=1, description="Its part of the emission measure.")


class Excess(StepParameters):
    """More (or less) emission in part of the projected cluster, of the same spectrum."""

    sector: tuple[float, float] = Field(
        description="Position angles between which it lies, degrees north through east."
    )
    inner_radius: Angle = Field(ge=0, description="Projected, with its unit.")
    outer_radius: Angle = Field(description="Projected, with its unit.")
    factor: float = Field(ge=0, le=100, description="What the brightness is multiplied by there.")

    @model_validator(mode="after")
    def _ascending(self) -> Excess:
        if not self.inner_radius < self.outer_radius:
            raise ValueError("inner_radius is not below outer_radius")
        if not all(-360 <= a <= 720 for a in self.sector) or self.sector[0] == self.sector[1]:
            raise ValueError("sector is not two position angles in degrees, such as [60, 120]")
        return self
