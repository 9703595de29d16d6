"""Distances and densities of the universe: flat Lambda-CDM."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from pydantic import Field

from xsurvey.parameters import StepParameters

ARCMIN_PER_RADIAN = 180 * 60 / math.pi


class Cosmology(StepParameters):
    """A flat universe of matter and a cosmological constant."""

    h0: float = Field(default=70.0, gt=0, le=1000, description="Hubble constant, km/s/Mpc.")
    omega_m: float = Field(default=0.3, gt=0, le=1, description="Density of matter today.")

    def expansion(self, redshift: float) -> float:
        """Return E(z), the expansion rate relative to today's."""
        return float(_model(self.h0, self.omega_m).efunc(_checked(redshift)))

    def critical_density(self, redshift: float) -> float:
        """Return the critical density in solar masses / kpc3."""
        density = _model(self.h0, self.omega_m).critical_density(_checked(redshift))
        return float(density.to_value(u.Msun / u.kpc**3))

    def angular_distance(self, redshift: float) -> float:
        """Return the angular diameter distance in kpc."""
        distance = _model(self.h0, self.omega_m).angular_diameter_distance(_checked(redshift))
        return float(distance.to_value(u.kpc))

    def luminosity_distance(self, redshift: float) -> float:
        """Return the luminosity distance in kpc."""
        return self.angular_distance(redshift) * (1 + redshift) ** 2

    def kpc_per_arcmin(self, redshift: float) -> float:
        """Return the proper length that an arcmin subtends."""
        return self.angular_distance(redshift) / ARCMIN_PER_RADIAN

    def stamps(self) -> dict[str, Any]:
        """Return header keywords of tables with lengths or masses."""
        return {"H0": self.h0, "OMEGA_M": self.omega_m, "COSMOLOG": "flat LambdaCDM"}


@lru_cache(maxsize=32)
def _model(h0: float, omega_m: float) -> FlatLambdaCDM:
    return FlatLambdaCDM(H0=h0, Om0=omega_m, Tcmb0=0)


def _checked(redshift: float) -> float:
    if not 0 < redshift < 1000:
        raise ValueError(f"redshift {redshift} is not positive (and below 1000)")
    return redshift
