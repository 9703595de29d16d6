r"""Absorption of synchrotron photons by the electrons that make them.

.. math:: \kappa_\nu = -\frac{1}{8\pi m_e \nu^2} \int \gamma^2
   \frac{d}{d\gamma}\left(\frac{n}{\gamma^2}\right) P_\nu \, d\gamma
   = \frac{1}{8\pi m_e \nu^2} \int \frac{n}{\gamma^2} \frac{d(\gamma^2 P_\nu)}{d\gamma} d\gamma

(Rybicki & Lightman 1979, eq. 6.50, by parts). In the second form there is no derivative of n, and
edges of the distribution, where n jumps, are in it. With the kernel of `synchrotron`

.. math:: \frac{1}{\gamma^2}\frac{d(\gamma^2 P_\nu)}{d\gamma} = \frac{3\sqrt{3}}{\pi}
   \frac{\sigma_T c U_B}{\nu_B} \frac{6}{5\gamma} t^3 (K_{4/3}^2 - K_{1/3}^2)

(Ghisellini & Svensson 1991, MNRAS 252, 313), which is positive: there is no maser.
"""

from __future__ import annotations

import math

import numpy as np

from xsurvey.sed.constants import ELECTRON_MASS, LIGHT, THOMSON
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.radiation.synchrotron import bessel_pair, field_energy, gyrofrequency

_THIN = 0.1  # optical depth below which the closed form cancels
_TERMS = 8


def absorption_shape(t: np.ndarray) -> np.ndarray:
    """Return 6/5 t^3 (K4/3^2 - K1/3^2), gamma times the derivative of the power's shape."""
    four, one = bessel_pair(t)
    return 1.2 * t**3 * (four**2 - one**2)


class AbsorptionKernel:
    """The matrix from electrons to the absorption coefficient over x = nu / nu_B.

    Parameters
    ----------
    gamma, x : LogGrid
    """

    def __init__(self, gamma: LogGrid, x: LogGrid) -> None:
        electron = gamma.nodes[:, None]
        self._matrix = absorption_shape(x.nodes / (3 * electron**2)) / (electron * x.nodes**2)

    def coefficient(self, numbers: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return kappa in 1/cm at nu = x nu_B, shape (n, x).

        Parameters
        ----------
        numbers : ndarray, shape (n, g)
            Electrons per cm3 at the nodes of the grid of Lorentz factors.
        b : ndarray, shape (n,)
            Field in G.
        """
        power = 3 * math.sqrt(3) / math.pi * THOMSON * LIGHT * field_energy(b) / gyrofrequency(b)
        unit = power / (8 * math.pi * ELECTRON_MASS * gyrofrequency(b) ** 2)
        return unit[:, None] * (numbers @ self._matrix)


def escaping_fraction(depth: np.ndarray) -> np.ndarray:
    r"""Return what part of the photons made in a homogeneous sphere leaves it.

    .. math:: \frac{3}{\tau}\left[\frac{1}{2} + \frac{e^{-\tau}}{\tau} -
       \frac{1 - e^{-\tau}}{\tau^2}\right]

    (Gould 1979, A&A 76, 306; Dermer & Menon 2009, eq. 7.122).

    Parameters
    ----------
    depth : ndarray
        tau = 2 kappa R, through the centre.
    """
    # sum over m of (-1)^m 3 (m + 2) / (m + 3)! tau^m
    thin, series = np.minimum(depth, _THIN), np.zeros_like(depth)
    for m in reversed(range(_TERMS)):
        series = series * thin + (-1) ** m * 3 * (m + 2) / math.factorial(m + 3)
    thick = np.maximum(depth, _THIN)
    lost = -np.expm1(-thick)
    closed = 3 / thick * (0.5 + (1 - lost) / thick - lost / thick**2)
    return np.where(depth < _THIN, series, closed)
