r"""Halos of Navarro, Frenk & White (1997, ApJ 490, 493).

.. math:: M(<r) = M_\Delta \frac{m(c\,r/R_\Delta)}{m(c)}, \quad m(x) = \ln(1+x) - x/(1+x)

with the mass :math:`M_\Delta` inside the radius :math:`R_\Delta` in which the mean density is
:math:`\Delta` times the critical one. Masses in solar masses, radii in kpc; arrays broadcast.
"""

from __future__ import annotations

import numpy as np

_SMALL = 1e-3
_BISECTIONS = 60
_LOWEST, _HIGHEST = 1e-6, 1e6


def mass_shape(x: np.ndarray | float) -> np.ndarray:
    """Return m(x) = ln(1 + x) - x / (1 + x)."""
    x = np.asarray(x, float)
    # the two terms cancel at small x
    series = x**2 * (1 / 2 - x * (2 / 3 - x * (3 / 4 - x * 4 / 5)))
    with np.errstate(invalid="ignore"):
        return np.where(x < _SMALL, series, np.log1p(x) - x / (1 + x))


def radius_of(
    mass: np.ndarray | float, delta: np.ndarray | float, critical_density: float
) -> np.ndarray:  # fmt: skip
    """Return the radius in which the mean density is delta times the critical one."""
    return np.asarray(np.cbrt(3 * np.asarray(mass) / (4 * np.pi * delta * critical_density)))


def mass_of(
    radius: np.ndarray | float, delta: np.ndarray | float, critical_density: float
) -> np.ndarray:  # fmt: skip
    """Return the mass inside a radius in which the mean density is delta times the critical."""
    return np.asarray(4 * np.pi / 3 * delta * critical_density * np.asarray(radius, float) ** 3)


def enclosed_mass(
    radius: np.ndarray | float, mass: np.ndarray | float, concentration: np.ndarray | float,
    delta: np.ndarray | float, critical_density: float,
) -> np.ndarray:  # fmt: skip
    """Return the mass inside radii.

    Parameters
    ----------
    radius : ndarray
        kpc.
    mass : ndarray
        Inside the radius of the overdensity ``delta``, solar masses. For a batch of halos and
        many radii give shapes (b, 1) and (n,).
    concentration : ndarray
        That radius over the scale radius.
    delta : float
    critical_density : float
        Solar masses / kpc3.
    """
    x = np.asarray(radius, float) / radius_of(mass, delta, critical_density)
    return np.asarray(mass * mass_shape(concentration * x) / mass_shape(concentration))


def concentration_at(
    concentration: np.ndarray | float, delta: float, other: float
) -> np.ndarray:  # fmt: skip
    """Return the concentration of the same halo with respect to another overdensity.

    Solves m(c') / c'^3 = (other / delta) m(c) / c^3, to rounding.
    """
    c = np.asarray(concentration, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.log(mass_shape(c) / c**3 * (other / delta))
    low, high = np.full(c.shape, np.log(_LOWEST)), np.full(c.shape, np.log(_HIGHEST))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        x = np.exp(middle)
        too_small = np.log(mass_shape(x)) - 3 * middle > wanted  # falls with the concentration
        low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
    return np.where(np.isfinite(wanted), np.exp((low + high) / 2), np.nan)


def convert(
    mass: np.ndarray | float, concentration: np.ndarray | float, delta: float, other: float
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return mass and concentration of a halo with respect to another overdensity.

    Examples
    --------
    >>> mass, concentration = convert(1e14, 4.0, 200, 500)
    >>> f"{mass / 1e14:.3f} {concentration:.3f}"
    '0.692 2.607'
    """
    new = concentration_at(concentration, delta, other)
    ratio = mass_shape(new) / mass_shape(concentration)
    return np.asarray(mass * ratio), new
