r"""Errors of position angles at any signal-to-noise ratio.

With P0 the degree in units of the error of q and u, angles theta about the true one have the
density

.. math:: G(\theta) = \frac{1}{\sqrt\pi} \Big\{ \frac{1}{\sqrt\pi} + \eta\, e^{\eta^2}
          [1 + \mathrm{erf}(\eta)] \Big\} e^{-P_0^2 / 2}, \quad
          \eta = \frac{P_0}{\sqrt 2} \cos 2 \theta

(Naghizadeh-Khouei & Clarke 1993, A&A 274, 968; from memory, checked against simulations in the
tests). The error is half the width of the central 68.27 % of it: 28.65 degrees / P0 at high
ratios, 61.4 degrees without polarization. For P0 one takes the measured degree after debiasing.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.special import erf

from xsurvey.polarization.optical.debias import debiased

CONFIDENCE = 0.6826894921370859
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(64)
_ASYMPTOTIC = 50.0
_STEPS = 60


def angle_density(angle_deg: np.ndarray, ratio: np.ndarray | float) -> np.ndarray:
    """Return the density, per degree, of angles at some distance from the true one.

    Parameters
    ----------
    angle_deg : ndarray
        Degrees; the density has a period of 180.
    ratio : ndarray
        Degree over its error, not negative.
    """
    theta, ratio = np.radians(np.asarray(angle_deg, float)), np.asarray(ratio, float)
    eta = ratio / np.sqrt(2) * np.cos(2 * theta)
    # e^{eta^2 - P0^2/2} = e^{-(P0 sin 2 theta)^2 / 2}: nothing overflows
    peak = np.exp(-0.5 * (ratio * np.sin(2 * theta)) ** 2)
    value = np.exp(-0.5 * ratio**2) / np.pi + eta * peak * (1 + erf(eta)) / np.sqrt(np.pi)
    return value * np.pi / 180


def angle_error(ratio: np.ndarray | float, confidence: float = CONFIDENCE) -> np.ndarray:
    """Return half the width of the central interval of the angle, degrees.

    Parameters
    ----------
    ratio : ndarray
        True degree over its error, not negative; infinite gives 0.
    confidence : float

    Raises
    ------
    ValueError
        A negative ratio, or one that is not a number.
    """
    ratio = np.asarray(ratio, float)
    if not np.all(ratio >= 0):
        raise ValueError("ratios of polarization degree to error are not negative")
    finite = np.where(np.isfinite(ratio), ratio, 1.0).ravel()
    low = np.zeros(len(finite))
    # of a Gaussian of this width 90 degrees are never reached
    high = np.minimum(90.0, 90.0 * 12 / np.maximum(finite, 12))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        theta = middle[:, None] * (_NODES + 1) / 2
        held = (angle_density(theta, finite[:, None]) * _NODE_WEIGHTS).sum(axis=1) * middle
        low, high = (
            np.where(held < confidence, middle, low),
            np.where(held < confidence, high, middle),
        )
    return np.where(np.isfinite(ratio), ((low + high) / 2).reshape(ratio.shape), 0.0)


def measured_angle_error(pd: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return errors of angles, degrees, from measured degrees and their errors.

    The ratio is that of the debiased degree (``mas``); for arrays of any size it is interpolated
    in a table, within 1e-3 of `angle_error`.
    """
    pd, error = np.asarray(pd, float), np.asarray(error, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = debiased(pd, error) / error
    ratio = np.where(error > 0, ratio, np.inf)
    grid, values = _table()
    with np.errstate(divide="ignore"):
        far = np.degrees(0.5) / ratio
    return np.where(ratio < _ASYMPTOTIC, np.interp(ratio, grid, values), far)


@functools.cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    grid = np.concatenate([np.linspace(0, 5, 501), np.geomspace(5.02, _ASYMPTOTIC, 400)])
    return grid, angle_error(grid)
