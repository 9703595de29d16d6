"""A test double of a radiative model: two smooth humps in closed form."""

from __future__ import annotations

import numpy as np

from xsurvey.inference.parameter_set import FitParameter
from xsurvey.sed.models.base import Quantity
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution

LN10 = np.log(10)


class TwoHumps:
    """Parabolas of log nu F_nu over log nu, of one width and the ratio of their heights.

    log10_height (of the first), log10_peak (Hz), curvature, log10_ratio, log10_shift (of the
    second peak); width is frozen and scales the curvature.
    """

    name = "two-humps"
    description = "two parabolas"
    notes = ("a double for tests",)
    quantities = (Quantity("second_peak", "Hz", "frequency of the second peak"),)
    redshift = 0.1
    distance = 1e27
    parameters = (
        FitParameter("log10_height", -10.5, -16, -6, unit="erg / (s cm2)", step=0.1),
        FitParameter("log10_peak", 16.0, 12, 20, unit="Hz", step=0.1),
        FitParameter("curvature", 0.2, 0.02, 2, step=0.01),
        FitParameter("log10_ratio", 0.0, -4, 4, step=0.1),
        FitParameter("log10_shift", 8.0, 3, 14, step=0.1),
        FitParameter("width", 1.0, 0.1, 10, frozen=True, step=0.1),
    )

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of both humps, (b, f) each."""
        height, peak, curvature, ratio, shift, width = (column[:, None] for column in theta.T)
        log_nu = np.log10(frequencies)[None, :]
        bend = curvature / width**2
        return {
            "synchrotron": np.exp(LN10 * (height - bend * (log_nu - peak) ** 2)),
            "compton": np.exp(LN10 * (height + ratio - bend * (log_nu - peak - shift) ** 2)),
        }

    def derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return `quantities`."""
        return {"second_peak": 10 ** (theta[:, 1] + theta[:, 4])}


TRUTH = np.array([-10.2, 16.8, 0.16, 0.3, 8.7])
"""Free parameters of `drawn`."""


def drawn(
    seed: int = 1, points: int = 40, error: float = 0.05, limits: int = 0
) -> SpectralEnergyDistribution:
    """Return points drawn from the toy model at `TRUTH`, and limits well above it at the end."""
    frequency = np.geomspace(1e11, 1e27, points + limits)
    full = np.append(TRUTH, 1.0)[None, :]
    flux = sum(TwoHumps().components(full, frequency).values())[0]
    random = np.random.default_rng(seed)
    is_limit = np.arange(len(frequency)) >= points
    sigma = error * flux
    measured = flux + sigma * random.standard_normal(len(flux))
    half = len(frequency) // 2
    return SpectralEnergyDistribution(
        name="toy.ecsv", frequency=frequency, flux=np.where(is_limit, 3 * flux, measured),
        error_low=np.where(is_limit, np.nan, sigma), error_high=np.where(is_limit, np.nan, sigma),
        is_limit=is_limit, limit_confidence=np.where(is_limit, 0.95, np.nan),
        instruments=("Optical",) * half + ("Gamma",) * (len(frequency) - half), redshift=0.1,
    )  # fmt: skip


class PolarizedHumps(TwoHumps):
    """The same, polarized: .7 of the first hump, and of the second .7 sin^2 of the inclination."""

    name = "polarized-humps"

    def degrees(
        self, theta: np.ndarray, frequencies: np.ndarray, inclination_deg: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return degrees of both humps, the same at all frequencies."""
        flat = np.full((len(theta), len(frequencies)), 0.7)
        return {
            "synchrotron": flat,
            "compton": flat * np.sin(np.radians(inclination_deg))[:, None] ** 2,
        }
