"""What a user chooses for flux points of spectra."""

from __future__ import annotations

from pydantic import Field

from xsurvey.parameters import StepParameters


class FluxPointBinning(StepParameters):
    """Which channels of a fitted spectrum make a point, what is a limit, what is taken away."""

    significance: float = Field(
        default=5.0, gt=0, le=1000,
        description="Signal to noise that the fitted model expects of a point: channels are "
        "joined up to it.",
    )  # fmt: skip
    bins: int | None = Field(
        default=None, ge=1, le=100_000,
        description="Number of points of a spectrum, in equal steps of ln E, in place of a "
        "significance.",
    )  # fmt: skip
    limit_significance: float = Field(
        default=2.0, ge=0, le=100,
        description="Significance of net counts (Li & Ma 1983) below which an upper limit stands "
        "in place of a point.",
    )  # fmt: skip
    limit_confidence: float = Field(
        default=0.95, gt=0.5, lt=1,
        description="Probability that the flux is below an upper limit.",
    )  # fmt: skip
    absorption: tuple[str, ...] = Field(
        default=(),
        description="Component of the model that is taken away; repeat for several, 'none' for "
        "none. All that have a column density nH if not given.",
    )


class FluxPointParameters(FluxPointBinning):
    """How flux points are made of a fitted spectrum."""

    instrument: tuple[str, ...] = Field(
        default=(),
        description="Name of the instrument in the table: one for all spectra, or one each in "
        "their order. That of the spectrum's header (TELESCOP/INSTRUME) if not given.",
    )
    redshift: float | None = Field(
        default=None, gt=0, lt=20, description="Redshift to write into the table."
    )
