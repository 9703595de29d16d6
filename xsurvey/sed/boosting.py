r"""From a moving sphere to the observer.

A sphere with the Doppler factor delta at the redshift z that radiates isotropically in its frame
:math:`\nu' L'_{\nu'}` is seen with

.. math:: \nu F_\nu = \frac{\delta^4 \nu' L'_{\nu'}}{4\pi d_L^2}, \quad
   \nu = \frac{\delta \nu'}{1 + z}

(Dermer & Menon 2009, eq. 5.46).
"""

from __future__ import annotations

import math

import numpy as np

from xsurvey.sed.constants import LIGHT


def blob_radius(t_var: np.ndarray, delta: np.ndarray, redshift: float) -> np.ndarray:
    """Return R_b = c t_var delta / (1 + z) in cm, of the variability time in s."""
    return LIGHT * t_var * delta / (1 + redshift)


def sphere_volume(radius: np.ndarray) -> np.ndarray:
    """Return the volume in cm3."""
    return 4 / 3 * math.pi * radius**3


def ln_frequency_in_blob(frequencies: np.ndarray, delta: np.ndarray, redshift: float) -> np.ndarray:
    """Return ln of nu' in Hz, shape (b, f), of observed frequencies (f,) and delta (b,)."""
    return np.log(frequencies) + (math.log1p(redshift) - np.log(delta))[:, None]


def observed_flux(
    power: np.ndarray, delta: np.ndarray, radius: np.ndarray, distance: float
) -> np.ndarray:
    """Return nu F_nu in erg / s / cm2, shape (b, f).

    Parameters
    ----------
    power : ndarray, shape (b, f)
        nu' times the emissivity in the sphere's frame, erg / s / cm3.
    delta, radius : ndarray, shape (b,)
        Doppler factor; cm.
    distance : float
        Luminosity distance, cm.
    """
    factor = delta**4 * sphere_volume(radius) / (4 * math.pi * distance**2)
    return factor[:, None] * power
