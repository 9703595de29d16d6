r"""Emissivities of spheres integrated along the line of sight, and averaged over annuli.

With :math:`r = R \cosh t` the integral over the line of sight at projected radius R is

.. math:: \int_{-\infty}^\infty \epsilon\, dl = 2 \int_0^\infty \epsilon(R \cosh t) R \cosh t\, dt,

whose integrand is smooth and even in t: the trapezoidal rule converges exponentially.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline

_STEP = 0.3
_FARTHEST = 100.0
"""Of the largest radius: farther out emission is taken for a power law."""
_GRID = 56
_NODES = 8

Emissivity = Callable[[np.ndarray], np.ndarray]
"""From radii (n, t) to emissivities (b, n, t)."""


def projected(emissivity: Emissivity, radius: np.ndarray, largest: float) -> np.ndarray:
    """Return integrals along the line of sight.

    Parameters
    ----------
    emissivity : callable
        Steeper than 1/r far out.
    radius : ndarray, shape (n,)
        Projected radii, positive.
    largest : float
        Beyond a hundred times this radius, not below any projected one, the emissivity is
        continued as a power law.

    Returns
    -------
    ndarray, shape (b, n)
        Emissivity times the unit of radius.
    """
    radius = np.asarray(radius, float)
    far = _FARTHEST * largest
    end = np.arccosh(far / radius)
    steps = int(np.ceil(float(end.max(initial=0.0)) / _STEP)) + 1
    along = radius[:, None] * np.cosh(end[:, None] * np.linspace(0, 1, steps + 1))
    weight = np.full(steps + 1, 2.0 / steps)
    weight[[0, -1]] /= 2
    emission = emissivity(along)
    total = np.einsum("...nt,nt->...n", emission, along * weight) * end
    # all lines of sight end at one radius
    last, before = emission[..., :1, -1], emission[..., :1, -2]
    slope = np.log(before / last) / np.log(along[0, -1] / along[0, -2])
    return total + 2 * last * far / np.maximum(slope - 1, 1e-3)


class AnnulusAverages:
    """Averages over annuli of profiles that are smooth in ln R and known on a grid of radii.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,)
        Ascending, the first may be 0.

    Attributes
    ----------
    grid : ndarray, shape (g,)
        Radii at which a profile must be known.
    """

    def __init__(self, edges: np.ndarray) -> None:
        edges = np.asarray(edges, float)
        s, w = np.polynomial.legendre.leggauss(_NODES)
        s, w = (s + 1) / 2, w / 2
        low, high = edges[:-1, None], edges[1:, None]
        radius = low + (high - low) * s
        weight = w * radius * (high - low)
        if edges[0] == 0:
            # r = r_1 s^2: profiles may rise to the centre as a power of r
            radius[0] = edges[1] * s**2
            weight[0] = w * radius[0] * 2 * s * edges[1]
        self._weight = weight * 2 / np.diff(edges**2)[:, None]
        smallest, largest = radius.min(), radius.max()
        self.grid = np.geomspace(smallest, largest, _GRID)
        spline = CubicSpline(np.log(self.grid), np.eye(_GRID))
        inside = np.clip(np.log(radius.ravel()), np.log(smallest), np.log(largest))
        self._spline = spline(inside)

    def __call__(self, profile: np.ndarray) -> np.ndarray:
        """Return averages (b, n) of positive profiles on the grid (b, g)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.exp(np.log(profile) @ self._spline.T)
        return np.einsum("bnq,nq->bn", values.reshape(len(profile), *self._weight.shape),
                         self._weight)  # fmt: skip


@functools.lru_cache(maxsize=16)
def _cached(edges: bytes) -> AnnulusAverages:
    return AnnulusAverages(np.frombuffer(edges))


def annulus_averages(edges: np.ndarray) -> AnnulusAverages:
    """Return the averages over annuli; those of the same edges are made once."""
    return _cached(np.ascontiguousarray(edges, float).tobytes())
