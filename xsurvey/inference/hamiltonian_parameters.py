"""Parameters of the Hamiltonian sampler."""

from __future__ import annotations

from pydantic import Field

from xsurvey.parameters import StepParameters


class HamiltonianParameters(StepParameters):
    """How posteriors with gradients are sampled, and when the sampling stops."""

    chains: int = Field(
        default=16, ge=4, le=256,
        description="Independent chains, which are compared to see whether they agree.",
    )  # fmt: skip
    warmup: int = Field(
        default=200, ge=40, le=100_000,
        description="Steps that adapt the sampler and are not kept, a chain.",
    )  # fmt: skip
    min_steps: int = Field(
        default=200, ge=20, description="Smallest number of kept steps, a chain."
    )
    max_steps: int = Field(
        default=3200, ge=20,
        description="Largest number of kept steps; chains that do not agree by then are marked.",
    )  # fmt: skip
    acceptance: float = Field(
        default=0.8, gt=0.4, lt=0.99,
        description="Part of the proposals that the length of a leap is adapted to accept.",
    )  # fmt: skip
    r_hat_limit: float = Field(
        default=1.01, gt=1, le=1.2,
        description="Largest rank-normalised split R-hat between the chains.",
    )  # fmt: skip
    min_ess: float = Field(
        default=400.0, ge=10,
        description="Smallest effective sample size, in the bulk and in the tails.",
    )  # fmt: skip
