"""Parameters of light curves and of tests of their variability."""

from pydantic import Field, model_validator

from xsurvey.parameters import StepParameters
from xsurvey.units import Band, Duration


class LightCurveParameters(StepParameters):
    """How light curves are binned, and which of their bins are used."""

    light_curve_band: tuple[Band, ...] = Field(
        default=(),
        description="Energy range of a light curve, in keV; repeat for several. Of a light-curve "
        "file all bands if none is given.",
    )
    bin_size: Duration | None = Field(
        default=None, gt=0,
        description="Width of the bins; narrower bins of a file are merged. The bins of the file, "
        "or the mission's choice, if not given.",
    )  # fmt: skip
    visit_gap: Duration | None = Field(
        default=None, gt=0,
        description="Merge bins into visits, which are at least this far apart: about 1h for a "
        "survey that comes back every few hours. Not merged if not given.",
    )  # fmt: skip
    minimum_exposure_fraction: float = Field(
        default=0.1, ge=0, lt=1,
        description="Smallest exposure of a bin that is used, as a fraction of the longest one of "
        "its band, before bins are merged.",
    )  # fmt: skip
    limit_confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="Confidence of the upper limits of rates."
    )


class VariabilityParameters(StepParameters):
    """How variability is tested."""

    significance: float = Field(
        default=0.01, gt=0, lt=0.5,
        description="Largest p-value, under a constant source, at which a source is called "
        "variable: the fraction of constant sources that are called so.",
    )  # fmt: skip
    trials: int = Field(
        default=9999, ge=99, le=10_000_000,
        description="Largest number of simulated constant sources that a p-value rests on.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _trials_can_reach_the_significance(self) -> "VariabilityParameters":
        if self.significance * (self.trials + 1) < 1:
            raise ValueError(
                f"trials ({self.trials}) are too few for a significance of {self.significance:g}"
            )
        return self


class SourceVariabilityParameters(StepParameters):
    """How the variability of catalog sources is tested."""

    variability_band: Band | None = Field(
        default=None,
        description="Energy range of the events that are tested, in keV; the mission's widest "
        "standard band if not given.",
    )
    min_counts: int = Field(
        default=10, ge=5,
        description="Fewest counts in the aperture of a source, in one observation, for tests of "
        "their arrival times.",
    )  # fmt: skip
    m_max: int = Field(
        default=300, ge=2, le=3000,
        description="Most bins of the Gregory-Loredo test; bins are never shorter than 15 frames.",
    )  # fmt: skip
    trials: int = Field(
        default=9999, ge=99, le=10_000_000,
        description="Largest number of simulated sources of one rate that a probability of "
        "variability between observations rests on.",
    )  # fmt: skip
    light_curve_counts: int = Field(
        default=50, ge=5,
        description="Fewest counts in the aperture of a source for a file with its light curve.",
    )  # fmt: skip
