r"""The accretion disk of Shakura and Sunyaev.

With the accretion rate :math:`\dot{m} = L / \eta c^2` each side emits

.. math:: \sigma T^4 = \frac{3 G M \dot{m}}{8\pi R^3} \varphi, \quad
   \varphi = 1 - \sqrt{R_{in}/R}

(Shakura & Sunyaev 1973; Dermer et al. 2009, ApJ 692, 32, eqs. 62 to 64). The place of the sphere it
fills with

.. math:: u = \frac{3 G M \dot{m}}{8\pi c} \int \frac{\varphi}{R (R^2 + r^2)} d\ln R

of photons that have the one energy :math:`\epsilon = 2.7 \times 10^{-4} (\ell / M_8 \eta)^{1/4}
(R / R_g)^{-3/4}` at R, with the luminosity l over Eddington's and the mass M_8 in 10^8 suns (their
eqs. 65 and 69). Surfaces there are as bright from the side as from above are in flux: the photon
density is that of a disk that is transparent.
"""

from __future__ import annotations

import math

import numpy as np
from astropy import constants

from xsurvey.sed.constants import LIGHT
from xsurvey.sed.fit_parameters import held
from xsurvey.sed.targets.base import Rays, about_the_axis
from xsurvey.sed.targets.planck import STEFAN, ln_planck

SOLAR_MASS = float(constants.M_sun.cgs.value)
"""g."""
GRAVITY = float(constants.G.cgs.value)
"""cm3 / g / s2."""

_EDDINGTON = 1.26e46  # erg / s, of 10^8 suns
_RADII = 64
_AZIMUTHS = 8
_THERMAL_RADII = 64

L_DISK = held("L_disk", 1e46, 1e38, 1e50, "luminosity of the disk, of both sides", "erg/s")
M_BH = held("M_BH", 1e9, 1e4, 1e12, "mass of the black hole", "solMass")
ETA = held("eta", 1 / 12, 1e-3, 0.5, "luminosity of the disk over what falls in, m c^2")
R_IN = held("R_in", 6.0, 1, 1e3, "inner radius of the disk, in G M / c^2")
R_OUT = held("R_out", 200.0, 10, 1e7, "outer radius of the disk, in G M / c^2")


class Disk:
    """A thin disk of which each radius emits photons of one energy to the jet."""

    name = "disk"
    description = "accretion disk of Shakura and Sunyaev"
    parameters = (L_DISK, M_BH, ETA, R_IN, R_OUT)
    note = "each radius of the disk lights the jet with photons of one energy"

    def rays(self, values: dict[str, np.ndarray]) -> Rays:
        """Return photons at the sphere."""
        radius, ln_step = _radii(values, _RADII)
        r = values["r"][:, None]
        inner = values["R_in"][:, None]
        unit = gravitational_radius(values["M_BH"])[:, None]
        rate = 3 * GRAVITY * SOLAR_MASS * _column(values, "M_BH") * _inflow(values)
        distance = radius * unit
        phi = 1 - np.sqrt(inner / radius)
        density = rate * phi / (8 * math.pi * LIGHT * distance * (distance**2 + r**2))
        mass = values["M_BH"] / 1e8
        heat = values["L_disk"] / (_EDDINGTON * mass) / (mass * values["eta"])
        eps = 2.7e-4 * heat[:, None] ** 0.25 * radius**-0.75
        angle = np.arctan2(distance, r)
        return about_the_axis(angle, density * ln_step, eps, values["mu_s"], _AZIMUTHS)

    def power(self, values: dict[str, np.ndarray], ln_nu: np.ndarray) -> np.ndarray:
        r"""Return 4 pi d^2 nu F_nu of the disk itself in erg / s, (b, f).

        It is that of black bodies that are seen at the angle arccos(mu_s)
        without what gravity and motion do: :math:`8\pi\mu_s \int \pi\nu B_\nu(T) R dR`.

        Parameters
        ----------
        values : dict
        ln_nu : ndarray, shape (f,)
            ln of Hz, before the redshift.
        """
        radius, ln_step = _radii(values, _THERMAL_RADII)
        distance = radius * gravitational_radius(values["M_BH"])[:, None]
        phi = 1 - np.sqrt(values["R_in"][:, None] / radius)
        gravity = 3 * GRAVITY * SOLAR_MASS * _column(values, "M_BH") * _inflow(values)
        flux = gravity * phi / (8 * math.pi * distance**3)
        temperature = (flux / STEFAN) ** 0.25
        spectra = np.exp(ln_planck(ln_nu, temperature[:, :, None]))
        emitted = np.einsum("br,brf->bf", ln_step * distance**2 * flux, spectra)
        return 8 * math.pi * values["mu_s"][:, None] * emitted


def gravitational_radius(mass: np.ndarray) -> np.ndarray:
    """Return G M / c^2 in cm, of M in suns."""
    return GRAVITY * SOLAR_MASS * mass / LIGHT**2


def _column(values: dict[str, np.ndarray], name: str) -> np.ndarray:
    return values[name][:, None]


def _inflow(values: dict[str, np.ndarray]) -> np.ndarray:
    """Return the accretion rate in g/s, (b, 1)."""
    return _column(values, "L_disk") / (_column(values, "eta") * LIGHT**2)


def _radii(values: dict[str, np.ndarray], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return radii in G M / c^2 and their widths in ln R, shape (b, n) each: cells' middles."""
    ln_inner, ln_outer = (np.log(_column(values, name)) for name in ("R_in", "R_out"))
    step = (ln_outer - ln_inner) / number
    radius = np.exp(ln_inner + (np.arange(number) + 0.5) * step)
    return radius, np.broadcast_to(step, radius.shape)
