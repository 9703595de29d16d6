"""What a user chooses for spectra that flux points of a source are made of."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from xsurvey.parameters import StepParameters
from xsurvey.sed.flux_points.parameters import FluxPointBinning, FluxPointParameters
from xsurvey.spectra.fit_parameters import SpectrumFitParameters


class _NamedSpectra(StepParameters):
    """Files of spectra, and what belongs to them."""

    files: tuple[str, ...] = Field(
        min_length=1,
        description="Spectra (OGIP PHA), fitted together as by 'sed points'; FILE{3} is the third "
        "of a file of several.",
    )
    background: tuple[str, ...] = Field(
        default=(),
        description="Background spectrum, in place of what BACKFILE names, one for all or one "
        "each; 'none' for none.",
    )
    arf: tuple[str, ...] = Field(
        default=(), description="Effective area, likewise in place of what ANCRFILE names."
    )
    rmf: tuple[str, ...] = Field(
        default=(), description="Redistribution matrix, likewise in place of what RESPFILE names."
    )


class BlazarSpectrum(FluxPointBinning, SpectrumFitParameters, _NamedSpectra):
    """Spectra of an instrument, the model that is fitted to them, and how points are made."""

    model: str = Field(  # not without one
        description=SpectrumFitParameters.model_fields["model"].description
    )

    def fitting(self, components: Path | None = None) -> SpectrumFitParameters:
        """Return how the spectra are fitted.

        Parameters
        ----------
        components : path, optional
            Where the trained components are that ``background_model`` names.
        """
        chosen = {name: getattr(self, name) for name in SpectrumFitParameters.model_fields}
        if components is not None:
            chosen["background_model"] = f"pca:{components}"
        return SpectrumFitParameters(**chosen)

    def points(self, instrument: str) -> FluxPointParameters:
        """Return how points are made, which have the name of an instrument."""
        chosen = {name: getattr(self, name) for name in FluxPointBinning.model_fields}
        return FluxPointParameters(**chosen, instrument=(instrument,))
