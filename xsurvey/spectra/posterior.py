"""What the posterior of a fit of spectra predicts."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey.inference.chains import Chains
from xsurvey.spectra.fit import Fit
from xsurvey.spectra.statistics.predictive import posterior_predictive

_DRAWS = 1000
"""Draws of the posterior that a predictive check simulates spectra from."""


def predictive_check(fit: Fit, chains: Chains, seed: int = 0) -> dict[str, Any] | None:
    """Compare the data with spectra simulated from the posterior.

    Parameters
    ----------
    fit : Fit
    chains : Chains
    seed : int

    Returns
    -------
    dict or None
        ``p_value``: part of the simulated spectra whose cstat is at least that of the data, each
        under its own draw; ``draws``. None for statistics that are not of Poisson counts alone.
    """
    counts = fit.likelihood.poisson_counts
    if counts is None:
        return None
    samples = chains.samples
    chosen = samples[:: max(len(samples) // _DRAWS, 1)]
    model = fit.likelihood.evaluate(chosen)
    possible = np.isfinite(model).all(axis=1)
    if not possible.any():
        return None
    found = posterior_predictive(model[possible], counts, np.random.default_rng(seed))
    return {"p_value": found.p_value, "draws": int(possible.sum())}
