"""Parameters of the ensemble sampler."""

from typing import Literal

from pydantic import Field, model_validator

from xsurvey.parameters import StepParameters


class MCMCParameters(StepParameters):
    """How posteriors are sampled, and when the sampling stops."""

    walkers: int | None = Field(
        default=None, ge=4,
        description="Walkers of an ensemble, an even number of at least twice the free parameters. "
        "Four times the free parameters and at least 16 if not given.",
    )  # fmt: skip
    ensembles: int = Field(
        default=4, ge=4, le=64,
        description="Independent ensembles, which are compared to see whether they agree.",
    )  # fmt: skip
    max_steps: int = Field(
        default=20_000, ge=10,
        description="Largest number of steps; a chain that has not converged by then is marked.",
    )  # fmt: skip
    min_steps: int = Field(
        default=500, ge=10, description="Smallest number of steps, the burn-in included."
    )
    autocorrelation_factor: float = Field(
        default=50.0, ge=10, le=10_000,
        description="Smallest length of the chain after burn-in, in autocorrelation times of its "
        "slowest parameter.",
    )  # fmt: skip
    r_hat_limit: float = Field(
        default=1.01, gt=1, le=1.2,
        description="Largest rank-normalised split R-hat between the ensembles.",
    )  # fmt: skip
    min_ess: float = Field(
        default=400.0, ge=10,
        description="Smallest effective sample size, in the bulk and in the tails.",
    )  # fmt: skip
    check_every: int = Field(
        default=100, ge=10,
        description="Steps until the chain is first written and looked at; later it is looked at "
        "when it has grown by a quarter, rounded to this.",
    )  # fmt: skip
    burn_factor: float = Field(
        default=10.0, ge=2, le=100,
        description="Length of the burn-in that is left out, in autocorrelation times; at most "
        "half of the chain.",
    )  # fmt: skip
    thin: int = Field(default=1, ge=1, le=1000, description="Keep one step in so many.")
    moves: Literal["stretch", "differential", "mixed"] = Field(
        default="mixed",
        description="How walkers move: affine stretch moves, differential evolution, or either at "
        "random.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _numbers_fit(self) -> "MCMCParameters":
        if self.walkers is not None and self.walkers % 2:
            raise ValueError(f"walkers ({self.walkers}) is not even")
        if self.min_steps > self.max_steps:
            raise ValueError(f"min_steps ({self.min_steps}) is above max_steps ({self.max_steps})")
        if self.check_every % self.thin:
            raise ValueError(
                f"check_every ({self.check_every}) is not a multiple of thin ({self.thin})"
            )
        return self

    def walkers_of(self, k: int) -> int:
        """Return the walkers of an ensemble for ``k`` parameters.

        Raises
        ------
        ValueError
            Fewer than 2 k were asked for.
        """
        if self.walkers is None:
            return max(4 * k, 16)
        if self.walkers < 2 * k:
            raise ValueError(f"walkers ({self.walkers}) is below twice the {k} parameters")
        return self.walkers
