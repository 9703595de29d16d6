"""Parameters of hydrostatic masses."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from xsurvey.parameters import StepParameters


class MassParameters(StepParameters):
    """Hydrostatic mass: an NFW halo from densities and temperatures of the gas."""

    weighting: Literal["auto", "spectral", "spectroscopic_like", "emission"] = Field(
        default="auto",
        description="How temperatures along the line of sight are averaged: as one-temperature "
        "fits find them through the responses of the spectra (spectral); as such fits see gas "
        "above about 3 keV (spectroscopic_like, Mazzotta et al. 2004), some nine times as fast; "
        "or by emission. auto is spectral where responses are known, as in the pipeline, and "
        "spectroscopic_like of bare temperatures.",
    )  # fmt: skip
    logarithmic: bool = Field(
        default=True,
        description="Errors of temperatures are Gaussian in ln kT: larger upward than downward, "
        "as those of spectral fits are.",
    )  # fmt: skip
    lowest_mass: float = Field(
        default=1e12, gt=0, description="Smallest M200, solar masses; flat in ln M200 between."
    )
    highest_mass: float = Field(default=1e16, gt=0, description="Largest M200, solar masses.")
    lowest_concentration: float = Field(
        default=0.5, gt=0, description="Smallest c200; flat in ln c200 between, or see below."
    )
    highest_concentration: float = Field(default=20.0, gt=0, le=1000, description="Largest c200.")
    concentration: float | None = Field(
        default=None, gt=0, le=1000,
        description="Median of a lognormal prior of c200; a flat one if not given.",
    )  # fmt: skip
    concentration_scatter: float = Field(
        default=0.35, gt=0, le=5, description="Sigma of that prior in ln c200."
    )
    reach: float = Field(
        default=3.0, ge=1, le=10,
        description="Where the gas ends that temperatures are projected from, in outermost radii "
        "of temperatures; its pressure there is fitted.",
    )  # fmt: skip
    hottest_end: float = Field(
        default=1.0, gt=0, le=10,
        description="Largest temperature where the gas ends, in the outermost one measured; flat "
        "from zero. Gas that grew hotter outward would need less mass.",
    )  # fmt: skip
    density_draws: int = Field(
        default=48,
        ge=1,
        le=2000,
        description="Densities, drawn from their posterior, over which the likelihood is averaged.",
    )
    radii: int = Field(
        default=70, ge=20, le=1000, description="Radii at which equilibrium is computed."
    )
    confidence: float = Field(
        default=0.683, gt=0, lt=1, description="Probability inside the intervals."
    )

    @model_validator(mode="after")
    def _ascending(self) -> MassParameters:
        if not self.lowest_mass < self.highest_mass:
            raise ValueError("lowest_mass is not below highest_mass")
        if not self.lowest_concentration < self.highest_concentration:
            raise ValueError("lowest_concentration is not below highest_concentration")
        return self
