"""Variability of a light curve, band by band, with its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.inference.poisson_rate import CONFIDENCE
from xsurvey.timing.constancy import constancy_test
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.parameters import VariabilityParameters
from xsurvey.timing.variability import excess_variance, maximum_amplitude


@dataclass(frozen=True)
class Variability:
    """How a source varies in one band; NaN where a measure does not exist.

    Attributes
    ----------
    band : str
    bins : int
        With exposure.
    statistic, p_value, p_value_error : float
        Of the test of constancy (`ConstancyTest`).
    trials : int
        Simulated constant sources.
    significance : float
        The p-value up to which a source is called variable.
    variable : bool or None
        The verdict; None with fewer than two bins.
    excess_variance, excess_variance_error : float
        Normalised.
    fractional_variability, fractional_variability_error : float
    amplitude, amplitude_error, amplitude_significance : float
        Maximum amplitude, in the unit of the rate.
    """

    band: str
    bins: int
    statistic: float
    p_value: float
    p_value_error: float
    trials: int
    significance: float
    variable: bool | None
    excess_variance: float
    excess_variance_error: float
    fractional_variability: float
    fractional_variability_error: float
    amplitude: float
    amplitude_error: float
    amplitude_significance: float

    def as_json(self) -> dict[str, Any]:
        """Return all fields by name."""
        return dict(vars(self))

    def verdict(self) -> str:
        """Return the result in words."""
        if self.variable is None:
            return "too few bins to tell whether it varies"
        # no trial was beyond the statistic: the p-value is a bound
        sign = "<=" if self.p_value * (self.trials + 1) < 1.5 else "="
        word = "variable" if self.variable else "consistent with constant"
        return f"{word} (p {sign} {self.p_value:.2g}, {self.trials} trials)"


def measure_variability(
    curve: LightCurve, parameters: VariabilityParameters, seed: int = 0
) -> tuple[Variability, ...]:
    """Test a light curve for constancy and measure its variability in every band.

    Parameters
    ----------
    curve : LightCurve
    parameters : VariabilityParameters
    seed : int
        Of the simulated constant sources.

    Returns
    -------
    tuple of Variability
        One a band. Each is tested at the significance on its own.
    """
    test = constancy_test(
        curve.counts.T, curve.background_counts.T, curve.background_scale.T, curve.exposure.T,
        trials=parameters.trials, seed=seed,
    )  # fmt: skip
    low, high = curve.rate_interval(CONFIDENCE)
    excess = excess_variance(curve.rate.T, curve.rate_error.T)
    amplitude = maximum_amplitude(curve.rate.T, low.T, high.T)
    results = []
    for i, label in enumerate(curve.labels):
        p_value = float(test.p_value[i])
        results.append(Variability(
            band=label, bins=int(test.bins[i]), statistic=float(test.statistic[i]),
            p_value=p_value, p_value_error=float(test.p_value_error[i]),
            trials=int(test.trials[i]), significance=parameters.significance,
            variable=p_value <= parameters.significance if np.isfinite(p_value) else None,
            excess_variance=float(excess.value[i]), excess_variance_error=float(excess.error[i]),
            fractional_variability=float(excess.fractional[i]),
            fractional_variability_error=float(excess.fractional_error[i]),
            amplitude=float(amplitude.value[i]), amplitude_error=float(amplitude.error[i]),
            amplitude_significance=float(amplitude.significance[i]),
        ))  # fmt: skip
    return tuple(results)
