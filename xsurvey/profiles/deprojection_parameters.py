"""Parameters of deprojections."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from xsurvey.parameters import StepParameters


class DeprojectionParameters(StepParameters):
    """Deprojection: emissivity and density of the gas from surface brightness."""

    method: Literal["multiscale", "onion"] = Field(
        default="multiscale",
        description="Posterior of a smooth profile, or onion peeling bin by bin.",
    )  # fmt: skip
    knots_per_decade: float = Field(
        default=10.0, ge=4, le=50, description="Radii at which the slope is free, a decade."
    )
    shallowest_slope: float = Field(
        default=-1.0, ge=-20, le=2,
        description="Smallest slope of the emissivity, twice that of the density; below zero it "
        "may rise outward.",
    )  # fmt: skip
    steepest_slope: float = Field(
        default=10.0, ge=5, le=40, description="Largest slope of the emissivity."
    )
    median_slope: float = Field(
        default=4.0, gt=2, lt=5, description="Median of the slope's prior, at each radius."
    )
    slope_spread: float = Field(
        default=1.25, gt=0, le=5,
        description="Width of the slope's prior in its logit between the limits: 1.25 is nearly "
        "flat, smaller ones stay nearer to the median.",
    )  # fmt: skip
    smoothness: float = Field(
        default=1.0, ge=0.2, le=10,
        description="Correlation length of slopes without data, e-folds of radius.",
    )  # fmt: skip
    factor_spread: float = Field(
        default=0.3, gt=0, le=2,
        description="Standard deviation over radii of the emission measure of a count, relative to "
        "its mean, before spectra tell it: by temperature and metals.",
    )  # fmt: skip
    factor_smoothness: float = Field(
        default=1.0, ge=0.2, le=20, description="Its correlation length, e-folds of radius."
    )
    outer_slope: float = Field(
        default=5.0, gt=1, le=20,
        description="Onion peeling: slope of the emissivity beyond the outermost bin.",
    )  # fmt: skip
    regularisation: float | None = Field(
        default=0.0, ge=0,
        description="Onion peeling: weight of the curvature of the emissivity; none if 0, chosen "
        "from the errors if null.",
    )  # fmt: skip
    draws: int = Field(
        default=1000, ge=50, le=100_000, description="Onion peeling: draws of the counts."
    )
    confidence: float = Field(
        default=0.683, gt=0, lt=1, description="Probability inside the intervals."
    )

    @model_validator(mode="after")
    def _ascending(self) -> DeprojectionParameters:
        if not self.shallowest_slope < self.median_slope < self.steepest_slope:
            raise ValueError("median_slope is not between shallowest_slope and steepest_slope")
        return self
