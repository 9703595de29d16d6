"""Spherical shells seen in projection: what part of each lies behind each annulus."""

from __future__ import annotations

import numpy as np


def projected_volumes(edges_2d: np.ndarray, edges_3d: np.ndarray) -> np.ndarray:
    r"""Return the volume of each spherical shell within each cylindrical annulus.

    The part of a sphere of radius r within a cylinder of radius s about its centre is
    :math:`\frac{4\pi}{3} (r^3 - (r^2 - s^2)^{3/2})`, with the bracket zero where s > r
    (Kriss, Cioffi & Canizares 1983, ApJ 272, 439).

    Parameters
    ----------
    edges_2d : ndarray, shape (i + 1,)
        Of the annuli, ascending.
    edges_3d : ndarray, shape (j + 1,)
        Of the shells, ascending, in the same unit.

    Returns
    -------
    ndarray, shape (i, j)
        In the third power of that unit; of shells that lie within all annuli together the columns
        add up to the volumes of the shells.
    """
    s, r = np.asarray(edges_2d, float)[:, None], np.asarray(edges_3d, float)[None, :]
    within = r**3 - np.clip(r**2 - s**2, 0, None) ** 1.5
    return np.asarray(4 * np.pi / 3 * np.diff(np.diff(within, axis=0), axis=1))


def shell_volumes(edges: np.ndarray) -> np.ndarray:
    """Return the volumes of spherical shells, shape (j,), of edges (j + 1,)."""
    return np.asarray(4 * np.pi / 3 * np.diff(np.asarray(edges, float) ** 3))


def outer_emission(edges_2d: np.ndarray, outermost: float, slope: float) -> np.ndarray:
    r"""Return what gas beyond the outermost shell adds to each annulus.

    Its emissivity is a power law :math:`(r/r_o)^{-q}` that continues the outermost shell's.

    Parameters
    ----------
    edges_2d : ndarray, shape (i + 1,)
        Ascending, none beyond ``outermost``.
    outermost : float
        Radius :math:`r_o` of the last shell.
    slope : float
        q > 1, so that the integral along the line of sight converges.

    Returns
    -------
    ndarray, shape (i,)
        Integral of the power law over the volume behind each annulus and beyond ``outermost``:
        with the emissivity there, what is added to the annulus.

    Raises
    ------
    ValueError
        The slope is too small, or an annulus lies beyond.
    """
    edges = np.asarray(edges_2d, float)
    if not slope > 1:
        raise ValueError(f"a slope of {slope:g} does not converge along the line of sight")
    if edges[-1] > outermost * (1 + 1e-9):
        raise ValueError("annuli reach beyond the outermost shell")
    # the part of the shell dr at r behind the annulus, integrated over u = outermost / r
    u, weight = np.polynomial.legendre.leggauss(200)
    u, weight = (u + 1) / 2, weight / 2
    # a root of u keeps the nodes where the integrand u^(q - 2) is steep at 0
    power = max(1.0, 2.0 / (slope - 1))
    x = u**power
    jacobian = power * u ** (power - 1)
    radius = outermost / x
    caps = radius[None, :] - np.sqrt(np.clip(radius[None, :] ** 2 - edges[:, None] ** 2, 0, None))
    # volume within cylinder s at radius r: 4 pi r (r - sqrt(r^2 - s^2)) dr, dr = r_o / x^2 dx
    integrand = 4 * np.pi * radius * caps * x**slope * outermost / x**2 * jacobian
    return np.diff(integrand @ weight)
