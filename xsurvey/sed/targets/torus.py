r"""Dust as a ring about the jet, in the plane of the disk.

A ring of the radius R with the luminosity xi L_disk fills the place of the sphere with

.. math:: u = \frac{\xi L_{disk}}{4\pi c (R^2 + r^2)}

of photons of the one energy 2.7 k T (Finke 2016, ApJ 830, 94, eqs. 85 and 91), or of a black body.
"""

from __future__ import annotations

import math

import numpy as np

from xsurvey.sed.constants import ELECTRON_REST_ENERGY, LIGHT
from xsurvey.sed.fit_parameters import held
from xsurvey.sed.targets.base import Rays, about_the_axis
from xsurvey.sed.targets.disk import L_DISK
from xsurvey.sed.targets.planck import BOLTZMANN, MEAN_PHOTON, energy_samples, ln_planck

_AZIMUTHS = 16

XI_DT = held("xi_dt", 0.1, 1e-4, 1, "part of the disk's luminosity that dust emits")
T_DT = held("T_dt", 1000.0, 10, 1e4, "temperature of the dust", "K")
R_DT = held("R_dt", 5e18, 1e15, 1e22, "radius of the ring of dust", "cm")


class Torus:
    """A ring of dust.

    Parameters
    ----------
    black_body : bool
        Whether its photons are those of a black body, or of one energy.
    """

    name = "torus"
    description = "dust in a ring about the jet, which emits a part of the disk's luminosity"
    parameters = (L_DISK, XI_DT, T_DT, R_DT)

    def __init__(self, black_body: bool = False) -> None:
        self.black_body = black_body

    @property
    def note(self) -> str:
        """What is approximate."""
        spectrum = "a black body" if self.black_body else "photons of one energy, 2.7 k T"
        return f"the torus is a thin ring, of which electrons scatter {spectrum}"

    def rays(self, values: dict[str, np.ndarray]) -> Rays:
        """Return photons at the sphere."""
        radius, r = values["R_dt"], values["r"]
        luminosity = values["xi_dt"] * values["L_disk"]
        density = luminosity / (4 * math.pi * LIGHT * (radius**2 + r**2))
        thermal = BOLTZMANN * values["T_dt"] / ELECTRON_REST_ENERGY
        energies, parts = energy_samples() if self.black_body else (np.array([MEAN_PHOTON]), 1.0)
        eps = thermal[:, None] * energies
        energy = density[:, None] * parts * np.ones(len(energies))
        angle = np.arctan2(radius, r)[:, None] * np.ones(len(energies))
        return about_the_axis(angle, energy, eps, values["mu_s"], _AZIMUTHS)

    def power(self, values: dict[str, np.ndarray], ln_nu: np.ndarray) -> np.ndarray:
        """Return nu L_nu of the dust itself in erg / s, a black body, (b, f).

        Parameters
        ----------
        values : dict
        ln_nu : ndarray, shape (f,)
            ln of Hz, before the redshift.
        """
        luminosity = values["xi_dt"] * values["L_disk"]
        return luminosity[:, None] * np.exp(ln_planck(ln_nu, values["T_dt"][:, None]))
