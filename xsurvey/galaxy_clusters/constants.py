"""Constants of the gas in clusters, in keV, cm, kpc and solar masses.

From CODATA and the IAU by `astropy.constants`.
"""

from astropy import constants, units

KPC = float(units.kpc.to(units.cm))
"""A kpc in cm."""
KEV = float(units.keV.to(units.erg))
"""A keV in erg."""
GIGAYEAR = float(units.Gyr.to(units.s))
"""10^9 years in s."""
PROTON_MASS = float((constants.m_p / constants.M_sun).to_value(units.dimensionless_unscaled))
"""In solar masses."""
GRAVITY = float(
    (constants.G * constants.M_sun * constants.m_p / units.kpc).to_value(units.keV)
)  # fmt: skip
"""G m_p (solar mass / kpc) in keV: GRAVITY * M / r is an energy of a proton."""
