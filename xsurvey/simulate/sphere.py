"""Places on the sphere, and where they are in the plane of the sky pixels."""

from __future__ import annotations

import numpy as np

from xsurvey.attitude import unit_vectors
from xsurvey.units import SkyPosition

FAR = 1e9
"""Arcsec: what cannot be projected is put there, where no telescope of a simulation looks."""
_ARCSEC = 180 * 3600 / np.pi
_LEAST = 0.1  # cosine of the angle to the centre: 84 deg


def axes_at(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return unit vectors to places (deg), and to the east and the north there, (n, 3) each."""
    alpha, delta = np.radians(ra), np.radians(dec)
    east = np.stack([-np.sin(alpha), np.cos(alpha), np.zeros_like(alpha)], axis=-1)
    north = np.stack(
        [-np.sin(delta) * np.cos(alpha), -np.sin(delta) * np.sin(alpha), np.cos(delta)], axis=-1
    )
    return unit_vectors(ra, dec), east, north


def displaced(
    axes: tuple[np.ndarray, np.ndarray, np.ndarray], radius: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """Return unit vectors to places at distances and position angles from others, shape (n, 3).

    Parameters
    ----------
    axes : tuple of ndarray, shape (n, 3)
        Of `axes_at`.
    radius : ndarray, shape (n,)
        Great-circle distance, arcsec.
    angle : ndarray, shape (n,)
        Position angle, deg, north through east.
    """
    to, east, north = axes
    r, a = radius[:, None] / _ARCSEC, np.radians(angle)[:, None]
    return np.asarray(np.cos(r) * to + np.sin(r) * (np.cos(a) * north + np.sin(a) * east))


class Plane:
    """The plane of a mission's sky pixels about a pointing.

    Parameters
    ----------
    pointing : SkyPosition
    projection : str
        ``SIN`` or ``TAN``.
    """

    def __init__(self, pointing: SkyPosition, projection: str) -> None:
        to, east, north = axes_at(np.array([pointing.ra]), np.array([pointing.dec]))
        self._axes = np.concatenate([-east, north, to])  # x grows to the west
        self._gnomonic = {"SIN": False, "TAN": True}[projection]

    def offsets(self, vectors: np.ndarray) -> np.ndarray:
        """Return offsets from the pointing, arcsec, shape (n, 2); `FAR` beyond 84 degrees."""
        x, y, along = self._axes @ vectors.T
        near = along > _LEAST
        scale = _ARCSEC / np.where(near, along, 1.0) if self._gnomonic else _ARCSEC
        return np.where(near, np.stack([x, y]) * scale, FAR).T
