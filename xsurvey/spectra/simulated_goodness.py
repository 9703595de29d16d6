"""Goodness of fit by simulation: spectra drawn from the best fit and fitted again.

The one way that holds for W-stat and for few counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from xsurvey.inference.best_fit import typical_changes
from xsurvey.inference.minimise import minimise
from xsurvey.spectra.fit import Fit
from xsurvey.spectra.likelihood import SpectralLikelihood
from xsurvey.spectra.statistics.goodness import simulated_goodness

_TOLERANCE = 1e-2
"""Of each statistic: some hundredths of a per cent of how much they differ among themselves."""


def simulate_goodness(fit: Fit, trials: int, seed: int = 0) -> dict[str, Any]:
    """Compare the statistic of a fit with those of spectra simulated from it.

    Parameters
    ----------
    fit : Fit
    trials : int
        Spectra to simulate and to fit.
    seed : int

    Returns
    -------
    dict
        ``expected`` and ``standard_deviation`` of the simulated statistics, ``p_value`` (part of
        them that is at least the data's), ``trials`` and ``failed``.
    """
    expected = [m.expected(fit.values[None, :])[0] for m in fit.likelihood.members]

    def simulate_and_fit(generator: np.random.Generator) -> float:
        members = [
            replace(member, statistic=member.statistic.redrawn(model, generator))
            for member, model in zip(fit.likelihood.members, expected, strict=True)
        ]
        likelihood = SpectralLikelihood(members, fit.likelihood.parameters)
        if not len(fit.theta):
            return float(likelihood.statistic(fit.theta[None, :])[0])
        found = minimise(
            likelihood, fit.theta, likelihood.parameters.bounds,
            typical_changes(likelihood, fit.theta), likelihood.penalty, _TOLERANCE,
            probe=False,
        )  # fmt: skip
        return float(likelihood.statistic(found.best[None, :])[0])

    found = simulated_goodness(fit.statistic, simulate_and_fit, trials, np.random.default_rng(seed))
    return {
        "method": "simulated", "expected": found.expected,
        "standard_deviation": found.deviation,
        "sigma": (found.statistic - found.expected) / found.deviation if found.deviation else None,
        "p_value": found.p_value, "trials": trials, "failed": found.failed,
    }  # fmt: skip
