"""Constants of radiating particles in Gaussian units (cm, g, s, erg, G).

From CODATA by `astropy.constants`.
"""

import math

from astropy import constants, units

LIGHT = float(constants.c.cgs.value)
"""Speed of light, cm/s."""
ELECTRON_MASS = float(constants.m_e.cgs.value)
"""g."""
PROTON_MASS = float(constants.m_p.cgs.value)
"""g."""
ELECTRON_REST_ENERGY = ELECTRON_MASS * LIGHT**2
"""m_e c^2, erg."""
PROTON_REST_ENERGY = PROTON_MASS * LIGHT**2
"""m_p c^2, erg."""
THOMSON = float(constants.sigma_T.cgs.value)
"""Cross section, cm2."""
PLANCK = float(constants.h.cgs.value)
"""erg s."""
GYROFREQUENCY = float(constants.e.gauss.value) / (2 * math.pi * ELECTRON_MASS * LIGHT)
"""nu_B of an electron in 1 G: e / (2 pi m_e c), Hz."""
FREQUENCY_OF_REST_ENERGY = ELECTRON_REST_ENERGY / PLANCK
"""m_e c^2 / h, Hz: of a photon of the energy epsilon = 1."""
KPC = float(units.kpc.to(units.cm))
"""A kpc in cm."""
TEV = float(units.TeV.to(units.erg)) / PLANCK
"""Frequency of a photon of a TeV, Hz."""
