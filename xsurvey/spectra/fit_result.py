"""Fluxes of a fit as users see them: plain values for JSON, tables and reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xsurvey.inference.best_fit import Interval
from xsurvey.inference.chains import Chains
from xsurvey.inference.intervals import equal_tailed
from xsurvey.spectra.fit import Fit, flux_interval
from xsurvey.spectra.flux import BandFlux
from xsurvey.spectra.likelihood import SpectralLikelihood

_FEW = 2000
"""Draws of a chain from which fluxes' intervals are taken."""


def fluxes(
    fit: Fit, functions: Sequence[dict[str, BandFlux]], columns: np.ndarray, confidence: float,
    chains: Chains | None = None, intervals: bool = True,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the fluxes of a fit in some bands.

    Parameters
    ----------
    fit : Fit
    functions : sequence of dict
        As `xsurvey.spectra.flux.flux_functions` returns them.
    columns : ndarray of int
        Of the model's parameters among all parameters: those of one spectrum.
    confidence : float
    chains : Chains, optional
        Intervals are equal-tailed ones of the posterior where there is a chain.
    intervals : bool
        Whether to find them where there is no chain.

    Returns
    -------
    list of dict
        A row a band: value, lower, upper, confidence, unit, energy_min, energy_max of the flux as
        observed, and under ``unabsorbed`` and ``luminosity`` the same of these.
    """
    rows = []
    for row in functions:
        records = {
            name: _flux_record(fit, flux, columns, confidence, chains, intervals)
            for name, flux in row.items()
        }
        rows.append(records.pop("absorbed") | records)
    return rows


def _flux_record(
    fit: Fit, flux: BandFlux, columns: np.ndarray, confidence: float, chains: Chains | None,
    intervals: bool,
) -> dict[str, Any]:  # fmt: skip
    def of_all(full: np.ndarray) -> np.ndarray:
        return flux(full[:, columns])

    interval, method = None, None
    if chains is not None:
        value, interval = _sampled_flux(fit.likelihood, of_all, chains, confidence)
        method = "posterior"
    elif intervals and len(fit.theta):
        value, interval, method = flux_interval(fit, of_all, confidence)
    else:
        value = float(of_all(fit.values[None, :])[0])
    return {
        "value": value, "lower": None if interval is None else interval.lower,
        "upper": None if interval is None else interval.upper,
        "confidence": None if interval is None else confidence, "unit": flux.unit,
        "energy_min": flux.frame.minimum, "energy_max": flux.frame.maximum, "method": method,
    }  # fmt: skip


def draws_of_fluxes(likelihood: SpectralLikelihood, chains: Chains) -> np.ndarray:
    """Return all parameters of the draws of a chain that fluxes are computed of, shape (n, p)."""
    samples = chains.samples
    return likelihood.parameters.expand(samples[:: max(len(samples) // _FEW, 1)])


def _sampled_flux(
    likelihood: SpectralLikelihood, flux: Callable[[np.ndarray], np.ndarray], chains: Chains,
    confidence: float,
) -> tuple[float, Interval]:  # fmt: skip
    draws = flux(draws_of_fluxes(likelihood, chains))
    draws = draws[np.isfinite(draws)]
    return float(np.median(draws)), Interval(*equal_tailed(draws, confidence))
