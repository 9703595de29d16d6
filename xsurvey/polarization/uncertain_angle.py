r"""Polarization along an angle that is known with an error.

The likelihood of (q, u) given degree P and angle psi is Gaussian; psi has a Gaussian prior about
the assumed angle, wrapped at 180 degrees, and P a prior that is flat in P >= 0. Given psi the
posterior of P is a Gaussian cut at zero,

.. math:: \hat P(\psi) = \frac{e^T C^{-1} x}{e^T C^{-1} e}, \quad
          s^2(\psi) = \frac{1}{e^T C^{-1} e}, \quad e = (\cos 2\psi, \sin 2\psi),

so that after the sum over psi it is a mixture of these, of which everything is known in closed
form. As the error of the angle grows it becomes the posterior of a free angle (Rice),

.. math:: \propto e^{-(P - P_0)^2 / 2 \sigma^2}\, \mathrm{ive}(0, P P_0 / \sigma^2),

where errors are equal and not correlated; as the error goes to zero, that of
`xsurvey.polarization.known_angle`, or, where errors of q and u are correlated, that of the
projection which is weighted with the covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, logsumexp

from xsurvey.polarization.known_angle import check_level
from xsurvey.polarization.measurement import checked, inverse, measured

_REACH = 8.0  # standard deviations of the angle's prior
_STEPS = (401, 20_001)  # fewest and most angles
_FREE = 180.0  # degrees of error beyond which a wrapped Gaussian is uniform to 1e-8
_BISECTIONS = 60
_GRID = 2001


@dataclass(frozen=True)
class UncertainAngle:
    """Posterior of the degree of one measurement: m Gaussians that are cut at zero.

    Attributes
    ----------
    log_weight : ndarray, shape (m,)
        Logarithms of their parts, which sum to 1.
    centre, width : ndarray, shape (m,)
        Of the Gaussians before they are cut.
    """

    log_weight: np.ndarray
    centre: np.ndarray
    width: np.ndarray

    def log_tail(self, degree: np.ndarray | float) -> np.ndarray:
        """Return logarithms of the probability above some degrees (not negative)."""
        z = (np.asarray(degree, float)[..., None] - self.centre) / self.width
        below = log_ndtr(self.centre / self.width)
        return np.asarray(logsumexp(self.log_weight + log_ndtr(-z) - below, axis=-1))

    def density(self, degree: np.ndarray | float) -> np.ndarray:
        """Return the posterior density at some degrees, zero below zero."""
        degree = np.asarray(degree, float)
        z = (degree[..., None] - self.centre) / self.width
        log_norm = np.log(self.width) + 0.5 * np.log(2 * np.pi)
        log_norm = log_norm + log_ndtr(self.centre / self.width)
        value = np.exp(logsumexp(self.log_weight - 0.5 * z**2 - log_norm, axis=-1))
        return np.where(degree >= 0, value, 0.0)

    def upper_limit(self, level: float) -> float:
        """Return the degree below which the true one is with a probability.

        Raises
        ------
        ValueError
            A level that is not between 0 and 1.
        """
        check_level(level)
        wanted = np.log1p(-level)
        low, high = 0.0, float(np.max(np.maximum(self.centre, 0) + 10 * self.width))
        while self.log_tail(high) > wanted:
            high *= 2
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.log_tail(middle) > wanted else (low, middle)
        return (low + high) / 2

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the shortest interval of a probability; it may begin at zero.

        Raises
        ------
        ValueError
            A level that is not between 0 and 1.
        """
        check_level(level)
        grid = np.linspace(0, self.upper_limit(1 - 1e-9), _GRID)
        below = -np.expm1(self.log_tail(grid))
        starts = np.linspace(0, np.interp(1 - level, below, grid), _GRID)
        ends = np.interp(np.interp(starts, grid, below) + level, below, grid)
        best = int(np.argmin(ends - starts))
        return float(starts[best]), float(ends[best])


def uncertain_angle(
    q: float, u: float, covariance: np.ndarray, angle_deg: float, angle_error_deg: float
) -> UncertainAngle:
    """Return the posterior of the degree of a measurement whose angle is known with an error.

    Parameters
    ----------
    q, u : float
    covariance : ndarray, shape (2, 2)
    angle_deg, angle_error_deg : float
        Assumed angle and its standard deviation, degrees. Infinite: a free angle.

    Raises
    ------
    ValueError
        An error of the angle that is negative or not a number; a measurement that is not
        finite, or as in `xsurvey.polarization.measurement.checked`.
    """
    x0, x1, cov = checked(q, u, covariance)
    if not measured(x0, x1, cov):
        raise ValueError("q, u and their covariance are not finite")
    if not (np.isfinite(angle_deg) and angle_error_deg >= 0):
        raise ValueError(f"an angle of {angle_deg} +- {angle_error_deg} degrees")
    x, weights = np.array([x0, x1]), inverse(cov[None])[0]
    angle, log_prior = _angles(angle_deg, angle_error_deg, x, cov)
    e = np.stack([np.cos(np.radians(2 * angle)), np.sin(np.radians(2 * angle))], axis=-1)
    precision = np.einsum("mi,ij,mj->m", e, weights, e)
    centre, width = e @ weights @ x / precision, precision**-0.5
    # what is left of the integral over P of the Gaussian of (q, u)
    log_weight = log_prior + np.log(width) + 0.5 * (centre / width) ** 2
    log_weight = log_weight + log_ndtr(centre / width)
    return UncertainAngle(log_weight - logsumexp(log_weight), centre, width)


def _angles(
    angle: float, error: float, x: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return angles, degrees, fine enough for prior and likelihood, and logarithms of the prior."""
    if error == 0:
        return np.array([angle]), np.zeros(1)
    spread = np.sqrt(np.trace(covariance))
    narrow = min(error, np.degrees(spread / (np.hypot(*x) + spread)) / 2)
    # about the assumed angle, or all the way around: then the sum of a periodic function is exact
    span = min(2 * _REACH * error, 180.0)
    steps = int(np.clip(np.ceil(span / (0.2 * narrow)), *_STEPS))
    offset = (np.arange(steps) + 0.5) / steps * span - span / 2
    if error >= _FREE:
        return angle + offset, np.zeros(steps)
    most = int(_REACH * error / 180.0) + 1
    turns = 180.0 * np.arange(-most, most + 1)
    log_prior = logsumexp(-0.5 * ((offset[:, None] + turns) / error) ** 2, axis=1)
    return angle + offset, log_prior
