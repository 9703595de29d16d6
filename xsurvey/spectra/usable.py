"""Whether the parameters of a fit mean anything."""

from __future__ import annotations

import numpy as np

from xsurvey.spectra.fit import Fit


def why_useless(fit: Fit) -> str:
    """Return why the parameters of a fit mean nothing, empty where they do.

    Zero may be a true value of a parameter, such as that of a column density; other limits are
    arbitrary, and a norm of zero leaves no source. Intervals are not looked at.
    """
    likelihood, minimum = fit.likelihood, fit.minimum
    if likelihood.degrees_of_freedom < 1:
        return "no more groups of channels than free parameters"
    if not minimum.converged:
        return f"the fit did not converge ({minimum.message})"
    free = [likelihood.parameters.parameters[i] for i in likelihood.parameters.free]
    for parameter, value, at_bound in zip(free, fit.theta, minimum.at_bounds, strict=True):
        if at_bound and (parameter.is_norm or value != 0):
            return f"{parameter.name} is at its limit, {value:g}"
    if not np.isfinite([fit.statistic, *fit.theta]).all():
        return "the best fit is not finite"
    return ""
