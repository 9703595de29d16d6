r"""Pairs that protons make of photons directly: p + gamma to p + e+ + e-.

By Kelner & Aharonian (2008, Phys. Rev. D 78, 034013, sect. IV), with gamma_p >> 1: in the frame of
the proton photons come from ahead with the energy omega, up to kappa = 2 gamma_p eps, and

.. math:: \Phi(\kappa, y) = \frac{2c}{\kappa^2} \int_{(1+y)^2/2y}^{\kappa} \omega\,d\omega
   \int_{(1+y^2)/2y}^{\omega-1} \frac{dE_-}{p_-} W(\omega, E_-, \xi), \qquad
   \xi = \frac{E_- - y}{p_-}, \quad y = \frac{\gamma}{\gamma_p}

with the Born cross section W in energy and angle of one of the two (Blumenthal 1970, Phys. Rev. D
1, 1596, eq. 10), energies in m_e c^2. Here E_- - p_- xi is y, and what would cancel is written out
with it. Of both signs there are as many, with this spectrum. The recoil of the proton is left out.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from astropy import constants
from scipy.interpolate import CubicSpline

from xsurvey.sed.constants import LIGHT, THOMSON
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.hadronic.folding import ProtonPhotonKernel, Table

HIGHEST = 1e5
"""kappa above which photons are left out: there pions take the energy."""
_UNIT = float(constants.alpha.value) * 3 * THOMSON / (8 * math.pi)  # alpha r_e^2
_ENERGIES, _ENERGY_WEIGHTS = np.polynomial.legendre.leggauss(32)
_ENERGIES, _ENERGY_WEIGHTS = (_ENERGIES + 1) / 2, _ENERGY_WEIGHTS / 2
_OMEGAS, _OMEGA_WEIGHTS = np.polynomial.legendre.leggauss(3)
_OMEGAS, _OMEGA_WEIGHTS = (_OMEGAS + 1) / 2, _OMEGA_WEIGHTS / 2
_STEPS = 48  # in the root of ln(omega / its lowest)


def differential_cross_section(omega: np.ndarray, energy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return W, the cross section per energy and cosine of the electron, in cm2.

    Parameters
    ----------
    omega, energy : ndarray
        Of the photon and of the electron, from 1 to omega - 1, in m_e c^2 and the proton's frame.
    y : ndarray
        E - p cos(theta) of the electron.
    """
    other = omega - energy
    p2, q2 = energy**2 - 1, np.maximum(other**2 - 1, 0)  # squared momenta
    p, q = np.sqrt(p2), np.sqrt(q2)
    sine2 = np.maximum(2 * energy * y - y**2 - 1, 0) / p2
    t2 = q2 + 2 * omega * y  # squared momentum that goes to the proton
    t = np.sqrt(t2)
    ln_t = np.log((t + q) ** 2 / (2 * omega * y))
    ln_energy = 2 / p2 * np.log((energy * other + p * q + 1) / omega)
    ln_other = 2 * np.log(other + q)
    bracket = (
        -4 * sine2 * (2 * energy**2 + 1) / (p2 * y**4)
        + (5 * energy**2 - 2 * energy * other + 3) / (p2 * y**2)
        + (p2 - omega**2) / (t2 * y**2)
        + 2 * other / (p2 * y)
    )
    first = (
        2 * energy * sine2 * (3 * omega + p2 * other) / y**4
        + (
            2 * energy**2 * (energy**2 + other**2)
            - 7 * energy**2
            - 3 * energy * other
            - other**2
            + 1
        )
        / y**2
        + omega * (energy**2 - energy * other - 1) / y
    )
    second = 2 / y**2 - 3 * omega / y - omega * (p2 - omega**2) / (t2 * y)
    # times p q, which is in the denominators of what has a logarithm
    return (
        _UNIT / (2 * omega**3)
        * (p * q * bracket + ln_energy * first - p * ln_t / t * second - 2 * p * ln_other / y)
    )  # fmt: skip


def _over_energies(omega: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return integrals of W / p over the energies of electrons, cm2."""
    lowest = (1 + y**2) / (2 * y)
    highest = np.maximum(omega - 1, lowest)
    width = np.log(highest / lowest)[..., None]
    # the other's momentum is a root at the upper end
    energy = highest[..., None] * np.exp(-width * _ENERGIES**2)
    w = differential_cross_section(omega[..., None], energy, y[..., None])
    slope = energy / np.sqrt(energy**2 - 1) * 2 * width * _ENERGIES
    result: np.ndarray = np.maximum(w * slope, 0) @ _ENERGY_WEIGHTS
    return result


def cumulative_cross_section(kappa: np.ndarray, y: float) -> np.ndarray:
    """Return the double integral of omega W / p up to kappa for one y, cm2, zero below threshold.

    Parameters
    ----------
    kappa : ndarray
    y : float
    """
    lowest = (1 + y) ** 2 / (2 * y)
    top = max(float(np.max(kappa)), 2 * lowest)
    edges = np.linspace(0, math.sqrt(math.log(top / lowest)), _STEPS + 1)
    root = edges[:-1, None] + np.diff(edges)[:, None] * _OMEGAS
    omega = lowest * np.exp(root**2)
    values = _over_energies(omega, np.full_like(omega, y)) * omega**2 * 2 * root
    steps = (values @ _OMEGA_WEIGHTS) * np.diff(edges)
    total = np.append(0, np.cumsum(steps))
    # it begins as a power of ln(omega / lowest) between 2 and 3
    spline = CubicSpline(edges, total**0.4)
    place = np.sqrt(np.log(np.maximum(kappa / lowest, 1)))
    result: np.ndarray = np.maximum(spline(place), 0) ** 2.5
    return result


def pair_spectrum(kappa: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Phi in cm3 / s of one of the two signs, of kappa (k, n) and y (r,), (k, r, n)."""
    total = np.stack([cumulative_cross_section(kappa, float(value)) for value in y], axis=1)
    return 2 * LIGHT * total / kappa[:, None, :] ** 2


def bethe_heitler_kernel(
    protons: LogGrid, photons: LogGrid, secondaries: LogGrid
) -> ProtonPhotonKernel:
    """Return what makes electrons, and as many positrons, of protons and photons.

    Parameters
    ----------
    protons, photons, secondaries : LogGrid
        Lorentz factors, and energies in m_e c^2, with the same number of nodes a decade.
    """
    return ProtonPhotonKernel(
        protons, photons, secondaries, bethe_heitler_table(protons.per_decade)
    )


@lru_cache(maxsize=4)
def bethe_heitler_table(per_decade: int) -> Table:
    """Return the process by which protons and photons make electrons, and as many positrons."""

    def spectrum(product: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        return pair_spectrum(2 * product, ratio)

    return Table(spectrum, (1.0, HIGHEST / 2), (1 / (2 * HIGHEST), 2 * HIGHEST), per_decade)
