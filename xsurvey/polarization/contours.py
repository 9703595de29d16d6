r"""Confidence regions of q and u, and what they mean for polarization degree and angle.

The measurements are Gaussian, so that the region of a level is the ellipse

.. math:: (x - \hat x)^T C^{-1} (x - \hat x) \le \Delta\chi^2 = -2 \ln (1 - level),

which covers the true (q, u) at its level whatever the polarization. Intervals of degree and
angle that are read from it are those of both parameters jointly, wider than of one alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.measurement import angle_of, checked, inverse

LEVELS = (0.5, 0.683, 0.9, 0.99)
_SEARCH_STEPS = 30


def delta_chi2(level: np.ndarray | float | Sequence[float]) -> np.ndarray:
    """Return the rise of chi-squared at the boundary of a region of two parameters.

    Raises
    ------
    ValueError
        A level that is not between 0 and 1.

    Examples
    --------
    >>> delta_chi2((0.5, 0.9, 0.99)).round(3)
    array([1.386, 4.605, 9.21 ])
    """
    level = np.asarray(level, float)
    if not np.all((level > 0) & (level < 1)):
        raise ValueError("levels are between 0 and 1")
    return -2 * np.log1p(-level)


@dataclass(frozen=True)
class StokesEllipses:
    """Ellipses of n measurements at k levels in the plane of q and u.

    Attributes
    ----------
    levels : ndarray, shape (k,)
        Probabilities.
    q, u : ndarray, shape (n,)
        Centres.
    covariance : ndarray, shape (n, 2, 2)
    semi_major, semi_minor : ndarray, shape (n, k)
    angle_deg : ndarray, shape (n,)
        From the q axis to the major axis, towards u, in (-90, 90]: an angle of the plane, twice
        one on the sky.
    """

    levels: np.ndarray
    q: np.ndarray
    u: np.ndarray
    covariance: np.ndarray
    semi_major: np.ndarray
    semi_minor: np.ndarray
    angle_deg: np.ndarray

    def points(self, number: int = 181) -> np.ndarray:
        """Return closed curves of q and u, shape (n, k, number, 2)."""
        turn = np.linspace(0, 2 * np.pi, number)
        turn[-1] = 0.0  # the curve ends exactly where it begins
        return self._at(np.broadcast_to(turn, (*self.semi_major.shape, number)))

    def contains(self, q: np.ndarray | float, u: np.ndarray | float) -> np.ndarray:
        """Tell whether places (that broadcast to n) lie within the ellipses, shape (n, k)."""
        return self.statistic(q, u)[:, None] <= delta_chi2(self.levels)

    def statistic(self, q: np.ndarray | float, u: np.ndarray | float) -> np.ndarray:
        """Return chi-squared of places (that broadcast to n), shape (n,)."""
        away = np.stack([np.asarray(q, float) - self.q, np.asarray(u, float) - self.u], axis=-1)
        return np.einsum("ni,nij,nj->n", away, inverse(self.covariance), away)

    def _at(self, turn: np.ndarray) -> np.ndarray:
        """Return the places (n, k, m, 2) at eccentric angles (n, k, m), radians."""
        along = self.semi_major[..., None] * np.cos(turn)
        across = self.semi_minor[..., None] * np.sin(turn)
        axis = np.radians(self.angle_deg)[:, None, None]
        q = self.q[:, None, None] + along * np.cos(axis) - across * np.sin(axis)
        u = self.u[:, None, None] + along * np.sin(axis) + across * np.cos(axis)
        return np.stack([q, u], axis=-1)


@dataclass(frozen=True)
class PolarizationExtent:
    """How far ellipses of n measurements at k levels reach in degree and angle.

    Attributes
    ----------
    pd_low, pd_high : ndarray, shape (n, k)
        Fractions; the low end is 0 where the ellipse holds the origin. The high end may be
        above 1, where the measurement says nothing.
    pa_low, pa_high : ndarray, shape (n, k)
        Degrees about the measured angle: they run on past 90 so that low <= measured <= high.
        The measured angle -+ 90 where the ellipse holds the origin: any angle is allowed.
    has_origin : ndarray of bool, shape (n, k)
        The ellipse holds zero polarization.
    """

    pd_low: np.ndarray
    pd_high: np.ndarray
    pa_low: np.ndarray
    pa_high: np.ndarray
    has_origin: np.ndarray


def stokes_ellipses(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, levels: Sequence[float] = LEVELS
) -> StokesEllipses:
    """Return the confidence ellipses of measurements.

    Parameters
    ----------
    q, u : ndarray, shape (n,)
        NaN gives ellipses of NaN.
    covariance : ndarray, shape (n, 2, 2)
    levels : sequence of float
        Probabilities.

    Raises
    ------
    ValueError
        Levels that are not between 0 and 1; measurements as in
        `xsurvey.polarization.measurement.checked`.
    """
    q, u, covariance = checked(*(np.asarray(v, float) for v in (q, u, covariance)))
    a, b, c = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    largest = (a + c) / 2 + np.hypot((a - c) / 2, b)
    smallest = (a * c - b**2) / largest  # their product: no difference of like numbers
    scale = delta_chi2(levels)
    return StokesEllipses(
        np.asarray(levels, float), q, u, covariance, np.sqrt(largest[:, None] * scale),
        np.sqrt(smallest[:, None] * scale), angle_of(a - c, 2 * b),
    )  # fmt: skip


def polarization_curves(ellipses: StokesEllipses, number: int = 181) -> tuple[np.ndarray, ...]:
    """Return polarization degree and angle along ellipses.

    Returns
    -------
    degree : ndarray, shape (n, k, number)
    angle_deg : ndarray, shape (n, k, number)
        Degrees about that of the measurement: curves are continuous but where an ellipse holds the
        origin. There they go through 180 degrees, and the region is all below the curve.
    """
    q, u = np.moveaxis(ellipses.points(number), -1, 0)
    centre = angle_of(ellipses.q, ellipses.u)[:, None, None]
    turned = np.radians(2 * centre)
    away = angle_of(
        q * np.cos(turned) + u * np.sin(turned), u * np.cos(turned) - q * np.sin(turned)
    )
    return np.hypot(q, u), centre + away


def polarization_extent(ellipses: StokesEllipses) -> PolarizationExtent:
    """Return the extreme degrees and angles of ellipses; angles by the tangents from the origin."""
    level = delta_chi2(ellipses.levels)
    apart = ellipses.statistic(0.0, 0.0)[:, None]
    inside = apart <= level
    low, high = _extreme_distance(ellipses, -1.0), _extreme_distance(ellipses, 1.0)
    centre = angle_of(ellipses.q, ellipses.u)[:, None]
    # in the coordinates y = L^-1 x, C = L L^T, the ellipse is a circle
    factor = _cholesky(ellipses.covariance)
    y = _solve(factor, np.stack([ellipses.q, ellipses.u], axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        half = np.arcsin(np.minimum(np.sqrt(level / apart), 1.0))
    ends = []
    for sign in (-1.0, 1.0):
        cos, sin = np.cos(half), sign * np.sin(half)
        tangent = np.stack(
            [y[:, :1] * cos - y[:, 1:] * sin, y[:, :1] * sin + y[:, 1:] * cos], axis=-1
        )
        x = np.einsum("nij,nkj->nki", factor, tangent)
        away = _angle_from(centre, x[..., 0], x[..., 1])
        ends.append(centre + np.where(inside, 90 * sign, away))
    return PolarizationExtent(np.where(inside, 0.0, low), high, ends[0], ends[1], inside)


def _angle_from(centre: np.ndarray, q: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return position angles from a central one, degrees in (-90, 90]."""
    cos, sin = np.cos(np.radians(2 * centre)), np.sin(np.radians(2 * centre))
    return angle_of(q * cos + u * sin, u * cos - q * sin)


