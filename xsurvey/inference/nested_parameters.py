"""Parameters of nested sampling."""

from typing import Literal

from pydantic import Field

from xsurvey.parameters import StepParameters


class NestedParameters(StepParameters):
    """How evidences are computed."""

    live_points: int = Field(
        default=400, ge=50, le=100_000,
        description="Live points of nested sampling; more find smaller peaks.",
    )  # fmt: skip
    effective_draws: int = Field(
        default=2000, ge=100,
        description="Independent draws of the posterior at which importance sampling stops; the "
        "error of ln(evidence) falls with their square root.",
    )  # fmt: skip
    evidence_tolerance: float = Field(
        default=0.01, gt=0, le=1,
        description="Stop nested sampling when its live points could raise ln(evidence) by no "
        "more than this.",
    )  # fmt: skip
    bound: Literal["none", "single", "multi"] = Field(
        default="multi",
        description="What encloses the live points: nothing, one ellipsoid, or several.",
    )
    walk: Literal["auto", "unif", "rwalk"] = Field(
        default="auto",
        description="How new points are drawn within it: uniformly, by random walks, or by these "
        "once they cost less.",
    )
    walk_steps: int | None = Field(
        default=None, ge=5, le=10_000,
        description="Steps of a random walk; six, and one for each free parameter, if not given.",
    )  # fmt: skip
    max_evaluations: int = Field(
        default=2_000_000, ge=1000,
        description="Largest number of likelihoods; an evidence that needs more is marked.",
    )  # fmt: skip
