r"""The region of broad lines, a thin spherical shell that emits one line.

.. math:: u = \frac{\xi L_{disk}}{8\pi c} \int \frac{d\mu}{x^2}
   = \frac{\xi L_{disk}}{8\pi c R r} \int d\ln x, \quad x^2 = R^2 + r^2 - 2 R r \mu

over the distance x from the sphere, between \|R - r\| and R + r (Finke 2016, ApJ 830, 94, eqs. 76
to 80). At r = R it is infinite: the shell has no width.
"""

from __future__ import annotations

import math

import numpy as np

from xsurvey.errors import ParameterError, nearest
from xsurvey.sed.constants import ELECTRON_REST_ENERGY, LIGHT, PLANCK
from xsurvey.sed.fit_parameters import held
from xsurvey.sed.targets.base import Rays, about_the_axis
from xsurvey.sed.targets.disk import L_DISK

DEFAULT_LINE = "Lyalpha"
LINES = {
    "Lyalpha": 1215.67, "OVI": 1033.83, "CIV": 1549.06, "CIII]": 1908.73, "MgII": 2798.75,
    "Hgamma": 4341.68, "Hbeta": 4862.68, "Halpha": 6564.61,
}  # fmt: skip
"""Wavelengths of lines in vacuum in Angstrom (Vanden Berk et al. 2001, AJ 122, 549, table 2)."""

_DISTANCES = 32
_AZIMUTHS = 8
_ANGSTROM = 1e-8
_CLOSEST = 1e-6  # |R - r| / R

XI_LINE = held("xi_line", 0.024, 1e-6, 1, "part of the disk's luminosity that the line has")
R_LINE = held("R_line", 1e17, 1e14, 1e21, "radius of the shell of broad lines", "cm")


def wavelength(line: str) -> float:
    """Return the wavelength of a line in Angstrom, of its name or of the number itself.

    Raises
    ------
    ParameterError
        There is no such line.
    """
    if line in LINES:
        return LINES[line]
    try:
        value = float(line)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ParameterError(
            "line", f"there is no line '{line}'",
            nearest(line, LINES) + ", or give a wavelength in Angstrom",
        )  # fmt: skip
    return value


class BroadLines:
    """A shell of one line.

    Parameters
    ----------
    line : str
        One of `LINES`, or a wavelength in Angstrom.
    """

    name = "blr"
    description = "broad lines of a spherical shell, which emits a part of the disk's luminosity"
    parameters = (L_DISK, XI_LINE, R_LINE)

    def __init__(self, line: str = DEFAULT_LINE) -> None:
        self.line = line
        self.eps = PLANCK * LIGHT / (wavelength(line) * _ANGSTROM) / ELECTRON_REST_ENERGY

    @property
    def note(self) -> str:
        """What is approximate."""
        return f"broad lines are the one line {self.line} of a thin shell"

    def rays(self, values: dict[str, np.ndarray]) -> Rays:
        """Return photons at the sphere."""
        radius, r = values["R_line"][:, None], values["r"][:, None]
        position, weight = np.polynomial.legendre.leggauss(_DISTANCES)
        part = (1 + position) / 2
        near = np.maximum(np.abs(radius - r), _CLOSEST * radius)
        far = radius + r
        span = np.log(far / near)
        x = near * np.exp(part * span)
        unit = values["xi_line"] * values["L_disk"] / (8 * math.pi * LIGHT)
        energy = unit[:, None] * span * weight / 2 / (radius * r)
        # 1 - mu and 1 + mu of the place on the shell, as it is seen from its centre
        less = near * np.expm1(part * span) * (x + near) / (2 * r * radius)
        more = -far * np.expm1((part - 1) * span) * (x + far) / (2 * r * radius)
        across = radius * np.sqrt(np.maximum(less * more, 0))
        along = (r**2 - radius**2 + x**2) / (2 * r)
        eps = np.full_like(x, self.eps)
        return about_the_axis(np.arctan2(across, along), energy, eps, values["mu_s"], _AZIMUTHS)
