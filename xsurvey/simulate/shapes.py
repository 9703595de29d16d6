r"""Where photons of a source arrive: PSFs, and clusters with the profile of a beta model.

A beta model is :math:`(1 + r^2/r_c^2)^{1/2 - 3\beta}` (Cavaliere & Fusco-Femiano 1976, A&A 49,
137), here out to `CLUSTER_EDGE` core radii: its flux is that within.
"""

from __future__ import annotations

import numpy as np

from xsurvey.psf import PointSpreadFunction

CLUSTER_EDGE = 50.0
"""Core radii, beyond which nothing is simulated. A beta of 2/3 has 2 % of its light there."""

_FRACTIONS = np.concatenate((np.linspace(0, 0.999, 2000), 1 - np.logspace(-3, -6, 200)))


class PsfRadii:
    """Radii of a PSF as a function of the encircled fraction, from one table.

    All shapes scale with one width: a table on the axis serves every off-axis angle.
    """

    def __init__(self, psf: PointSpreadFunction) -> None:
        self._psf = psf
        axis = np.zeros(1)
        self._radii = np.array([float(psf.radius(f, axis)[0]) for f in _FRACTIONS])
        self._reference = float(psf.radius(0.9, axis)[0])

    def at(self, fraction: np.ndarray, off_axis: np.ndarray) -> np.ndarray:
        """Return radii in arcsec, for off-axis angles in arcmin."""
        scale = self._psf.radius(0.9, off_axis) / self._reference
        return np.asarray(np.interp(fraction, _FRACTIONS, self._radii) * scale)


def beta_radii(fraction: np.ndarray, core_radius: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return radii of a beta model that encircle fractions of its light within the edge.

    Parameters
    ----------
    fraction : ndarray
        Below 1.
    core_radius : ndarray
        Arcsec; 0 for points.
    beta : ndarray
        Above 1/2.
    """
    power = 1.5 - 3 * beta
    within = -np.expm1(power * np.log1p(CLUSTER_EDGE**2))
    return np.asarray(core_radius * np.sqrt(np.expm1(np.log1p(-fraction * within) / power)))


def on_circles(radius: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return offsets, shape (n, 2), at radii and angles (in turns)."""
    angle = 2 * np.pi * turn
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
