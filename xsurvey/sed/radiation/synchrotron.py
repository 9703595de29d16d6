r"""Synchrotron emission of electrons with isotropic pitch angles in a tangled field.

An electron radiates

.. math:: P_\nu(\gamma) = \frac{3\sqrt{3}}{\pi} \frac{\sigma_T c U_B}{\nu_B} t^2
   \left[K_{4/3} K_{1/3} - \tfrac{3}{5} t (K_{4/3}^2 - K_{1/3}^2)\right](t),
   \quad t = \frac{\nu}{3 \gamma^2 \nu_B}

(Crusius & Schlickeiser 1986, A&A 164, L16; Ghisellini, Guilbert & Svensson 1988, ApJ 334, L5).
Over x = nu / nu_B the shape is that of the distribution alone: one matrix from electrons to x
serves all fields.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from xsurvey.sed.constants import GYROFREQUENCY, LIGHT, THOMSON
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.spectrum_interpolation import LogSpectra

_LOWEST_X, _HIGHEST_X = 1e-2, 100.0  # nu / nu_B, and that over the square of a Lorentz factor


def bessel_pair(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return K_4/3 and K_1/3 of t."""
    return special.kv(4 / 3, t), special.kv(1 / 3, t)


def power_shape(t: np.ndarray) -> np.ndarray:
    """Return t^2 [K4/3 K1/3 - 0.6 t (K4/3^2 - K1/3^2)], the spectrum of an electron."""
    four, one = bessel_pair(t)
    return t**2 * (four * one - 0.6 * t * (four**2 - one**2))


def field_energy(b: np.ndarray) -> np.ndarray:
    """Return U_B = B^2 / 8 pi in erg/cm3, of B in G."""
    return b**2 / (8 * math.pi)


def gyrofrequency(b: np.ndarray) -> np.ndarray:
    """Return nu_B = e B / (2 pi m_e c) in Hz, of B in G."""
    return GYROFREQUENCY * b


class SynchrotronKernel:
    """The matrix from electrons at the nodes of a grid to emission over x = nu / nu_B.

    Parameters
    ----------
    gamma, x : LogGrid
    """

    def __init__(self, gamma: LogGrid, x: LogGrid) -> None:
        self._matrix = power_shape(x.nodes / (3 * gamma.nodes[:, None] ** 2))

    def emissivity(self, numbers: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the power per volume and frequency.

        Parameters
        ----------
        numbers : ndarray, shape (n, g)
            Electrons per cm3 at the nodes of the grid of Lorentz factors.
        b : ndarray, shape (n,)
            Field in G.

        Returns
        -------
        ndarray, shape (n, x)
            erg / s / cm3 / Hz, at nu = x nu_B.
        """
        unit = 3 * math.sqrt(3) / math.pi * THOMSON * LIGHT * field_energy(b) / gyrofrequency(b)
        return unit[:, None] * (numbers @ self._matrix)


class ParticleSynchrotron:
    """Emission of charged particles of any mass at the nodes of a grid.

    Over x = nu / nu_B the power per volume and frequency is m_e / m of what as many electrons
    emit.

    Parameters
    ----------
    gamma : LogGrid
    mass_ratio : float
        m_e / m.
    """

    def __init__(self, gamma: LogGrid, mass_ratio: float = 1.0) -> None:
        self.gamma, self.mass_ratio = gamma, mass_ratio
        low, high = gamma.limits
        self.x = LogGrid(_LOWEST_X * low**2, _HIGHEST_X * high**2, gamma.per_decade)
        self._kernel = SynchrotronKernel(gamma, self.x)

    def power(self, numbers: np.ndarray, b: np.ndarray, ln_nu: np.ndarray) -> np.ndarray:
        """Return nu times the emissivity in erg / s / cm3, shape (n, f).

        Parameters
        ----------
        numbers : ndarray, shape (n, g)
            Particles per cm3 at the nodes of `gamma`; a row without any emits nothing.
        b : ndarray, shape (n,)
            Field in G.
        ln_nu : ndarray, shape (n, f)
            ln of Hz, in the frame of the sphere.
        """
        emissivity = self.mass_ratio * self._kernel.emissivity(numbers, b)
        ln_x = ln_nu - np.log(self.mass_ratio * gyrofrequency(b))[:, None]
        some = emissivity.max(axis=1) > 0
        result: np.ndarray = np.exp(ln_nu) * LogSpectra(self.x, emissivity)(ln_x) * some[:, None]
        return result
