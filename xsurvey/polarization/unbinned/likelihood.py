"""Maximum-likelihood polarization of unbinned events, alone or mixed with a background.

ln L = sum ln[1 + x . s], with the vector x = mu (q, u) / 2 of each event and the normalised Stokes
parameters s = (Q/I, U/I) (Gonzalez-Caniulef et al. 2023, MNRAS 519, 5902, arXiv:2204.00140). An
event that is of the source with the probability p and else of a background has
1 + x . [p s + (1 - p) b] (as the mixtures of Dinsmore & Romani 2025, arXiv:2509.07981): s and the
background's b are found together. ln L is concave, so that it has one maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.unbinned.polarized_points import PolarizedPoints

_ITERATIONS = 80
_HALVINGS = 30
_DECREMENT = 1e-11  # twice what ln L would still gain: 3e-6 of an error
_FAR = 1.5  # a degree from where the way back into the disk is looked for
_STEP = 0.5  # the longest step of a degree
_BISECTIONS = 60
_NEAR = 1e-4  # of a degree of 1, to which it is then brought
_BACKGROUND_PRIOR = 1.0
"""1 sigma of Q/I and U/I of a background before it is seen: no bound on one of many events, and
keeps one of a few from being anything."""


@dataclass(frozen=True)
class LikelihoodFit:
    """Maxima of likelihoods of g groups; NaN where there is none.

    Attributes
    ----------
    stokes : ndarray, shape (g, 2)
        Q/I and U/I at the maximum within a degree of 1.
    covariance : ndarray, shape (g, 2, 2)
        Of both, the background's uncertainty included.
    chi2 : ndarray, shape (g,)
        Twice the gain of ln L over no polarization, 2 degrees of freedom.
    sigma0 : ndarray, shape (g,)
        Error of Q/I and U/I if there is no polarization.
    at_limit : ndarray of bool, shape (g,)
        The maximum is where the degree is 1.
    background : ndarray, shape (g, 2), or None
        Q/I and U/I of the background.
    background_covariance : ndarray, shape (g, 2, 2), or None
    """

    stokes: np.ndarray
    covariance: np.ndarray
    chi2: np.ndarray
    sigma0: np.ndarray
    at_limit: np.ndarray
    background: np.ndarray | None = None
    background_covariance: np.ndarray | None = None


def fit_polarization(
    points: PolarizedPoints, background: bool = False, robust: bool = False
) -> LikelihoodFit:
    """Find the polarization of groups of events.

    Parameters
    ----------
    points : PolarizedPoints
    background : bool
        Whether events that are not of the source are polarized: if not, they have no preferred
        angle. Events that are surely of the background (``source`` 0) tell of it.
    robust : bool
        Whether modulation factors of single events are only right on average, as those from
        weights are. The covariance is then H^-1 B H^-1, with the observed information H and the
        sum B of squares of the events' slopes (White 1982, Econometrica 50, 1), else H^-1.

    Notes
    -----
    Errors of the probabilities themselves add, as those of a first step of two (Murphy & Topel
    1985, JBES 3, 370): what they are made of, places and counts, does not know the angles.
    """
    problem = _Problem(points, 4 if background else 2)
    theta, at_limit = problem.maximum()
    value = problem.log_likelihood(theta)
    null = problem.null()
    chi2 = np.maximum(2 * (value - problem.log_likelihood(null)), 0.0)
    _, _, information = problem.derivatives(theta)
    covariance = _inverse(information)
    if robust:
        covariance = covariance @ problem.squares(theta) @ covariance
    covariance = covariance + covariance_of_fractions(problem, theta, covariance)
    _, _, unpolarized = problem.derivatives(null)
    at_null = _inverse(unpolarized)[:, :2, :2]
    with np.errstate(invalid="ignore"):
        sigma0 = np.sqrt((at_null[:, 0, 0] + at_null[:, 1, 1]) / 2)
    none = ~np.isfinite(covariance[:, :2, :2]).all(axis=(1, 2))
    chi2 = np.where(none, np.nan, chi2)
    stokes = np.where(none[:, None], np.nan, theta[:, :2])
    return LikelihoodFit(
        stokes, covariance[:, :2, :2], chi2, sigma0, at_limit & ~none,
        theta[:, 2:] if background else None, covariance[:, 2:, 2:] if background else None,
    )  # fmt: skip


class _Problem:
    """The likelihood of groups as a function of k parameters: source, then background."""

    def __init__(self, points: PolarizedPoints, size: int) -> None:
        self.points = points
        self.size = size
        self.shape = (points.groups, size)
        source = np.ones(len(points.x)) if points.source is None else points.source
        self.shares = [source] if size == 2 else [source, 1 - source]
        prior = np.zeros(size)
        prior[2:] = _BACKGROUND_PRIOR**-2
        self.prior = prior

    def log_likelihood(self, theta: np.ndarray, ridge: np.ndarray | None = None) -> np.ndarray:
        """Return ln L and the logarithm of the prior, -inf where an event is impossible."""
        phi = self._phi(theta)
        d, s = self._one_plus(phi), self.points.scatter
        bad = self.points.total(d <= 0) > 0
        d = np.where(d > 0, d, 1.0)
        terms = self.points.number * np.log(d)
        if s is not None:
            terms = terms - 0.5 * _form(s, phi) / d**2
        penalty = 0.5 * ((self.prior + _ridge(ridge, self.size)) * theta**2).sum(axis=1)
        return np.where(bad, -np.inf, self.points.total(terms) - penalty)

    def derivatives(
        self, theta: np.ndarray, ridge: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the slopes of each point, their sums (g, k), and minus the curvature (g, k, k)."""
        phi = self._phi(theta)
        n, x, s = self.points.number, self.points.x, self.points.scatter
        d = self._one_plus(phi)
        g = (n / d)[:, None] * x
        h = (n / d**2)[:, None] * _outer(x, x)
        if s is not None:
            sx, t = _product(s, phi), _form(s, phi)
            g = g - sx / (d**2)[:, None] + (t / d**3)[:, None] * x
            mixed = _outer(x, sx) + _outer(sx, x)
            h = (
                h + (s - 2 * mixed / d[:, None] + 3 * (t / d**2)[:, None] * _outer(x, x))
                / (d**2)[:, None]
            )  # fmt: skip
        gradient = np.empty(self.shape)
        information = np.empty((*self.shape, self.size))
        for a, p in enumerate(self.shares):
            for i in range(2):
                gradient[:, 2 * a + i] = self.points.total(p * g[:, i])
            for b, r in enumerate(self.shares):
                for (i, j), column in ((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 2):
                    if (2 * b + j) >= (2 * a + i):
                        total = self.points.total(p * r * h[:, column])
                        information[:, 2 * a + i, 2 * b + j] = total
                        information[:, 2 * b + j, 2 * a + i] = total
        penalty = self.prior + _ridge(ridge, self.size)
        gradient -= penalty * theta
        information += np.eye(self.size) * penalty[..., None, :]
        return g, gradient, information

    def maximum(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the maxima within a degree of 1, and which are at it."""
        free = np.ones(self.size, dtype=bool)
        theta = self._newton(np.zeros(self.shape), free)
        outside = np.hypot(theta[:, 0], theta[:, 1]) > 1
        if outside.any():
            chosen = np.flatnonzero(outside)
            part = _Problem(self.points.of_groups(chosen), self.size)
            theta[chosen] = part.on_circle(theta[chosen])
        return theta, np.hypot(theta[:, 0], theta[:, 1]) > 1 - _NEAR

    def null(self) -> np.ndarray:
        """Return the maxima without polarization of the source."""
        theta = np.zeros(self.shape)
        return theta if self.size == 2 else self._newton(theta, np.arange(self.size) >= 2)

    def on_circle(self, theta: np.ndarray) -> np.ndarray:
        """Return the maxima within a degree of 1 where those of ln L are beyond.

        There the slope of ln L is l s with a positive l: of ln L - l s^2 / 2, whose maximum is
        everywhere within reach, the one of degree 1 is found by bisection of l.
        """
        n, x = self.points.number, np.hypot(*self.points.x.T)
        high = self.points.total(n * x / np.maximum(1 - x, 1e-3)) + 1e-3
        low = 1e-9 * high
        degree = np.hypot(theta[:, 0], theta[:, 1])
        theta = theta.copy()
        theta[:, :2] /= degree[:, None]
        if self.size > 2:
            theta[:, 2:] = 0.0
        theta = np.where(np.isfinite(self.log_likelihood(theta))[:, None], theta, 0.0)
        free = np.ones(self.size, dtype=bool)
        for _ in range(_BISECTIONS):
            ridge = np.sqrt(low * high)
            degree = np.hypot(theta[:, 0], theta[:, 1])
            theta[:, :2] /= np.maximum(degree, 1.0)[:, None]  # from where a way is not given up
            theta = self._newton(theta, free, ridge)
            beyond = np.hypot(theta[:, 0], theta[:, 1]) > 1
            low, high = np.where(beyond, ridge, low), np.where(beyond, high, ridge)
            if np.all(high < low * (1 + 1e-9)):
                break
        degree = np.hypot(theta[:, 0], theta[:, 1])
        theta[:, :2] /= np.where(degree > 1 - _NEAR, degree, 1.0)[:, None]
        return theta

    def squares(self, theta: np.ndarray) -> np.ndarray:
        """Return sums of squares of the slopes of events, shape (g, k, k)."""
        g, _, _ = self.derivatives(theta)
        vectors = np.concatenate([p[:, None] * g for p in self.shares], axis=1)
        result = np.empty((*self.shape, self.size))
        for i in range(self.size):
            for j in range(self.size):
                result[:, i, j] = self.points.total(vectors[:, i] * vectors[:, j])
        result += np.eye(self.size) * self.prior
        return result

    def _phi(self, theta: np.ndarray) -> np.ndarray:
        """Return the mean polarization of source and background at each point, shape (n, 2)."""
        at = theta[self.points.group]
        return sum(p[:, None] * at[:, 2 * a : 2 * a + 2] for a, p in enumerate(self.shares))

    def _one_plus(self, phi: np.ndarray) -> np.ndarray:
        x = self.points.x
        return 1 + x[:, 0] * phi[:, 0] + x[:, 1] * phi[:, 1]

    def _newton(
        self, theta: np.ndarray, free: np.ndarray, ridge: np.ndarray | None = None
    ) -> np.ndarray:
        value = self.log_likelihood(theta, ridge)
        fixed = np.diag(~free).astype(float)
        for _ in range(_ITERATIONS):
            _, gradient, information = self.derivatives(theta, ridge)
            gradient = np.where(free, gradient, 0.0)
            information = np.where(free[:, None] & free, information, 0.0) + fixed
            step = _solved(information, gradient)
            decrement = (step * gradient).sum(axis=1)
            active = (decrement > _DECREMENT) & (np.hypot(theta[:, 0], theta[:, 1]) < _FAR)
            length = np.abs(step).max(axis=1)
            step *= np.where(length > _STEP, _STEP / np.maximum(length, _STEP), 1.0)[:, None]
            if not active.any():
                break
            theta, value, moved = self._climb(theta, step, value, active, decrement, ridge)
            if not moved.any():
                break
        return theta

    def _climb(
        self, theta: np.ndarray, step: np.ndarray, value: np.ndarray, active: np.ndarray,
        decrement: np.ndarray, ridge: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        """Go along steps, half as far where ln L does not rise enough."""
        part, waiting = np.where(active, 1.0, 0.0), active
        for _ in range(_HALVINGS):
            trial = theta + part[:, None] * step
            found = self.log_likelihood(trial, ridge)
            # near the maximum what is gained drowns in the rounding of the sum
            rounding = 1e-12 * (1 + np.abs(value))
            enough = found >= value + 1e-4 * part * np.minimum(decrement, 1.0) - rounding
            waiting = active & ~enough
            if not waiting.any():
                break
            part = np.where(waiting, part / 2, part)
        moved = active & ~waiting
        theta = np.where(moved[:, None], theta + part[:, None] * step, theta)
        return theta, np.where(moved, found, value), moved


def covariance_of_fractions(
    problem: _Problem, theta: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """Return what the errors of the sources' probabilities add to a covariance."""
    points = problem.points
    if points.fraction is None or points.slope is None or points.fraction_variance is None:
        return np.zeros_like(covariance)
    used = (points.fraction >= 0) & (points.number > 0)
    x, n = points.x[used], points.number[used]
    at = theta[points.group[used]]
    difference = at[:, :2] - (at[:, 2:] if problem.size > 2 else 0.0)
    d = problem._one_plus(problem._phi(theta))[used]
    xx = n[:, None] * _outer(x, x)
    if points.scatter is not None:
        xx = xx + points.scatter[used]
    # expected: minus the product of what ln L of an event changes by either
    change = -_product(xx, difference) * (points.slope[used] / d**2)[:, None]
    m = len(points.fraction_variance)
    vectors = np.stack(
        [
            np.bincount(points.fraction[used], p[used] * change[:, i], m)
            for p in problem.shares for i in range(2)
        ],
        axis=1,
    )  # fmt: skip
    owner = np.zeros(m, dtype=int)
    owner[points.fraction[used]] = points.group[used]
    middle = np.zeros_like(covariance)
    np.add.at(
        middle, owner,
        points.fraction_variance[:, None, None] * vectors[:, :, None] * vectors[:, None, :],
    )  # fmt: skip
    return covariance @ middle @ covariance


def _ridge(ridge: np.ndarray | None, size: int) -> np.ndarray:
    return np.zeros(size) if ridge is None else ridge[:, None] * (np.arange(size) < 2)


def _outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a symmetric product of vectors, shape (n, 3)."""
    middle = (a[:, 0] * b[:, 1] + a[:, 1] * b[:, 0]) / 2
    return np.stack([a[:, 0] * b[:, 0], middle, a[:, 1] * b[:, 1]], axis=1)


def _product(s: np.ndarray, v: np.ndarray) -> np.ndarray:
    rows = (s[:, i] * v[:, 0] + s[:, i + 1] * v[:, 1] for i in (0, 1))
    return np.stack(list(rows), axis=1)


def _form(s: np.ndarray, v: np.ndarray) -> np.ndarray:
    return s[:, 0] * v[:, 0] ** 2 + 2 * s[:, 1] * v[:, 0] * v[:, 1] + s[:, 2] * v[:, 1] ** 2


def _sound(matrix: np.ndarray) -> np.ndarray:
    """Tell which symmetric matrices are positive definite beyond rounding."""
    diagonal = np.diagonal(matrix, axis1=-2, axis2=-1)
    good = np.isfinite(matrix).all(axis=(1, 2)) & (diagonal > 0).all(axis=1)
    scale = np.sqrt(np.where(good[:, None], diagonal, 1.0))
    unit = np.where(good[:, None, None], matrix, 0) / (scale[:, :, None] * scale[:, None, :])
    return good & (np.linalg.eigvalsh(unit)[:, 0] > 1e-10)


def _inverse(matrix: np.ndarray) -> np.ndarray:
    good = _sound(matrix)
    found = np.linalg.inv(np.where(good[:, None, None], matrix, np.eye(matrix.shape[-1])))
    return np.where(good[:, None, None], found, np.nan)


def _solved(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return Newton's step; along the slope where a matrix is singular."""
    inverse = _inverse(matrix)
    bare = np.isnan(inverse).any(axis=(1, 2))
    inverse[bare] = np.eye(matrix.shape[-1])
    return (inverse @ vector[..., None])[..., 0]
