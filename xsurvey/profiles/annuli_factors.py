"""Brightness per norm of the plasmas that a joint fit of annuli found, and its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.inference.best_fit import typical_changes
from xsurvey.inference.minimum import covariance_of
from xsurvey.profiles.annuli_likelihood import AnnuliLikelihood, AnnuliProblem
from xsurvey.profiles.annuli_model import GasColumns
from xsurvey.profiles.spectral_profile import SpectralProfile
from xsurvey.spectra.fit import Fit
from xsurvey.units import EnergyBand

Rates = Callable[[np.ndarray, np.ndarray], np.ndarray]
_STEP = 0.03
"""Of differences, relative to kT and norms; of abundances in solar."""
_UNIT = "count / s of an absorbed plasma of norm 1"


@dataclass(frozen=True)
class AnnuliFactors:
    """Of n annuli.

    Attributes
    ----------
    value : ndarray, shape (n,)
        Count / s of an absorbed plasma of norm one per arcmin2; NaN without a temperature, or
        where the spectra do not say how well it is known.
    relative_covariance : ndarray, shape (n, n)
        Of the reciprocals, relative to them.
    """

    value: np.ndarray
    relative_covariance: np.ndarray

    def record(self, band: EnergyBand) -> dict[str, Any]:
        """Return values for JSON, of a band in keV; NaN is to be None there."""
        return {
            "band": list(band), "unit": _UNIT, "value": self.value.tolist(),
            "relative_covariance": self.relative_covariance.tolist(),
        }  # fmt: skip


def annuli_factors(
    problem: AnnuliProblem, fit: Fit, profile: SpectralProfile, rates: Rates
) -> AnnuliFactors:
    """Return the brightness per norm of the gas that a fit found.

    Of two temperatures it is the mean by their norms. Errors are those of temperatures and
    abundances, by linear propagation.

    Parameters
    ----------
    problem : AnnuliProblem
    fit : Fit
        Of the problem.
    profile : SpectralProfile
        What the fit found: annuli without a temperature there have no brightness.
    rates : callable
        kT (keV) and abundances (solar) of all regions, (b, r) each, to the brightness of a norm of
        one (b, r), such as `xsurvey.profiles.brightness_factors.brightness_per_norm`.
    """
    likelihood = fit.likelihood
    assert isinstance(likelihood, AnnuliLikelihood)
    columns = _gas_columns(likelihood)
    rows, width = _varied(likelihood, fit.theta, columns)
    full = likelihood.parameters.expand(rows)
    regions, number = np.array(problem.annuli), len(problem.spectra.layout.regions)
    found = _norm_per_brightness(full, likelihood.model.gas, regions, number, rates)
    u = found[0].copy()
    gradient = (found[1::2] - found[2::2]) / width[:, None] / u  # (columns, n)
    covariance = _covariance(fit, likelihood)[np.ix_(columns, columns)]
    unknown = ~np.isfinite(np.diag(covariance))
    lost = np.any(unknown[:, None] & (gradient != 0), axis=0) | ~np.isfinite(profile.kt.value)
    relative = gradient.T @ np.nan_to_num(covariance) @ gradient
    u[lost] = np.nan
    relative[lost] = np.nan
    relative[:, lost] = np.nan
    return AnnuliFactors(1 / u, relative)


def _norm_per_brightness(
    full: np.ndarray, gas: GasColumns, regions: np.ndarray, number: int, rates: Rates
) -> np.ndarray:
    """Return the norm of all plasmas of each annulus over their brightness, (b, n).

    Parameters
    ----------
    full : ndarray, shape (b, p)
        All parameters.
    gas : GasColumns
    regions : ndarray of int, shape (n,)
        Those that are annuli.
    number : int
        Of all regions.
    rates : callable
        As `annuli_factors`.
    """
    norm, bright = np.zeros((2, len(full), len(regions)))
    first = np.zeros(len(gas.place), bool)
    first[np.unique(gas.place, return_index=True)[1]] = True
    for of in (first, ~first):
        if not of.any():
            continue
        at, place = regions[gas.place[of]], gas.place[of]
        kt, abundance = np.full((2, len(full), number), np.nan)
        kt[:, at], abundance[:, at] = full[:, gas.kt[of]], full[:, gas.abundance[of]]
        own = full[:, gas.norm[of]]
        norm[:, place] += own
        bright[:, place] += own * rates(kt, abundance)[:, at]
    return np.divide(norm, bright, out=np.full(norm.shape, np.nan), where=bright > 0)


def _varied(
    likelihood: AnnuliLikelihood, theta: np.ndarray, columns: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters (k,) and, for each column, a step up and one down; and their distances."""
    names, (low, high) = likelihood.parameters.free_names, likelihood.parameters.bounds
    rows = np.repeat(theta[None, :], 1 + 2 * len(columns), axis=0)
    for i, column in enumerate(columns):
        size = 1.0 if names[column].endswith(".Z") else max(abs(theta[column]), 1e-12)
        rows[1 + 2 * i, column] = min(theta[column] + _STEP * size, high[column])
        rows[2 + 2 * i, column] = max(theta[column] - _STEP * size, low[column])
    place = np.arange(len(columns))
    width = rows[1 + 2 * place, columns] - rows[2 + 2 * place, columns]
    return rows, np.where(width > 0, width, np.inf)


def _gas_columns(likelihood: AnnuliLikelihood) -> list[int]:
    """Return the free parameters that are, or are linked to, those of the gas."""
    parameters, gas = likelihood.parameters, likelihood.model.gas
    own = np.unique(np.concatenate((gas.kt, gas.abundance, gas.norm)))
    names = {parameters.parameters[i].name for i in own}
    return [i for i, name in enumerate(parameters.free_names) if name in names]


def _covariance(fit: Fit, likelihood: AnnuliLikelihood) -> np.ndarray:
    """Return the covariance of a fit, with that of abundances that ended at zero.

    None is the best number of metals of many spectra, and not one that is known.
    """
    covariance = fit.minimum.covariance
    names = np.array(likelihood.parameters.free_names)
    stuck = fit.minimum.at_bounds & np.char.endswith(names, ".Z")
    if not stuck.any():
        return covariance
    theta, (low, high) = fit.theta, likelihood.parameters.bounds
    step = _STEP * typical_changes(likelihood, theta)
    up, down = np.minimum(theta + step, high), np.maximum(theta - step, low)
    rows = np.repeat(theta[None, :], 2 * len(theta), axis=0)
    every = np.arange(len(theta))
    rows[2 * every, every], rows[2 * every + 1, every] = up, down
    expected = likelihood.evaluate(np.concatenate((theta[None, :], rows)))
    jacobian = (expected[1::2] - expected[2::2]) / np.where(up > down, up - down, np.inf)[:, None]
    second = likelihood.derivatives(expected[:1])[1][0]
    hessian = (jacobian * second) @ jacobian.T
    hessian += np.diag(likelihood.penalty(theta[None, :])[2][0])
    free = np.isfinite(np.diag(covariance)) | stuck
    return covariance_of(hessian, free)[0]
