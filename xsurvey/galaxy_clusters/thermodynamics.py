"""Entropy, pressure and mass of gas, from its density and temperature."""

from __future__ import annotations

import numpy as np

from xsurvey.galaxy_clusters.composition import Composition
from xsurvey.galaxy_clusters.constants import GRAVITY, KPC, PROTON_MASS

_FLAT = 1e-5


def entropy(density: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Return kT n_e^(-2/3), keV cm2 (Voit 2005, Rev. Mod. Phys. 77, 207), for cm-3 and keV."""
    return np.asarray(temperature * np.asarray(density) ** (-2 / 3))


def pressure(density: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Return the pressure of the electrons n_e kT, keV cm-3; that of all gas is 1.9 times as much.

    Exactly `Composition.particles_per_electron` times.
    """
    return np.asarray(density * np.asarray(temperature))


def volume_integral(radius: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the integral of 4 pi r^2 from the centre to each radius.

    Between radii the values are power laws; inside the first they are constant.

    Parameters
    ----------
    radius : ndarray, shape (n,)
        Positive, ascending, at least three.
    values : ndarray, shape (..., n)
        Not negative.

    Returns
    -------
    ndarray, shape (..., n)
    """
    radius, values = np.asarray(radius, float), np.asarray(values, float)
    if len(radius) < 3 or radius[0] <= 0 or not np.all(np.diff(radius) > 0):
        raise ValueError("radii must be positive, ascending, and at least three")
    core = 4 * np.pi / 3 * radius[0] ** 3 * values[..., :1]
    per_log_radius = 4 * np.pi * radius**3 * values
    low, high = per_log_radius[..., :-1], per_log_radius[..., 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(high / low)
        # a power law has its logarithmic mean, whose limits are these where it is constant or zero
        mean = np.where(np.abs(ratio) < _FLAT, (low + high) / 2, (high - low) / ratio)
    shells = np.where((low > 0) & (high > 0), mean, (low + high) / 2) * np.diff(np.log(radius))
    return np.concatenate([core, core + np.cumsum(shells, axis=-1)], axis=-1)


def gas_mass(radius: np.ndarray, density: np.ndarray, gas: Composition) -> np.ndarray:
    """Return the mass of gas inside radii, solar masses; see `volume_integral`.

    Parameters
    ----------
    radius : ndarray, shape (n,)
        kpc.
    density : ndarray, shape (..., n)
        Electrons per cm3.
    gas : Composition
    """
    return volume_integral(radius, density) * (KPC**3 * gas.mu_e * PROTON_MASS)


def luminosity(
    radius: np.ndarray, density: np.ndarray, power: np.ndarray, gas: Composition
) -> np.ndarray:
    """Return the power radiated inside radii, erg / s; see `volume_integral`.

    Parameters
    ----------
    radius : ndarray, shape (n,)
        kpc.
    density : ndarray, shape (..., n)
        Electrons per cm3.
    power : ndarray, shape (..., n)
        Lambda of `xsurvey.galaxy_clusters.cooling.CoolingFunction`, erg cm3 / s.
    gas : Composition
    """
    emitted = np.asarray(density) ** 2 / gas.electrons_per_hydrogen * power
    return volume_integral(radius, emitted) * KPC**3


def virial_temperature(
    mass: np.ndarray | float, radius: np.ndarray | float, mu: float
) -> np.ndarray:
    """Return G M mu m_p / (2 r), keV: of M200 and R200 the k T200 of Voit et al. (2005)."""
    return np.asarray(mu * GRAVITY * np.asarray(mass) / (2 * np.asarray(radius)))


def virial_entropy(
    mass: np.ndarray | float, radius: np.ndarray | float, delta: float, critical_density: float,
    baryon_fraction: float, gas: Composition,
) -> np.ndarray:  # fmt: skip
    """Return the entropy that scales those of halos, keV cm2.

    k T200 n_e^(-2/3) with the electrons that gas has at ``delta`` times the critical density times
    the baryon fraction (Voit, Kay & Bryan 2005, MNRAS 364, 909).

    Parameters
    ----------
    mass, radius : ndarray
        Solar masses, kpc, of the overdensity.
    delta : float
    critical_density : float
        Solar masses / kpc3.
    baryon_fraction : float
    gas : Composition
    """
    mass_density = delta * critical_density * baryon_fraction
    density = mass_density / (KPC**3 * gas.mu_e * PROTON_MASS)
    return entropy(np.asarray(density), virial_temperature(mass, radius, gas.mu))
