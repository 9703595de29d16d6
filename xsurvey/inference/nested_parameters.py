"""Parameters of nested sampling."""

from typing import Literal

from pydantic import Field

from xsurvey.parameters import StepParameters


class NestedParameters(StepParameters):
    """How evidences are computed."""

    live_points: int = Field(
        default=500, ge=50, le=100_000,
        description="Live points; the error of ln(evidence) falls with their square root.",
    )  # fmt: skip
    dynamic: bool = Field(
        default=False,
        description="Add points where they improve the posterior rather than the evidence.",
    )
    effective_draws: int = Field(
        default=5000, ge=100,
        description="Independent draws of the posterior at which dynamic sampling stops.",
    )  # fmt: skip
    evidence_tolerance: float = Field(
        default=0.01, gt=0, le=1,
        description="Stop when the live points could raise ln(evidence) by no more than this.",
    )  # fmt: skip
    bound: Literal["none", "single", "multi"] = Field(
        default="multi",
        description="What encloses the live points: nothing, one ellipsoid, or several.",
    )
    walk: Literal["auto", "unif", "rwalk", "slice", "rslice"] = Field(
        default="auto", description="How new points are drawn within it, as dynesty names it."
    )
    max_evaluations: int = Field(
        default=2_000_000, ge=1000,
        description="Largest number of likelihoods; an evidence that needs more is marked.",
    )  # fmt: skip
