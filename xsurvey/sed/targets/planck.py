r"""Black bodies: :math:`\pi B_\nu / \sigma T^4` is their spectrum over their power."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from astropy import constants

from xsurvey.sed.constants import PLANCK

BOLTZMANN = float(constants.k_B.cgs.value)
"""erg/K."""
STEFAN = float(constants.sigma_sb.cgs.value)
"""sigma of sigma T^4, erg / s / cm2 / K^4."""
MEAN_PHOTON = 2.7
"""Mean energy of photons, over k T, as it is rounded in the literature; 2.7012 it is."""

_NORM = 15 / math.pi**4  # 1 / integral of x^3 / (e^x - 1)
_SAMPLES = 20
_LOWEST, _HIGHEST = 0.02, 25.0  # h nu / k T


def ln_planck(ln_nu: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Return ln of nu times the spectrum over the power, 15/pi^4 x^4 / (e^x - 1).

    Parameters
    ----------
    ln_nu : ndarray
        ln of Hz.
    temperature : ndarray
        K.
    """
    ln_x = ln_nu + math.log(PLANCK / BOLTZMANN) - np.log(temperature)
    x = np.exp(np.minimum(ln_x, 700))
    return math.log(_NORM) + 4 * ln_x - x - np.log(-np.expm1(-x))


@lru_cache(maxsize=1)
def energy_samples() -> tuple[np.ndarray, np.ndarray]:
    """Return photon energies over k T that stand for a black body, and their parts of its energy.

    Returns
    -------
    tuple of ndarray, shape (n,)
        Equal in ln x, and parts whose sum is 1.
    """
    ln_x = np.linspace(math.log(_LOWEST), math.log(_HIGHEST), _SAMPLES)
    x = np.exp(ln_x)
    parts = x**4 / np.expm1(x)
    return x, parts / parts.sum()
