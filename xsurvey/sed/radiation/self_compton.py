r"""Photons that a homogeneous sphere makes, as seeds of its own electrons.

A photon leaves after 3 R / 4 c in the mean over the sphere, so that the emissivity j fills it with
u = 3 R j / 4 c (Finke, Dermer & Boettcher 2008, ApJ 686, 181; Dermer & Menon 2009, sect. 6.5.4).
"""

from __future__ import annotations

import numpy as np

from xsurvey.sed.constants import FREQUENCY_OF_REST_ENERGY, LIGHT


def seed_energy(emissivity: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return the energy of photons per volume and eps, erg/cm3, shape (b, e).

    Parameters
    ----------
    emissivity : ndarray, shape (b, e)
        erg / s / cm3 / Hz that leave the sphere over its volume.
    radius : ndarray, shape (b,)
        cm.
    """
    return 0.75 * radius[:, None] / LIGHT * emissivity * FREQUENCY_OF_REST_ENERGY
