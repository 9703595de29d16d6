"""How well a best fit describes the data, by what its statistic allows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import chi2

from xsurvey.spectra.fit import Fit
from xsurvey.spectra.statistics.chi2 import ChiSquare
from xsurvey.spectra.statistics.goodness import goodness


def goodness_record(fit: Fit) -> dict[str, Any] | None:
    """Return the goodness of a fit, or None where the statistic alone does not give one.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    dict or None
        For cstat Kaastra's (2017, A&A 605, A51) expected value and standard deviation, lowered by
        the fitted parameters; for chi2 those of the chi-square distribution. W-stat has no known
        distribution at few counts: simulate.
    """
    likelihood = fit.likelihood
    members = likelihood.members
    free = len(fit.theta)
    counts = likelihood.poisson_counts
    if counts is not None:
        model = likelihood.evaluate(fit.theta[None, :])[0]
        found = goodness(counts, model, free)
        return {
            "method": "Kaastra (2017), Gaussian", "expected": found.expected,
            "standard_deviation": found.deviation, "sigma": found.significance,
            "p_value": found.p_value,
        }  # fmt: skip
    if all(isinstance(m.statistic, ChiSquare) for m in members):
        dof = likelihood.degrees_of_freedom
        if dof < 1:
            return None
        deviation = float(np.sqrt(2 * dof))
        return {
            "method": "chi-square distribution", "expected": float(dof),
            "standard_deviation": deviation, "sigma": (fit.statistic - dof) / deviation,
            "p_value": float(chi2.sf(fit.statistic, dof)),
        }  # fmt: skip
    return None
