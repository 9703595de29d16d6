"""Parameters of upper limits."""

from pydantic import Field

from xsurvey.inference.poisson_rate import LIMIT_CONFIDENCE
from xsurvey.parameters import StepParameters
from xsurvey.units import Band, Position


class UpperLimitParameters(StepParameters):
    """Where upper limits are wanted, and how sure they are."""

    position: tuple[Position, ...] = Field(
        default=(), description="Place, RA,DEC in degrees or sexagesimal; repeat for several."
    )
    band: tuple[Band, ...] = Field(
        default=(),
        description="Energy range, in keV; repeat for several. The mission's standard bands, or "
        "those of the run, if none is given.",
    )
    confidence: float = Field(
        default=LIMIT_CONFIDENCE, gt=0, lt=1,
        description="Probability that the limit is above the source.",
    )  # fmt: skip
