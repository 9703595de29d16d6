r"""Synchrotron photons of a uniform field from all directions, as seeds of electrons.

Electrons that are seen move towards the observer, and scattering depends on a seed by
:math:`\chi = \epsilon (1 - \mu)` alone, mu the cosine of its angle to the line of sight. A seed at
the angle alpha to the field is one of :math:`\sin\alpha\, S(\epsilon / \sin\alpha)`, with S the
emission across the field. All directions together are the seeds

.. math:: U(\chi) = \int m S(\chi / m)\, w(m)\, dm, \quad m = (1 - \mu) \sin\alpha,

with S total and w the solid angle, or S polarized and w the solid angle times
:math:`\cos 2\beta`. beta is the angle, as it is seen, between the polarization and the direction
across the field: in the frame of an electron all photons come from the front, with polarizations
that are carried along the great circle through the line of sight (Krawczynski 2012, ApJ 744, 30).
w depends on the inclination of the field only. On a logarithmic grid U is a sum of shifted S: a few
dozen weights, polynomials of the squared sine of the inclination.
"""

from __future__ import annotations

import math

import numpy as np

from xsurvey.sed.grids import TAPS, tap_values

_LEAST_FACTOR = 1e-4
"""m of photons that are left out: they come from behind, or along the field."""
_DEGREE = 16  # of the polynomials
_POLAR, _AZIMUTHS = 160, 160


class SeedDirections:
    """Weights of shifts of spectra on a logarithmic grid.

    Parameters
    ----------
    per_decade : int
        Nodes a decade.

    Attributes
    ----------
    first : int
        Shift of the first weight: of S that many nodes above chi.
    shifts : int
        Number of weights.
    """

    def __init__(self, per_decade: int) -> None:
        step = math.log(10) / per_decade
        self.first = math.floor(-math.log(2.0) / step) - 2
        self.shifts = math.ceil(-math.log(_LEAST_FACTOR) / step) + 4 - self.first
        # Chebyshev's nodes in sin^2 of the inclination
        order = np.arange(_DEGREE + 1)
        self._nodes = (1 + np.cos(np.pi * (order + 0.5) / (_DEGREE + 1))) / 2
        inclinations = np.arcsin(np.sqrt(self._nodes))
        self._tables = np.stack([self._weights(i, step) for i in inclinations])
        self._barycentric = (-1.0) ** order * np.sin(np.pi * (order + 0.5) / (_DEGREE + 1))

    def _weights(self, inclination: float, step: float) -> np.ndarray:
        """Return the weights of total and polarized seeds, (2, shifts), over 4 pi."""
        factor, cosine, solid = directions(inclination)
        some = factor > _LEAST_FACTOR
        factor, cosine, solid = factor[some], cosine[some], solid[some]
        place = -np.log(factor) / step
        cell = np.floor(place).astype(int)
        taps = tap_values(place - cell)
        table = np.zeros((2, self.shifts))
        for row, weight in enumerate((solid * factor, solid * factor * cosine)):
            for tap in range(TAPS):
                table[row] += np.bincount(
                    cell - 2 + tap - self.first, weight * taps[:, tap], minlength=self.shifts
                )
        return table

    def weights(self, inclination_deg: np.ndarray) -> np.ndarray:
        """Return the weights of total and polarized S, shape (b, 2, shifts)."""
        at = np.sin(np.radians(inclination_deg)) ** 2
        distance = at[:, None] - self._nodes
        exact = distance == 0
        with np.errstate(divide="ignore", invalid="ignore"):
            part = self._barycentric / distance
            part = part / part.sum(axis=1, keepdims=True)
        part = np.where(exact.any(axis=1, keepdims=True), exact, part)
        return np.tensordot(part, self._tables, axes=1)

    def seeds(
        self, total: np.ndarray, polarized: np.ndarray, inclination_deg: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return U, total and polarized.

        Parameters
        ----------
        total, polarized : ndarray, shape (b, n + shifts - 1)
            S at the nodes of chi, from `first` nodes below the first to `shifts` more above.
        inclination_deg : ndarray, shape (b,)

        Returns
        -------
        total, polarized : ndarray, shape (b, n)
            Means over the sphere.
        """
        weights = self.weights(inclination_deg)
        both = [
            np.lib.stride_tricks.sliding_window_view(s, self.shifts, axis=1)
            for s in (total, polarized)
        ]
        return tuple(
            np.matmul(window, weights[:, row, :, None])[..., 0] for row, window in enumerate(both)
        )


def directions(inclination: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what seeds of all directions are worth.

    Parameters
    ----------
    inclination : float
        Of the field to the line of sight, radians.

    Returns
    -------
    factor, cosine, solid : ndarray, shape (n,)
        (1 - mu) sin alpha; cos 2 beta; and the solid angle over 4 pi.
    """
    cosines, weight = np.polynomial.legendre.leggauss(_POLAR)
    half = np.pi * (np.arange(_AZIMUTHS) + 0.5) / _AZIMUTHS  # the other half mirrors it
    mu, azimuth = np.meshgrid(cosines, half, indexing="ij")
    factor, cosine = direction_factors(inclination, mu, azimuth)
    solid = np.broadcast_to(weight[:, None] / (2 * _AZIMUTHS), mu.shape)
    return factor.ravel(), cosine.ravel(), solid.ravel()


def direction_factors(
    inclination: float, mu: np.ndarray, azimuth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (1 - mu) sin alpha and cos 2 beta of seeds.

    Parameters
    ----------
    inclination : float
        Of the field to the line of sight, radians.
    mu, azimuth : ndarray, shape (...)
        Cosine of the angle of seeds to the line of sight, and the angle about it from the plane of
        the field, radians.

    Returns
    -------
    factor, cosine : ndarray, shape (...)
        The cosine is that of the angle to the direction across the field.
    """
    across = np.sqrt(1 - mu**2)
    # z is the line of sight, the field in the x-z plane; n x field, polarized, by its parts along
    # the great circle through z and across it
    bx, bz = np.sin(inclination), np.cos(inclination)
    along = -bx * np.sin(azimuth)
    other = bz * across - bx * mu * np.cos(azimuth)
    # carried to -z, the first points inwards as it is seen from z
    x = -along * np.cos(azimuth) - other * np.sin(azimuth)
    y = -along * np.sin(azimuth) + other * np.cos(azimuth)
    sine = np.hypot(x, y)
    return (1 - mu) * sine, (y**2 - x**2) / sine**2
