r"""Emission of a plasma: the norm of apec and the gas that it is of.

The norm is :math:`\frac{10^{-14}}{4\pi [D_A (1+z)]^2} \int n_e n_H dV`, all in cm. Of a unit of
solid angle it does not depend on the distance: :math:`dV = D_A^2 d\Omega\,dl`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xsurvey.galaxy_clusters.constants import KPC
from xsurvey.galaxy_clusters.cosmology import ARCMIN_PER_RADIAN

_APEC = 1e-14
_NODES = 8  # of Gauss-Legendre in a shell: exact to rounding for any that is thin
_SIGHT_NODES = 200
_SMALLEST = 1e-5


def apec_norm(emission_measure: np.ndarray | float, angular_distance: float,
              redshift: float) -> np.ndarray:  # fmt: skip
    """Return the norm of gas.

    Parameters
    ----------
    emission_measure : ndarray
        Integral of n_e n_H over the volume, cm-6 kpc3.
    angular_distance : float
        kpc.
    redshift : float
    """
    scale = _APEC * KPC / (4 * np.pi * (angular_distance * (1 + redshift)) ** 2)
    return np.asarray(scale * np.asarray(emission_measure))


def norm_per_arcmin2(column: np.ndarray | float, redshift: float) -> np.ndarray:
    """Return the norm of a solid angle of an arcmin2.

    Parameters
    ----------
    column : ndarray
        Integral of n_e n_H along the line of sight, cm-6 kpc.
    redshift : float
    """
    scale = _APEC * KPC / (4 * np.pi * (1 + redshift) ** 2 * ARCMIN_PER_RADIAN**2)
    return np.asarray(scale * np.asarray(column))


def emission_measure_factor(
    rate_per_norm: np.ndarray | float, redshift: float, electrons_per_hydrogen: float
) -> np.ndarray:
    """Return what makes brightness from squared densities.

    The brightness in count/s/arcmin2 is this factor times the integral of n_e^2 along the line of
    sight in cm-6 kpc; an emissivity in count/s/arcmin2/kpc is this factor times n_e^2.

    Parameters
    ----------
    rate_per_norm : ndarray
        Count/s of an apec of norm 1, absorbed, in the band and on the optical axis; one number
        or one a radius.
    redshift : float
    electrons_per_hydrogen : float
    """
    norm = norm_per_arcmin2(1 / electrons_per_hydrogen, redshift)
    return np.asarray(np.asarray(rate_per_norm) * norm)


def shell_nodes(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return radii within spherical shells, and the volumes that they stand for.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,)
        Ascending, from zero or above.

    Returns
    -------
    radius, volume : ndarray, shape (n, m)
        Integrals over shells are ``(values * volume).sum(-1)``.
    """
    edges = np.asarray(edges, float)
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0) or edges[0] < 0:
        raise ValueError("edges of shells must be ascending, from zero or above")
    x, weight = np.polynomial.legendre.leggauss(_NODES)
    half, middle = np.diff(edges)[:, None] / 2, ((edges[1:] + edges[:-1]) / 2)[:, None]
    radius = middle + half * x
    return radius, 4 * np.pi * radius**2 * half * weight


def column_along_sight(
    density: Callable[[np.ndarray], np.ndarray], radius: np.ndarray, farthest: float,
    electrons_per_hydrogen: float,
) -> np.ndarray:  # fmt: skip
    r"""Return the integral of n_e n_H along lines of sight, cm-6 kpc.

    Parameters
    ----------
    density : callable
        Electrons in cm-3 of radii in kpc.
    radius : ndarray, shape (n,)
        Projected, kpc, positive.
    farthest : float
        Radius at which the gas ends, kpc.
    electrons_per_hydrogen : float

    Notes
    -----
    With :math:`l = b \sinh t` the integrand falls exponentially in t, at whatever scale: an
    ordinary quadrature in t is exact to 1e-8 for all of the models here. b is the projected
    radius, but not less than 1e-5 of the farthest.
    """
    radius = np.asarray(radius, float)
    end = np.sqrt(np.clip(farthest**2 - radius**2, 0, None))
    scale = np.clip(radius, _SMALLEST * farthest, None)
    last = np.arcsinh(end / scale)[:, None]
    x, weight = np.polynomial.legendre.leggauss(_SIGHT_NODES)
    t = last * (x + 1) / 2
    distance = scale[:, None] * np.sinh(t)
    squared = density(np.hypot(radius[:, None], distance)) ** 2 / electrons_per_hydrogen
    step = scale[:, None] * np.cosh(t) * last / 2 * weight
    return np.asarray(2 * (squared * step).sum(-1))
