"""What a user chooses for Stokes spectra of event files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xsurvey.parameters import StepParameters
from xsurvey.polarization.parameters import PolarizationParameters


class StokesSpectraParameters(StepParameters):
    """How Stokes spectra are made of events."""

    weighted: bool = Field(
        default=False,
        description="Weight the events by their weights in the file: Stokes I is then the "
        "effective number of events, and responses are those of such weights.",
    )
    irf: str | None = PolarizationParameters.model_fields["irf"]  # type: ignore[assignment]
    background_scale: float | None = PolarizationParameters.model_fields["background_scale"]  # type: ignore[assignment]
    source_type: Literal["point", "extended"] = Field(
        default="point",
        description="point: areas are multiplied by the part of the PSF that the region holds, so "
        "that fluxes are of the whole source. extended: fluxes are of what the region holds.",
    )
