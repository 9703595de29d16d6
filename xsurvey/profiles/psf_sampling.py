"""Displacements of photons by a PSF, as a function of numbers between 0 and 1.

Quasi-random numbers go in, so that integrals over a PSF become sums over points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xsurvey.errors import InputError
from xsurvey.psf import PointSpreadFunction

_CORE = np.linspace(0.0, np.sqrt(0.99), 400) ** 2
_TAIL = 1 - np.logspace(-2, -6, 161)[1:]
FRACTIONS = np.concatenate((_CORE, _TAIL))
"""Encircled fractions of the table of radii: even in radius in a core, in ln in the wings."""
_OFF_AXIS_NODES = 33


class Displacement(Protocol):
    """Where photons go."""

    def displace(
        self, first: np.ndarray, second: np.ndarray, azimuth: np.ndarray,
        off_axis: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Return displacements in x and y, arcmin, shape (n,), of two even numbers each.

        ``azimuth`` (radians) is where a photon is from; a round PSF may count angles from it.
        """


@dataclass(frozen=True)
class ImagePsf:
    """A PSF given as an image, the same all over the field; it need not be round.

    Attributes
    ----------
    cumulative : ndarray, shape (k,)
        Of the counts, pixel after pixel; the last is 1.
    dx, dy : ndarray, shape (k,)
        Places of the pixels from the source, arcmin.
    pixel : float
        Side, arcmin.
    """

    cumulative: np.ndarray
    dx: np.ndarray
    dy: np.ndarray
    pixel: float

    def displace(
        self, first: np.ndarray, second: np.ndarray, azimuth: np.ndarray,
        off_axis: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Return displacements; within a pixel the PSF is taken as even."""
        at = np.minimum(np.searchsorted(self.cumulative, first, side="right"), len(self.dx) - 1)
        below = np.concatenate(([0.0], self.cumulative))[at]
        # what is left of the first number within its pixel is one more even number
        share = (first - below) / np.maximum(self.cumulative[at] - below, 1e-300)
        return (
            self.dx[at] + (np.clip(share, 0, 1) - 0.5) * self.pixel,
            self.dy[at] + (second - 0.5) * self.pixel,
        )

    def extent(self, fraction: float) -> float:
        """Return the radius that encircles a fraction of the counts, arcmin."""
        radius = np.hypot(self.dx, self.dy)
        order = np.argsort(radius)
        part = np.cumsum(np.diff(self.cumulative, prepend=0.0)[order])
        at = min(int(np.searchsorted(part, fraction)), len(radius) - 1)
        return float(radius[order[at]])


def psf_from_image(image: np.ndarray, pixel_arcsec: float) -> ImagePsf:
    """Return the PSF that an image shows; its source is in the middle of the image.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Relative counts; pixels without a number are empty.
    pixel_arcsec : float
        Side of a pixel.

    Raises
    ------
    InputError
        Not an image, negative pixels, or nothing in it.
    """
    data = np.nan_to_num(np.asarray(image, float), nan=0.0, posinf=-1.0)
    if data.ndim != 2 or not data.size or not (pixel_arcsec > 0):
        raise InputError("PSF", "is not an image with pixels of a size", "give a 2-D image")
    if (data < 0).any() or not data.sum() > 0:
        raise InputError(
            "PSF", "has negative or infinite pixels, or no counts", "give relative counts"
        )
    ny, nx = data.shape
    y, x = np.nonzero(data)
    cumulative = np.cumsum(data[y, x])
    pixel = pixel_arcsec / 60
    return ImagePsf(
        cumulative / cumulative[-1], (x - (nx - 1) / 2) * pixel, (y - (ny - 1) / 2) * pixel, pixel
    )


class RoundPsf:
    """Displacements of a circular PSF, by a table of the inverse of its encircled fraction.

    Parameters
    ----------
    psf : PointSpreadFunction
    off_axis : float
        Largest off-axis angle that will be asked for, arcmin.
    """

    def __init__(self, psf: PointSpreadFunction, off_axis: float = 0.0) -> None:
        self.angles = np.linspace(0, off_axis, _OFF_AXIS_NODES if off_axis > 0 else 1)
        radii = np.array([np.broadcast_to(psf.radius(f, self.angles), self.angles.shape)
                          for f in FRACTIONS])  # fmt: skip
        self._radii = radii.T / 60  # (angle, fraction), arcmin

    def displace(
        self, first: np.ndarray, second: np.ndarray, azimuth: np.ndarray,
        off_axis: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Return displacements: ``first`` is the encircled fraction, ``second`` the angle."""
        radius = self._radius(first, off_axis)
        angle = azimuth + 2 * np.pi * second
        return radius * np.cos(angle), radius * np.sin(angle)

    def _radius(self, fraction: np.ndarray, off_axis: np.ndarray | None) -> np.ndarray:
        if off_axis is None or len(self.angles) == 1:
            return np.interp(fraction, FRACTIONS, self._radii[0])
        place = np.interp(fraction, FRACTIONS, np.arange(len(FRACTIONS)))
        column = np.minimum(place.astype(int), len(FRACTIONS) - 2)
        right = place - column
        step = self.angles[1]
        row = np.minimum((off_axis / step).astype(int), len(self.angles) - 2)
        up = np.clip(off_axis / step - row, 0, 1)
        r = self._radii
        low = r[row, column] * (1 - right) + r[row, column + 1] * right
        high = r[row + 1, column] * (1 - right) + r[row + 1, column + 1] * right
        return low * (1 - up) + high * up
