"""Parameters of radiative models, with priors that are flat between their limits."""

from __future__ import annotations

from xsurvey.inference.parameter_set import FitParameter
from xsurvey.inference.priors import LogUniform, Uniform


def flat(
    name: str, value: float, low: float, high: float, step: float, description: str,
    unit: str = "",
) -> FitParameter:  # fmt: skip
    """Return a free parameter with a flat prior between its limits."""
    return FitParameter(
        name, value, low, high, unit, step=step, prior=Uniform(low, high), description=description
    )


def held(
    name: str, value: float, low: float, high: float, description: str, unit: str = ""
) -> FitParameter:
    """Return a parameter that is frozen at first, with a prior that is flat in its logarithm."""
    return FitParameter(
        name, value, low, high, unit, frozen=True, step=0.1 * value,
        prior=LogUniform(low, high), description=description,
    )  # fmt: skip
