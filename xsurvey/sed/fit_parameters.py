"""Parameters of radiative models, with priors that are flat between their limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.inference.parameter_set import FitParameter
from xsurvey.inference.priors import LogUniform, Uniform


@dataclass(frozen=True)
class ScaleFree(LogUniform):
    """The density of ln x that a model brings along: it is no knowledge, and adds no penalty.

    Chains, evidences and the spread of starts need a density, and have this one. Its penalty as a
    `LogUniform`, 2 ln x, would draw a parameter that the data hardly tell by decades to its lower
    limit, at the cost of the fit. A best fit and its profiles are of the likelihood, and of the
    priors that the user gives.
    """

    def penalty(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return zeros."""
        zero = np.zeros(np.shape(x))
        return np.where(self.inside(x), 0.0, np.inf), zero, zero


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
    """Return a parameter that is frozen at first, with a prior that is flat in its logarithm.

    The prior is `ScaleFree`.
    """
    return FitParameter(
        name, value, low, high, unit, frozen=True, step=0.1 * value,
        prior=ScaleFree(low, high), description=description,
    )  # fmt: skip
