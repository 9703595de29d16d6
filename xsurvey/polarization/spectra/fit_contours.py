"""Joint confidence contours of degree and angle: both held, everything else fitted again.

In the plane of q = A cos 2 psi and u = A sin 2 psi the statistic is nearly a paraboloid about the
best fit, so a contour is found along rays from there: at the distance that the ellipse of the
covariance predicts, then corrected by what the statistic says until it is the level's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.inference.best_fit import typical_changes
from xsurvey.inference.held import Held
from xsurvey.inference.minimise import minimise
from xsurvey.polarization.spectra.polarization_models import folded_angle
from xsurvey.spectra.fit import Fit

LEVELS = (0.5, 0.9, 0.99, 0.999)
"""Joint confidence of two parameters: rises of the statistic of 1.386, 4.605, 9.210 and 13.816."""
_RAYS = 48
_CORRECTIONS = 3
_LEAST = 1e-3
"""Of the ellipse, where a degree at a limit has no covariance."""
_WIDEST = 45.0
"""Standard deviation of an angle, degrees: more is none."""
_AT_LIMIT = 1e-9
_CLOSE = 0.01
"""Relative error of the statistic's rise that is good enough."""


@dataclass(frozen=True)
class Contour:
    """A contour of one level.

    Attributes
    ----------
    level : float
        Joint confidence.
    delta : float
        Rise of the statistic.
    degree, angle : ndarray, shape (r,)
        Fraction; degrees in (-90, 90]. In the order of a way around.
    closed : bool
        Whether it is all below the highest degree, 1; points that would be beyond are there.
    """

    level: float
    delta: float
    degree: np.ndarray
    angle: np.ndarray
    closed: bool


def degree_angle_contours(
    fit: Fit, degree: int, angle: int, levels: Sequence[float] = LEVELS
) -> list[Contour]:
    """Return the contours of a constant degree and its angle.

    Parameters
    ----------
    fit : Fit
    degree, angle : int
        Places of the two among the free parameters; the angle in degrees.
    levels : sequence of float
        Joint confidence.
    """
    q0, u0 = _plane(fit.theta[degree], fit.theta[angle])
    shape = _ellipse(fit, degree, angle)
    turns = 2 * np.pi * np.arange(_RAYS) / _RAYS
    way = shape @ np.stack([np.cos(turns), np.sin(turns)])  # to the ellipse of a rise of one
    rises = _Rises(fit, degree, angle)
    contours = []
    for level in levels:
        delta = -2 * np.log1p(-level)
        points = np.array([
            _on_ray(rises, np.array([q0, u0]), way[:, k], delta) for k in range(_RAYS)
        ])  # fmt: skip
        found = np.hypot(points[:, 0], points[:, 1])
        angles = [folded_angle(0.5 * float(np.degrees(np.arctan2(u, q)))) for q, u in points]
        contours.append(Contour(
            float(level), float(delta), np.minimum(found, rises.most), np.array(angles),
            bool(np.all(found < rises.most * (1 - _AT_LIMIT))),
        ))  # fmt: skip
    return contours


def _plane(degree: float, angle: float) -> tuple[float, float]:
    twice = np.radians(2 * angle)
    return float(degree * np.cos(twice)), float(degree * np.sin(twice))


def _ellipse(fit: Fit, degree: int, angle: int) -> np.ndarray:
    """Return the square root of the covariance of q and u, shape (2, 2)."""
    rows = [degree, angle]
    covariance = np.array(fit.minimum.covariance[np.ix_(rows, rows)])
    covariance[~np.isfinite(covariance)] = 0.0
    if covariance[1, 1] > _WIDEST**2:  # of an angle that is not determined
        factor = np.array([1.0, _WIDEST / np.sqrt(covariance[1, 1])])
        covariance *= np.outer(factor, factor)
    size, twice = float(fit.theta[degree]), np.radians(2 * fit.theta[angle])
    size = max(size, np.sqrt(max(covariance[0, 0], 0.0)), 1e-4)
    turned = 2 * np.radians(1.0) * size
    jacobian = np.array([
        [np.cos(twice), -turned * np.sin(twice)], [np.sin(twice), turned * np.cos(twice)],
    ])  # fmt: skip
    spread = jacobian @ covariance @ jacobian.T
    values, vectors = np.linalg.eigh(0.5 * (spread + spread.T))
    least = max(float(values.max()) * 1e-4, _LEAST**2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, least)))


def _on_ray(rises: _Rises, centre: np.ndarray, step: np.ndarray, delta: float) -> np.ndarray:
    """Return the point of a ray at which the statistic has risen by delta, as far as degrees go.

    The root of the rise is nearly linear in the distance: a secant on it.
    """
    limit = _distance_to_circle(centre, step, rises.most)
    before, below = 0.0, 0.0
    distance = min(np.sqrt(delta), limit)
    for _ in range(_CORRECTIONS):
        rise = rises(centre + distance * step)
        if not np.isfinite(rise) or abs(rise / delta - 1) < _CLOSE:
            break
        if distance == limit and rise < delta:
            break
        root = np.sqrt(max(rise, 0.0))
        slope = (root - below) / (distance - before) if distance != before else 0.0
        if slope <= 0:
            break
        before, below = distance, root
        distance = min(max(distance + (np.sqrt(delta) - root) / slope, 0.1 * distance), limit)
    return np.asarray(centre + distance * step)


def _distance_to_circle(centre: np.ndarray, step: np.ndarray, most: float) -> float:
    """Return how many steps it is to the highest degree."""
    a, b = float(step @ step), float(centre @ step)
    c = max(most**2 - float(centre @ centre), 0.0)
    return float((-b + np.sqrt(b * b + a * c)) / a)


class _Rises:
    """The rise of the statistic at a point of the plane, everything else fitted."""

    def __init__(self, fit: Fit, degree: int, angle: int) -> None:
        self._fit, self._degree, self._angle = fit, degree, angle
        self._others = ~np.isin(np.arange(len(fit.theta)), [degree, angle])
        low, high = fit.likelihood.parameters.bounds
        self._range = float(low[degree]), float(high[degree])
        self._angles = float(low[angle]), float(high[angle])
        self.most = float(high[degree])
        self._bounds = (low[self._others], high[self._others])
        self._scale = typical_changes(fit.likelihood, fit.theta)[self._others]
        self._least = fit.statistic + float(fit.likelihood.penalty(fit.theta[None, :])[0][0])

    def __call__(self, point: np.ndarray) -> float:
        degree = float(np.hypot(*point))
        if degree < self._range[0]:
            return float("inf")
        degree = min(degree, self.most)  # of what rounding adds
        angle = 0.5 * float(np.degrees(np.arctan2(point[1], point[0])))
        best = float(self._fit.theta[self._angle])
        angle += 180.0 * np.round((best - angle) / 180.0)  # the one within the limits
        angle = float(np.clip(angle, *self._angles))  # but for rounding
        pair = sorted([(self._degree, degree), (self._angle, angle)])
        (first, low), (second, high) = pair
        held = Held(Held(self._fit.likelihood, second, high), first, low)
        start = self._fit.theta[self._others]
        if not len(start):
            theta = np.empty((1, 0))
            total = held.total(held.evaluate(theta)) + held.penalty(theta)[0]
            return float(total[0]) - self._least
        found = minimise(held, start, self._bounds, self._scale, held.penalty, probe=False)
        return found.statistic - self._least
