"""Units of spectral energy distributions: what tables give, brought to Hz and nu F_nu.

A flux density is known by its dimensions alone, so that nothing about it is guessed: nu F_nu
(energy / area / time), F_nu, F_lambda, photons per energy, per frequency or per wavelength.
"""

from __future__ import annotations

import numpy as np
from astropy import constants
from astropy import units as u

FLUX_UNIT = u.erg / (u.cm**2 * u.s)


def frequency_of(values: np.ndarray, unit: u.UnitBase) -> np.ndarray:
    """Return frequencies in Hz of frequencies, photon energies or wavelengths.

    Raises
    ------
    UnitConversionError
        The unit is of something else.

    Examples
    --------
    >>> frequency_of(np.array([1.0]), u.keV).round(-14)
    array([2.418e+17])
    """
    return np.asarray((values * unit).to_value(u.Hz, equivalencies=u.spectral()), float)


def flux_factor(unit: u.UnitBase, frequency: np.ndarray) -> np.ndarray:
    """Return what values in a unit are multiplied with to be nu F_nu in erg / cm2 / s.

    Parameters
    ----------
    unit : Unit
        Of nu F_nu (E^2 dN/dE is the same), F_nu (Jy), F_lambda, or photons per energy, frequency
        or wavelength; photons may be written or not.
    frequency : ndarray, shape (n,)
        Hz.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    UnitConversionError
        It is none of these.

    Examples
    --------
    >>> flux_factor(u.Jy, np.array([1e15]))
    array([1.e-08])
    """
    plain = _without_photons(unit)
    nu = frequency * u.Hz
    energy, wavelength = constants.h * nu, constants.c / nu
    for factor in (
        np.ones(len(frequency)) * u.one, nu, wavelength, energy**2, energy * nu,
        energy * wavelength,
    ):  # fmt: skip
        if (plain * factor.unit).is_equivalent(FLUX_UNIT):
            return np.asarray((plain * factor).to_value(FLUX_UNIT), float)
    raise u.UnitConversionError(f"'{unit}' is no unit of a flux density")


def _without_photons(unit: u.UnitBase) -> u.UnitBase:
    """Return a unit with photons and counts of them left out: they have no dimension."""
    kept = [
        (base, power) for base, power in zip(unit.bases, unit.powers, strict=True)
        if base not in (u.photon, u.count)
    ]  # fmt: skip
    return u.CompositeUnit(unit.scale, [b for b, _ in kept], [p for _, p in kept])
