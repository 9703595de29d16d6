r"""Degrees of polarization that were measured without their angle.

With Gaussian errors sigma of Q/I and U/I, a true degree P_0 is measured as P with the density

.. math:: \frac{P}{\sigma^2} \exp\left(-\frac{P^2 + P_0^2}{2\sigma^2}\right)
   I_0\left(\frac{P P_0}{\sigma^2}\right)

(Rice 1945, Bell Syst. Tech. J. 24, 46; Simmons & Stewart 1985, A&A 142, 100). Functions are of
degrees over their errors, r = P / sigma and a = P_0 / sigma, and are finite far from both.
"""

from __future__ import annotations

import numpy as np
from scipy import special

_NODES = 48  # Gauss-Legendre, over what there is of a tail
_REACH = 80.0  # in -2 ln of the integrand


def log_density(r: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return ln of the density of r, where a is true."""
    return np.log(r) - 0.5 * (r - a) ** 2 + np.log(special.i0e(r * a))


def density_slope(r: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return the derivative of `log_density` by a."""
    return r * special.i1e(r * a) / special.i0e(r * a) - a


def most_likely(r: np.ndarray) -> np.ndarray:
    """Return the a at which r has the highest density: zero up to r = sqrt(2), then rising to r."""
    r = np.asarray(r, float)
    low, high = np.zeros_like(r), np.maximum(r, 1.0)
    for _ in range(60):
        middle = (low + high) / 2
        above = density_slope(r, middle) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(r**2 > 2, low, 0.0)


def log_below(limit: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return ln of the probability that r is below a limit, where a is true.

    Parameters
    ----------
    limit, a : ndarray
        Positive, and not negative; they broadcast.

    Returns
    -------
    ndarray
        About -(a - limit)^2 / 2 where a is far above.
    """
    limit, a = np.broadcast_arrays(np.asarray(limit, float), np.asarray(a, float))
    # exp(-((r - a)^2 - peak^2) / 2) falls by _REACH from its largest within the interval
    over = np.maximum(a - limit, 0.0)
    root = np.sqrt(over**2 + _REACH)
    start = np.maximum(np.minimum(a, limit) - _REACH / (root + over), 0.0)
    stop = np.minimum(limit, a + np.sqrt(_REACH))
    position, weight = np.polynomial.legendre.leggauss(_NODES)
    r = start[..., None] + (stop - start)[..., None] * (1 + position) / 2
    exponent = -0.5 * ((r - a[..., None]) ** 2 - over[..., None] ** 2)
    total = (r * special.i0e(r * a[..., None]) * np.exp(exponent)) @ (weight / 2)
    return np.minimum(np.log(total * (stop - start)) - 0.5 * over**2, 0.0)


def below_slope(limit: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return the derivative of `log_below` by a, which is not positive."""
    ln = np.log(limit) - 0.5 * (limit - a) ** 2 - log_below(limit, a)
    return -np.exp(ln) * special.i1e(limit * a)


def noise_of_limit(limit: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Return sigma such that without polarization P is below a limit with a probability.

    The limit is what is called minimum detectable polarization: sigma sqrt(-2 ln(1 - C)).
    """
    return np.asarray(limit, float) / np.sqrt(-2 * np.log1p(-np.asarray(confidence, float)))
