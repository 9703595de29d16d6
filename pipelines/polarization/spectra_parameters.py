"""What a user of the pipeline chooses for Stokes spectra and their joint fit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.parameters import StepParameters
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.spectra.spectropolarimetry_parameters import SpectropolarimetryParameters
from xsurvey.polarization.spectra.stokes_spectra_parameters import StokesSpectraParameters


class StokesSpectraSection(StepParameters):
    """Whether Stokes spectra are made of sources, and for what kind of source."""

    enabled: bool = Field(
        default=True,
        description="Make spectra of Stokes I, Q and U of each source in each observation; weights "
        "and responses are chosen under polarization.",
    )
    source_type: Literal["point", "extended"] = StokesSpectraParameters.model_fields["source_type"]  # type: ignore[assignment]

    def as_step(self, polarization: PolarizationParameters) -> StokesSpectraParameters:
        """Return the parameters of the stage that makes them."""
        return StokesSpectraParameters(
            weighted=polarization.weighted, irf=polarization.irf,
            background_scale=polarization.background_scale, source_type=self.source_type,
        )  # fmt: skip


class SpectropolarimetrySection(SpectropolarimetryParameters):
    """How the Stokes spectra of all observations of a source are fitted; not without a model."""

    group: str = Field(
        default="min30",
        description="How channels of Stokes I are grouped: none, opt (optimal for the resolution "
        "and the counts), minN (N source counts) or bminN (N background counts).",
    )

    def as_step(self) -> SpectropolarimetryParameters:
        """Return the parameters of the stage that fits them."""
        return SpectropolarimetryParameters.model_construct(**dict(self))


class PosteriorSection(MCMCParameters):
    """How posteriors of the joint fits are sampled, if they are."""

    enabled: bool = Field(
        default=False,
        description="Sample the posteriors of the joint fits; intervals are then those of them.",
    )
