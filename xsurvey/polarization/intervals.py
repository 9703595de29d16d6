"""Intervals and upper limits of polarization degrees and angles, from Gaussian Q/I and U/I.

The posterior is that of a prior flat in the degree between 0 and 1 and flat in the angle, for Q/I
and U/I with any covariance; marginalised over the angle. With equal variances and no correlation
that of the degree P is exp(-(P - P0)^2 / 2 sigma^2) ive(0, P P0 / sigma^2), the Rice distribution
(Vaillancourt 2006, PASP 118, 1340; Maier, Tenzer & Santangelo 2014, PASP 126, 459).

Its quantiles would cover the true degree a little less often than their level as upper limits
(90 % with 89.1, 99 % with 98.9 at 3 to 4 times the error): limits are as high as those of Neyman
(1937, Phil. Trans. A 236, 333), the degree from which a measurement as low as this one has the
probability 1 - level, where these are higher. That is by .05 of the error at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.integrate import cumulative_simpson
from scipy.special import erf, log_ndtr, ndtri_exp
from scipy.stats import ncx2

from xsurvey.polarization.stokes import polarization_angle

ONE_SIGMA = float(erf(np.sqrt(0.5)))
"""The probability of an interval of 1 sigma, .683."""
THREE_SIGMA = float(erf(3 * np.sqrt(0.5)))
"""The probability within 3 sigma, .9973."""

_POINTS = 601  # degrees of a posterior
_REACH = 8.5  # sigma, beyond which it is nothing
_STEP = 0.8  # sigma between angles: sums of smooth functions converge faster than any power
_FEWEST_ANGLES, _MOST_ANGLES = 48, 4096
_VALUES_AT_A_TIME = 4_000_000
_RATIOS = np.linspace(0, 15, 301)


@dataclass(frozen=True)
class DegreePosterior:
    """Posteriors of polarization degrees.

    Attributes
    ----------
    degree : ndarray, shape (n, m)
        Ascending, in [0, 1].
    density : ndarray, shape (n, m)
        Integrates to 1.
    cumulative : ndarray, shape (n, m)
        From 0 to 1.
    """

    degree: np.ndarray
    density: np.ndarray
    cumulative: np.ndarray

    def quantile(self, probability: np.ndarray | float) -> np.ndarray:
        """Return the degrees that posteriors lie below with a probability, shape (n,)."""
        wanted = np.broadcast_to(probability, len(self.degree))
        return np.array([
            np.interp(p, c, x)
            for p, c, x in zip(wanted, self.cumulative, self.degree, strict=True)
        ]).reshape(len(self.degree))  # fmt: skip


def degree_posterior(q: np.ndarray, u: np.ndarray, covariance: np.ndarray) -> DegreePosterior:
    """Return the posteriors of the degrees of measurements.

    Parameters
    ----------
    q, u : ndarray, shape (n,)
        Normalised Stokes parameters.
    covariance : ndarray, shape (n, 2, 2)
        Positive definite.
    """
    q, u, covariance = (np.asarray(a, float) for a in (q, u, covariance))
    largest = np.sqrt(_eigenvalues(covariance)[1])
    measured = np.hypot(q, u)
    high = np.minimum(measured + _REACH * largest, 1.0)
    # of a degree that is far above 1, the posterior is what is left near 1
    low = np.clip(np.minimum(measured, 1.0) - _REACH * largest, 0.0, None)
    degree = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _POINTS)
    log = np.full(degree.shape, -np.inf)
    for rows, angles in _alike(measured, covariance, largest):
        log[rows] = _over_angles(q[rows], u[rows], covariance[rows], degree[rows], angles)
    density = np.exp(log - log.max(axis=1, keepdims=True))
    cumulative = cumulative_simpson(density, x=degree, axis=1, initial=0.0)
    cumulative = np.maximum.accumulate(np.clip(cumulative, 0, None), axis=1)
    total = cumulative[:, -1:]
    return DegreePosterior(degree, density / total, cumulative / total)


def degree_upper_limit(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, level: float
) -> np.ndarray:
    """Return what degrees are below, with a probability; NaN where there is no covariance.

    Parameters
    ----------
    q, u : ndarray, shape (n,)
    covariance : ndarray, shape (n, 2, 2)
    level : float
        Probability, such as .99.
    """
    return degree_limits(q, u, covariance, (level,))[:, 0]


def degree_limits(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, levels: tuple[float, ...]
) -> np.ndarray:
    """Return upper limits at several levels, shape (n, k), as `degree_upper_limit`."""
    q, u, covariance = (np.asarray(a, float) for a in (q, u, covariance))
    result = np.full((len(q), len(levels)), np.nan)
    good = _sound(q, u, covariance)
    if good.any():
        posterior = degree_posterior(q[good], u[good], covariance[good])
        error = np.sqrt((covariance[good, 0, 0] + covariance[good, 1, 1]) / 2)
        ratio = np.hypot(q[good], u[good]) / error
        result[good] = np.stack(
            [
                np.minimum(posterior.quantile(level) + error * _shortfall(ratio, level), 1.0)
                for level in levels
            ],
            axis=1,
        )
    return result


def _shortfall(ratio: np.ndarray, level: float) -> np.ndarray:
    """Return by how many errors quantiles of the posterior are below Neyman's limits.

    Parameters
    ----------
    ratio : ndarray
        Measured degree over its error; the same in all directions.
    level : float
    """
    return np.interp(ratio, _RATIOS, _shortfalls(level), right=0.0)


@lru_cache
def _shortfalls(level: float) -> np.ndarray:
    """Return the same of `_RATIOS`."""
    small = 1e-3  # of an error: no degree is above 1, and no prior matters
    no = np.zeros(len(_RATIOS))
    covariance = np.broadcast_to(small**2 * np.eye(2), (len(_RATIOS), 2, 2))
    bayesian = degree_posterior(small * _RATIOS, no, covariance).quantile(level) / small
    low, high = bayesian, bayesian + 1
    # where a measurement as low is improbable already at the quantile, that is high enough
    for _ in range(30):
        middle = (low + high) / 2
        above = ncx2.cdf(_RATIOS**2, 2, middle**2) > 1 - level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(low > bayesian, low - bayesian, 0.0)


def degree_interval(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, level: float = ONE_SIGMA
) -> np.ndarray:
    """Return the central intervals that degrees are in with a probability.

    They cover the true degree with that probability where it is three times its error or more, and
    more often where it is less: 68 % intervals with 75 % at 1.7 and 85 % at 1 times its error.
    (Shortest intervals would cover it with 54 % at 1.7.)

    Parameters
    ----------
    q, u : ndarray, shape (n,)
    covariance : ndarray, shape (n, 2, 2)
    level : float

    Returns
    -------
    ndarray, shape (n, 2)
        Lower and upper ends, NaN where there is no covariance.
    """
    q, u, covariance = (np.asarray(a, float) for a in (q, u, covariance))
    result = np.full((len(q), 2), np.nan)
    good = _sound(q, u, covariance)
    if good.any():
        posterior = degree_posterior(q[good], u[good], covariance[good])
        result[good] = np.stack([posterior.quantile((1 + s * level) / 2) for s in (-1, 1)], axis=1)
    return result


def angle_interval(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, level: float = ONE_SIGMA
) -> np.ndarray:
    """Return half the widths of intervals about the angles that hold a probability, degrees.

    Without any knowledge it is ``90 level``: all angles are as probable.

    Parameters
    ----------
    q, u : ndarray, shape (n,)
    covariance : ndarray, shape (n, 2, 2)
    level : float

    Returns
    -------
    ndarray, shape (n,)
        NaN where there is no covariance.
    """
    q, u, covariance = (np.asarray(a, float) for a in (q, u, covariance))
    result = np.full(len(q), np.nan)
    good = _sound(q, u, covariance)
    if not good.any():
        return result
    q, u, inverse = q[good], u[good], np.linalg.inv(covariance[good])
    largest = np.sqrt(_eigenvalues(covariance[good])[1])
    with np.errstate(divide="ignore"):
        window = np.minimum(np.pi, 4 * _REACH * largest / np.minimum(np.hypot(q, u), 1.0))
    offset = window[:, None] * np.linspace(-1, 1, 2 * _POINTS - 1)
    angle = 2 * np.radians(polarization_angle(q, u))[:, None] + offset
    density = _over_degrees(q, u, inverse, np.cos(angle), np.sin(angle))
    middle = _POINTS - 1
    # what lies within a distance, on both sides
    both = density[:, middle:] + density[:, middle::-1]
    distance = offset[:, middle:]
    held = cumulative_simpson(both, x=distance, axis=1, initial=0.0)
    held = np.maximum.accumulate(held, axis=1)
    half = [np.interp(level * h[-1], h, d) for h, d in zip(held, distance, strict=True)]
    result[good] = 0.5 * np.degrees(half)
    return result


def known_angle_degree(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, angle_deg: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the degree along a known angle, which may be negative, and its error.

    Parameters
    ----------
    q, u : ndarray, shape (n,)
    covariance : ndarray, shape (n, 2, 2)
    angle_deg : float or ndarray, shape (n,)

    Returns
    -------
    degree, error : ndarray, shape (n,)
        Gaussian.
    """
    q, u, covariance = (np.asarray(a, float) for a in (q, u, covariance))
    cos, sin = np.cos(2 * np.radians(angle_deg)), np.sin(2 * np.radians(angle_deg))
    variance = (
        covariance[..., 0, 0] * cos**2 + 2 * covariance[..., 0, 1] * cos * sin
        + covariance[..., 1, 1] * sin**2
    )  # fmt: skip
    return q * cos + u * sin, np.sqrt(variance)


