r"""Electron densities as functions of radius.

All of them are of electrons, in cm-3, radii in kpc; arrays broadcast, so that a batch of
parameters has shape (b, 1) and radii (n,). What adds up in double models is the emission,
:math:`n_e^2`.
"""

from __future__ import annotations

import numpy as np

Number = np.ndarray | float


def beta_density(radius: Number, centre: Number, core: Number, beta: Number) -> np.ndarray:
    """Return the density of Cavaliere & Fusco-Femiano (1976, A&A 49, 137).

    Parameters
    ----------
    radius : ndarray
        kpc.
    centre : ndarray
        In the centre, cm-3.
    core : ndarray
        Core radius, kpc.
    beta : ndarray
    """
    return np.asarray(centre * (1 + (np.asarray(radius) / core) ** 2) ** (-1.5 * beta))


def double_beta_density(
    radius: Number, centre: Number, core: Number, beta: Number, centre2: Number, core2: Number,
    beta2: Number,
) -> np.ndarray:  # fmt: skip
    """Return the density of gas whose emission is the sum of two beta models'."""
    first, second = (
        beta_density(radius, *p) for p in ((centre, core, beta), (centre2, core2, beta2))
    )
    return np.asarray(np.hypot(first, second))


def vikhlinin_density(
    radius: Number, centre: Number, core: Number, beta: Number, alpha: Number = 0.0,
    scale: Number = np.inf, epsilon: Number = 0.0, gamma: Number = 3.0, centre2: Number = 0.0,
    core2: Number = 1.0, beta2: Number = 1.0,
) -> np.ndarray:  # fmt: skip
    r"""Return the density of Vikhlinin et al. (2006, ApJ 640, 691), equation 3.

    .. math:: n_e^2 = n_0^2 \frac{(r/r_c)^{-\alpha}}{(1 + r^2/r_c^2)^{3\beta - \alpha/2}}
        \frac{1}{(1 + r^\gamma/r_s^\gamma)^{\epsilon/\gamma}}
        + \frac{n_{02}^2}{(1 + r^2/r_{c2}^2)^{3\beta_2}}

    The paper's is of :math:`n_p n_e`: its densities :math:`n_0` times :math:`\sqrt{n_e/n_p}`
    (about 1.1) are those here.

    Parameters
    ----------
    radius : ndarray
        kpc; positive where alpha is.
    centre, core, beta, alpha : ndarray
        n_0 in cm-3, r_c in kpc, slope, and slope of the cusp.
    scale, epsilon, gamma : ndarray
        r_s in kpc at which the profile steepens, by how much and how fast.
    centre2, core2, beta2 : ndarray
        A second component.
    """
    r = np.asarray(radius, float)
    x = r / core
    # (1 + x^2)^(alpha/2) x^-alpha, written so that it is 1 and not 0/0 at r = 0 without a cusp
    with np.errstate(divide="ignore"):
        cusp = (1 + x**-2.0) ** (np.asarray(alpha) / 2)
    main = centre**2 * cusp * (1 + x**2) ** (-3 * np.asarray(beta))
    steepening = (1 + (r / scale) ** gamma) ** (-np.asarray(epsilon) / gamma)
    second = centre2**2 * (1 + (r / core2) ** 2) ** (-3 * np.asarray(beta2))
    return np.asarray(np.sqrt(main * steepening + second))
