r"""Where photons of a source arrive: PSFs, and extended sources.

- ``point``
- ``beta``: a beta model :math:`(1 + r^2/r_c^2)^{1/2 - 3\beta}` (Cavaliere & Fusco-Femiano 1976,
  A&A 49, 137), out to `CLUSTER_EDGE` core radii.
- ``shell``: a spherical shell of even emissivity between two radii, in projection.
- ``patch``: even brightness between two radii.

Shells and patches may be cut to a sector of position angles, north through east, and shells to what
is between two radii in projection. The flux of each is all that it has, within all of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from xsurvey.psf import PointSpreadFunction

CLUSTER_EDGE = 50.0
"""Core radii, beyond which nothing is simulated. A beta of 2/3 has 2 % of its light there."""
SHAPES = ("point", "beta", "shell", "patch")
POINT, BETA, SHELL, PATCH = range(4)
DEFAULT_BETA = 2 / 3
_WIDE = 1800.0
"""Arcsec: wider beta models are simulated on the sphere, as shells and patches are."""
_HALVINGS = 30

_FRACTIONS = np.concatenate((np.linspace(0, 0.999, 2000), 1 - np.logspace(-3, -6, 200)))


@dataclass(frozen=True)
class Shapes:
    """Shapes of s sources.

    Attributes
    ----------
    kind : ndarray of int, shape (s,)
        Place in `SHAPES`.
    core_radius : ndarray, shape (s,)
        Of ``beta``, arcsec; 0 for others.
    beta : ndarray, shape (s,)
    inner, outer : ndarray, shape (s,)
        Radii of ``shell`` and ``patch``, arcsec; 0 for others.
    angle : ndarray, shape (s,)
        Position angle at which the sector begins, deg, north through east.
    width : ndarray, shape (s,)
        Of the sector, deg; 360 for all of it.
    nearest, farthest : ndarray, shape (s,)
        Projected radii between which shells are seen, arcsec; 0 and infinity for all.
    """

    kind: np.ndarray
    core_radius: np.ndarray
    beta: np.ndarray
    inner: np.ndarray
    outer: np.ndarray
    angle: np.ndarray
    width: np.ndarray
    nearest: np.ndarray
    farthest: np.ndarray

    @classmethod
    def points(cls, number: int) -> Shapes:
        """Return the shapes of points."""
        zero, one = np.zeros(number), np.ones(number)
        return cls(
            np.full(number, POINT), zero, one, zero, zero, zero, 360 * one, zero, np.inf * one
        )

    @classmethod
    def join(cls, parts: Sequence[Shapes]) -> Shapes:
        """Return the shapes of several sets, one after the other."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    @property
    def edge(self) -> np.ndarray:
        """Radius beyond which nothing comes from, arcsec, shape (s,)."""
        return np.where(self.kind == BETA, CLUSTER_EDGE * self.core_radius, self.outer)

    @property
    def wide(self) -> np.ndarray:
        """Tell which are so wide that places are drawn before times, shape (s,)."""
        return np.asarray((self.kind >= SHELL) | (self.edge > _WIDE))

    def radii(self, source: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Return distances of photons from the centres, arcsec, shape (n,).

        Parameters
        ----------
        source : ndarray of int, shape (n,)
        numbers : ndarray, shape (2, n)
            Uniform between 0 and 1; the second is used by shells only.
        """
        kind, radius = self.kind[source], np.zeros(len(source))
        beta, shell, patch = kind == BETA, kind == SHELL, kind == PATCH
        if beta.any():
            chosen = source[beta]
            radius[beta] = beta_radii(numbers[0, beta], self.core_radius[chosen], self.beta[chosen])
        inner, outer = self.inner[source], self.outer[source]
        cut = shell & ((self.nearest[source] > 0) | (self.farthest[source] < outer))
        shell &= ~cut
        if shell.any():
            radius[shell] = shell_radii(numbers[:, shell], inner[shell], outer[shell])
        if cut.any():
            limits = self.nearest[source[cut]], self.farthest[source[cut]]
            radius[cut] = cut_shell_radii(numbers[0, cut], inner[cut], outer[cut], *limits)
        if patch.any():
            square = inner[patch] ** 2, outer[patch] ** 2
            radius[patch] = np.sqrt(square[0] + numbers[0, patch] * (square[1] - square[0]))
        return radius

    def position_angles(self, source: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """Return position angles of photons, deg; ``turn`` (n,) is uniform between 0 and 1."""
        return np.asarray(self.angle[source] + turn * self.width[source])


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


def shell_radii(numbers: np.ndarray, inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Return projected radii of places in spherical shells.

    Parameters
    ----------
    numbers : ndarray, shape (2, n)
        Uniform between 0 and 1: part of the volume within, and direction to the line of sight.
    inner, outer : ndarray, shape (n,)
    """
    distance = np.cbrt(inner**3 + numbers[0] * (outer**3 - inner**3))
    return np.asarray(distance * 2 * np.sqrt(numbers[1] * (1 - numbers[1])))


def volume_within(radius: np.ndarray, inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Return the part of spherical shells that is within projected radii."""

    def ball(size: np.ndarray) -> np.ndarray:
        return size**3 - np.clip(size**2 - radius**2, 0, None) ** 1.5

    return np.asarray((ball(outer) - ball(inner)) / (outer**3 - inner**3))


def cut_shell_radii(
    number: np.ndarray, inner: np.ndarray, outer: np.ndarray, nearest: np.ndarray,
    farthest: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return projected radii of places in shells that are between two projected radii.

    Parameters
    ----------
    number : ndarray, shape (n,)
        Uniform between 0 and 1.
    inner, outer, nearest, farthest : ndarray, shape (n,)
        As in `Shapes`.
    """
    low, high = nearest, np.minimum(farthest, outer)
    ends = volume_within(low, inner, outer), volume_within(high, inner, outer)
    wanted = ends[0] + number * (ends[1] - ends[0])
    for _ in range(_HALVINGS):  # the inverse has no closed form inside of the inner radius
        middle = (low + high) / 2
        below = volume_within(middle, inner, outer) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def on_circles(radius: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return offsets, shape (n, 2), at radii and angles (in turns)."""
    angle = 2 * np.pi * turn
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
