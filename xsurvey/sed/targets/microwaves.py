"""The cosmic microwave background: photons from everywhere, of the one energy 2.7 k T."""

from __future__ import annotations

import numpy as np

from xsurvey.inference.parameter_set import FitParameter
from xsurvey.sed.constants import ELECTRON_REST_ENERGY, LIGHT
from xsurvey.sed.targets.base import Rays
from xsurvey.sed.targets.planck import BOLTZMANN, MEAN_PHOTON, STEFAN

TEMPERATURE = 2.72548
"""K (Fixsen 2009, ApJ 707, 916)."""
_ANGLES = 32


class MicrowaveBackground:
    """Photons of a black body, as if they had its mean energy.

    Parameters
    ----------
    redshift : float
    """

    name = "cmb"
    description = "cosmic microwave background"
    parameters: tuple[FitParameter, ...] = ()
    note = "electrons scatter photons of the cosmic background of one energy, 2.7 k T"

    def __init__(self, redshift: float) -> None:
        self.temperature = TEMPERATURE * (1 + redshift)

    def rays(self, values: dict[str, np.ndarray]) -> Rays:
        """Return photons at the sphere: from all directions alike, whatever the parameters."""
        position, weight = np.polynomial.legendre.leggauss(_ANGLES)
        eps = MEAN_PHOTON * BOLTZMANN * self.temperature / ELECTRON_REST_ENERGY
        density = 4 * STEFAN / LIGHT * self.temperature**4
        number = len(values["r"])
        return Rays(
            np.tile(eps * (1 + position), (number, 1)),
            np.tile(density * weight / 2, (number, 1)),
            np.full((number, _ANGLES), eps),
        )