def _extreme_distance(ellipses: StokesEllipses, sign: float) -> np.ndarray:
    """Return the largest (sign 1) or smallest (-1) distance of ellipses from the origin, (n, k)."""
    turn = np.broadcast_to(
        np.linspace(0, 2 * np.pi, 144, endpoint=False), (*ellipses.semi_major.shape, 144)
    )
    distance = sign * np.hypot(*np.moveaxis(ellipses._at(turn), -1, 0))
    best = np.nan_to_num(distance, nan=-np.inf).argmax(axis=-1)
    at = np.take_along_axis(turn, best[..., None], axis=-1)
    step = 2 * np.pi / 144
    # ternary search between the neighbours of the best of the steps
    low, high = at - step, at + step
    for _ in range(_SEARCH_STEPS):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        first, second = (sign * np.hypot(*np.moveaxis(ellipses._at(t), -1, 0)) for t in (one, two))
        low, high = np.where(first < second, one, low), np.where(first < second, high, two)
    return np.hypot(*np.moveaxis(ellipses._at((low + high) / 2), -1, 0))[..., 0]


def _cholesky(covariance: np.ndarray) -> np.ndarray:
    a, b, c = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    factor = np.zeros_like(covariance)
    factor[:, 0, 0] = np.sqrt(a)
    factor[:, 1, 0] = b / np.sqrt(a)
    factor[:, 1, 1] = np.sqrt(c - b**2 / a)
    return factor


def _solve(factor: np.ndarray, x: np.ndarray) -> np.ndarray:
    first = x[:, 0] / factor[:, 0, 0]
    return np.stack([first, (x[:, 1] - factor[:, 1, 0] * first) / factor[:, 1, 1]], axis=-1)
