r"""Gas at rest in a halo: the temperature that balances gravity.

.. math:: n_e kT(r) = P_e(r_{out}) + \int_r^{r_{out}} \mu m_p n_e \frac{G M(<r')}{r'^2} dr'

with the pressure of the electrons :math:`P_e`; nothing but thermal pressure is counted.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import cumulative_simpson

from xsurvey.galaxy_clusters.constants import GRAVITY


def inward_weights(radius: np.ndarray) -> np.ndarray:
    """Return weights W of an integral over ln r from each radius to the last.

    Integrals of functions known at the radii are ``values @ W.T``; Simpson's rule, which is of
    fourth order: with 30 radii a decade it is good to about 2e-5.

    Parameters
    ----------
    radius : ndarray, shape (n,)
        Positive, ascending; at least three.

    Returns
    -------
    ndarray, shape (n, n)
    """
    radius = np.asarray(radius, float)
    if radius.ndim != 1 or len(radius) < 3 or not np.all(np.diff(radius) > 0) or radius[0] <= 0:
        raise ValueError("radii must be positive, ascending, and at least three")
    # reversed, so that what accumulates is from the outermost inward
    x = -np.log(radius[::-1])
    weights = cumulative_simpson(np.eye(len(radius)), x=x, axis=-1, initial=0)
    return np.asarray(weights.T[::-1, ::-1])


def electron_pressure(
    radius: np.ndarray, density: np.ndarray, mass: np.ndarray,
    outer_pressure: np.ndarray | float, mu: float, weights: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the pressure of the electrons in hydrostatic equilibrium.

    Parameters
    ----------
    radius : ndarray, shape (n,)
        kpc, ascending, about evenly spaced in ln r.
    density : ndarray, shape (n,) or (b, n)
        Of electrons, cm-3.
    mass : ndarray, shape (n,) or (b, n)
        Inside the radii, solar masses.
    outer_pressure : float or ndarray, shape (b,)
        Of the electrons at the last radius, keV cm-3.
    mu : float
        Mass per particle, proton masses (`xsurvey.galaxy_clusters.composition`).
    weights : ndarray, shape (n, n), optional
        `inward_weights` of the radii, if known.

    Returns
    -------
    ndarray, shape (n,) or (b, n)
        keV cm-3.
    """
    weights = inward_weights(radius) if weights is None else weights
    force = mu * GRAVITY * np.asarray(density) * np.asarray(mass) / radius
    return np.asarray(np.asarray(outer_pressure)[..., None] + force @ weights.T)


def temperature_of(
    radius: np.ndarray, density: np.ndarray, mass: np.ndarray,
    outer_pressure: np.ndarray | float, mu: float, weights: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the temperature in hydrostatic equilibrium, keV; see `electron_pressure`."""
    pressure = electron_pressure(radius, density, mass, outer_pressure, mu, weights)
    return np.asarray(pressure / density)


def hydrostatic_mass(
    radius: np.ndarray, temperature: np.ndarray, density_slope: np.ndarray,
    temperature_slope: np.ndarray, mu: float,
) -> np.ndarray:  # fmt: skip
    r"""Return the mass inside radii from gradients, solar masses.

    .. math:: M(<r) = -\frac{kT\,r}{G \mu m_p}
        \left(\frac{d\ln n_e}{d\ln r} + \frac{d\ln T}{d\ln r}\right)

    Parameters
    ----------
    radius : ndarray
        kpc.
    temperature : ndarray
        keV.
    density_slope, temperature_slope : ndarray
        Logarithmic.
    mu : float
    """
    slope = np.asarray(density_slope) + np.asarray(temperature_slope)
    return np.asarray(-np.asarray(temperature) * radius * slope / (mu * GRAVITY))