def known_angle_upper_limit(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, angle_deg: float | np.ndarray,
    level: float,
) -> np.ndarray:  # fmt: skip
    """Return what degrees are below, with a probability, if their angle is known.

    The posterior of the degree is the Gaussian of `known_angle_degree` between 0 and 1.
    """
    degree, error = known_angle_degree(q, u, covariance, angle_deg)
    at_zero, at_one = -degree / error, (1 - degree) / error
    # in logarithms, since both tails may be nothing: mirrored, so that the larger is known best
    flipped = at_zero > 0
    a, b = np.where(flipped, -at_one, at_zero), np.where(flipped, -at_zero, at_one)
    share = np.where(flipped, 1 - level, level)
    log_a, log_b = log_ndtr(a), log_ndtr(b)
    found = ndtri_exp(np.logaddexp(log_a + np.log1p(-share), log_b + np.log(share)))
    return np.clip(degree + error * np.where(flipped, -found, found), 0.0, 1.0)


def _sound(q: np.ndarray, u: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    finite = np.isfinite(q) & np.isfinite(u) & np.isfinite(covariance).all(axis=(1, 2))
    sound = np.zeros(len(q), dtype=bool)
    sound[finite] = _eigenvalues(covariance[finite])[0] > 0
    return sound


def _eigenvalues(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smaller and the larger eigenvalue of symmetric matrices."""
    qq, qu, uu = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    larger = (qq + uu) / 2 + np.hypot((qq - uu) / 2, qu)
    with np.errstate(divide="ignore", invalid="ignore"):
        smaller = np.where(larger > 0, (qq * uu - qu**2) / larger, 0.0)
    return smaller, larger


def _alike(
    measured: np.ndarray, covariance: np.ndarray, largest: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows that need about as many angles, and the angles, from the measured one.

    At a degree P the posterior is as wide as sigma / sqrt(P P0) in the angle on the Q-U plane.
    """
    smallest = np.sqrt(_eigenvalues(covariance)[0])
    nearest = np.clip(np.minimum(measured, 1.0) - _REACH * largest, 0.0, None)
    with np.errstate(divide="ignore"):
        window = np.minimum(np.pi, _REACH * largest / np.sqrt(nearest * measured))
    narrowest = smallest / np.sqrt(
        np.minimum(measured + _REACH * largest, 1.0) * measured + largest**2
    )
    number = np.clip(2 * window / (_STEP * narrowest), _FEWEST_ANGLES, _MOST_ANGLES)
    power = np.ceil(np.log2(number)).astype(int)
    for p in np.unique(power):
        rows = np.flatnonzero(power == p)
        count = 2**p
        most = max(1, _VALUES_AT_A_TIME // (count * _POINTS))
        step = (np.arange(count) + 0.5) * 2 / count - 1
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            yield some, window[some, None] * step


def _over_angles(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, degree: np.ndarray, angles: np.ndarray
) -> np.ndarray:
    """Return ln of the likelihood summed over angles, shape (n, m), but for a constant a row."""
    inverse = np.linalg.inv(covariance)
    angle = np.arctan2(u, q)[:, None] + angles
    cos, sin = np.cos(angle), np.sin(angle)
    curvature, slope, at_zero = _quadratic(q, u, inverse, cos, sin)
    p = degree[:, :, None]
    exponent = p * (slope[:, None, :] - 0.5 * p * curvature[:, None, :])
    highest = exponent.max(axis=2)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(exponent - highest[..., None]).sum(axis=2)) + highest - at_zero


def _quadratic(
    q: np.ndarray, u: np.ndarray, inverse: np.ndarray, cos: np.ndarray, sin: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a, b, c of chi2 = a P^2 - 2 b P + 2 c along directions; c has shape (n, 1)."""
    qq, qu, uu = (inverse[:, i, j][:, None] for i, j in ((0, 0), (0, 1), (1, 1)))
    q, u = q[:, None], u[:, None]
    curvature = qq * cos**2 + 2 * qu * cos * sin + uu * sin**2
    slope = (qq * q + qu * u) * cos + (qu * q + uu * u) * sin
    return curvature, slope, (qq * q**2 + 2 * qu * q * u + uu * u**2) / 2


def _over_degrees(
    q: np.ndarray, u: np.ndarray, inverse: np.ndarray, cos: np.ndarray, sin: np.ndarray
) -> np.ndarray:
    """Return the likelihood integrated over degrees from 0 to 1, shape (n, k), peak 1 a row."""
    curvature, slope, _ = _quadratic(q, u, inverse, cos, sin)
    root = np.sqrt(curvature)
    low, high = -slope / root, root - slope / root
    # a difference of two tails: on the side where it is not one of two ones
    flipped = low > 0
    a, b = np.where(flipped, -high, low), np.where(flipped, -low, high)
    log_a, log_b = log_ndtr(a), log_ndtr(b)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = log_b + np.log1p(-np.exp(np.minimum(log_a - log_b, 0.0)))
    log = slope**2 / (2 * curvature) - np.log(root) + difference
    return np.exp(log - log.max(axis=1, keepdims=True))
