r"""Protons of a sphere in a steady state: injected as a power law, cooling and escaping.

.. math:: Q = k \gamma^{-p}, \quad \gamma_{min} \le \gamma \le \gamma_{max}, \quad
   P = m_p c^2 V \int \gamma Q d\gamma

They lose energy by synchrotron emission and as the sphere expands, and escape after a number of
times R / c (as of Boettcher et al. 2013, ApJ 768, 54).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from xsurvey.inference.parameter_set import FitParameter
from xsurvey.sed.boosting import sphere_volume
from xsurvey.sed.constants import LIGHT, PROTON_REST_ENERGY
from xsurvey.sed.fit_parameters import flat, held
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.cooling import Losses, Source, steady_numbers, synchrotron_losses
from xsurvey.sed.radiation.proton_synchrotron import MASS_RATIO
from xsurvey.sed.radiation.synchrotron import field_energy

HIGHEST = 11.0
"""log10 of the largest Lorentz factor: 9e19 eV."""
PARAMETERS: tuple[FitParameter, ...] = (
    flat(
        "log10_proton_power", 44.0, 30, 52, 0.1,
        "log10 of the power injected as protons, in the frame of the sphere", "log10(erg / s)",
    ),
    flat("proton_p", 2.0, -1, 5, 0.05, "index of the protons that are injected"),
    held("proton_gamma_min", 1.0, 1, 1e6, "lowest Lorentz factor of injected protons"),
    flat("log10_proton_gamma_max", 9.0, 4, HIGHEST, 0.05, "log10 of their highest Lorentz factor"),
    held("escape_time", 3.0, 1, 1e4, "of protons and pairs, in R / c"),
    held("expansion_speed", 0.1, 1e-6, 1, "of the sphere, for adiabatic losses, in c"),
)  # fmt: skip
"""In the order of the columns of `ProtonRows`."""


class ProtonRows(NamedTuple):
    """Parameters of protons, shape (b,) each, in the order of `PARAMETERS`."""

    log10_power: np.ndarray
    spectral_index: np.ndarray
    gamma_min: np.ndarray
    log10_gamma_max: np.ndarray
    escape_time: np.ndarray
    expansion_speed: np.ndarray


def losses_of(
    rows: ProtonRows, b: np.ndarray, radius: np.ndarray, mass_ratio: float = MASS_RATIO
) -> Losses:
    """Return losses of protons, or with the mass ratio 1 of electrons, in 1/s.

    Parameters
    ----------
    rows : ProtonRows
    b, radius : ndarray, shape (b,)
        Field in G, and cm.
    mass_ratio : float
        m_e / m.
    """
    crossing = LIGHT / radius
    return Losses(
        synchrotron_losses(field_energy(b), mass_ratio), rows.expansion_speed * crossing,
        crossing / rows.escape_time,
    )  # fmt: skip


def proton_numbers(
    rows: ProtonRows, b: np.ndarray, radius: np.ndarray, grid: LogGrid
) -> np.ndarray:
    """Return how many protons per cm3 stand at the nodes of a grid in the steady state, (b, g).

    Parameters
    ----------
    rows : ProtonRows
        Of which gamma_min is below gamma_max.
    b, radius : ndarray, shape (b,)
    grid : LogGrid
        Of Lorentz factors from 1 to `HIGHEST`.
    """
    low, high = rows.gamma_min, 10.0**rows.log10_gamma_max
    power = 10.0**rows.log10_power / (PROTON_REST_ENERGY * sphere_volume(radius))
    ln_k = np.log(power) - _ln_energy(rows.spectral_index, np.log(low), np.log(high))

    def rate(ln_gamma: np.ndarray) -> np.ndarray:
        values: np.ndarray = np.exp(ln_k[:, None] - rows.spectral_index[:, None] * ln_gamma)
        return values

    return steady_numbers([Source(low, high, rate)], losses_of(rows, b, radius), grid)


def _ln_energy(index: np.ndarray, ln_low: np.ndarray, ln_high: np.ndarray) -> np.ndarray:
    """Return ln of the integral of gamma^(1 - p) between two limits."""
    power, width = 2 - index, ln_high - ln_low
    # of e^(power u) over u from 0 to width, from the end at which it is the largest
    steep = np.abs(power) * width
    mean = np.where(steep > 1e-8, -np.expm1(-steep) / np.maximum(steep, 1e-300), 1.0)
    largest = np.where(power > 0, power * ln_high, power * ln_low)
    result: np.ndarray = largest + np.log(mean * width)
    return result
