"""Mixtures of Gaussians fitted to weighted points (Dempster, Laird & Rubin 1977), to draw from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

_NUMBERS = (1, 2, 4, 8, 16)  # of components that are tried
_STEPS = 60  # of expectation and maximisation
_RIDGE = 1e-6  # of the points' own covariance is added to that of each component
_TAILS = 6.0  # degrees of freedom of the draws


@dataclass(frozen=True)
class Mixture:
    """Components with Gaussian cores, drawn from as Student's t.

    Attributes
    ----------
    shares : ndarray, shape (m,)
        Probabilities of the components.
    means : ndarray, shape (m, k)
    roots : ndarray, shape (m, k, k)
        Lower Cholesky factors of the covariances.
    """

    shares: np.ndarray
    means: np.ndarray
    roots: np.ndarray

    def draw(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Return ``n`` draws with the tails of Student's t, shape (n, k)."""
        k = self.means.shape[1]
        which = generator.choice(len(self.shares), n, p=self.shares)
        steps = generator.standard_normal((n, k))
        steps /= np.sqrt(generator.chisquare(_TAILS, n) / _TAILS)[:, None]
        return self.means[which] + np.einsum("nij,nj->ni", self.roots[which], steps)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return ln of the density of `draw`, (b, k) to (b,)."""
        k, nu = self.means.shape[1], _TAILS
        constant = special.gammaln((nu + k) / 2) - special.gammaln(nu / 2)
        constant -= k / 2 * np.log(nu * np.pi)
        each = constant - (nu + k) / 2 * np.log1p(self._distances(x) / nu)
        return self._sum(each)

    def with_part(self, other: Mixture, share: float) -> Mixture:
        """Return a mixture of which another has the given share."""
        return Mixture(
            np.concatenate([(1 - share) * self.shares, share * other.shares]),
            np.concatenate([self.means, other.means]),
            np.concatenate([self.roots, other.roots]),
        )

    def log_core(self, x: np.ndarray) -> np.ndarray:
        """Return ln of the density of the Gaussians, (b, k) to (b,)."""
        return self._sum(self._log_gaussians(x))

    def responsibilities(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return to which part points belong to components, (b, m), and their ln density, (b,)."""
        each = self._log_gaussians(x) + self._log_factors()
        total = special.logsumexp(each, axis=1, keepdims=True)
        return np.exp(each - total), total[:, 0]

    def _distances(self, x: np.ndarray) -> np.ndarray:
        """Return squared Mahalanobis distances, (b, k) to (b, m)."""
        # products with inverses take a fraction of the time that solving does
        whitened = [
            (x - mean) @ inverse.T
            for mean, inverse in zip(self.means, np.linalg.inv(self.roots), strict=True)
        ]
        return np.stack([np.einsum("nk,nk->n", z, z) for z in whitened], axis=1)

    def _log_gaussians(self, x: np.ndarray) -> np.ndarray:
        return -0.5 * (self._distances(x) + self.means.shape[1] * np.log(2 * np.pi))

    def _log_factors(self) -> np.ndarray:
        """Return ln of share over root of the determinant, shape (m,)."""
        diagonals = np.diagonal(self.roots, axis1=1, axis2=2)
        return np.asarray(np.log(self.shares) - np.log(diagonals).sum(axis=1))

    def _sum(self, each: np.ndarray) -> np.ndarray:
        return np.asarray(special.logsumexp(each + self._log_factors(), axis=1))


def mean_of(mixtures: Sequence[Mixture]) -> Mixture:
    """Return a mixture of which all others have the same share."""
    return Mixture(
        np.concatenate([one.shares for one in mixtures]) / len(mixtures),
        np.concatenate([one.means for one in mixtures]),
        np.concatenate([one.roots for one in mixtures]),
    )


def fit_mixture(x: np.ndarray, generator: np.random.Generator) -> Mixture:
    """Fit as many components as Schwarz's criterion (1978) asks for.

    Parameters
    ----------
    x : ndarray, shape (n, k)
        Points of equal weight. Repeated ones are one of more weight, and count as that: a
        component is of many different points.
    generator : Generator

    Returns
    -------
    Mixture
    """
    x, counts = np.unique(x, axis=0, return_counts=True)
    weights = counts / counts.sum()
    n, k = float(1 / np.sum(weights**2)), x.shape[1]  # different points that they are worth
    centred = x - weights @ x
    spread = (weights * centred.T) @ centred
    spread += (1e-8 * np.trace(spread) / k + 1e-20) * np.eye(k)  # no direction without width
    best, lowest = None, np.inf
    for number in _NUMBERS:
        if number > 1 and n < 10 * number * k:
            break
        first = _first(x, weights, spread, number, generator)
        mixture = _maximise(x, weights, first, _RIDGE * spread)
        size = len(mixture.shares) * (1 + k + k * (k + 1) / 2)
        criterion = -2 * n * (weights @ mixture.log_core(x)) + size * np.log(n)
        if best is not None and criterion >= lowest:
            break
        best, lowest = mixture, criterion
    assert best is not None
    return best


def _first(
    x: np.ndarray, weights: np.ndarray, spread: np.ndarray, number: int,
    generator: np.random.Generator,
) -> Mixture:  # fmt: skip
    """Return components at points that are far from each other (k-means++)."""
    white = np.linalg.solve(np.linalg.cholesky(spread), x.T).T
    chosen = [int(generator.choice(len(x), p=weights))]
    distance = np.sum((white - white[chosen[0]]) ** 2, axis=1)
    for _ in range(number - 1):
        chance = weights * distance
        if not chance.sum() > 0:
            break
        chosen.append(int(generator.choice(len(x), p=chance / chance.sum())))
        distance = np.minimum(distance, np.sum((white - white[chosen[-1]]) ** 2, axis=1))
    m = len(chosen)
    root = np.linalg.cholesky(spread / m ** (2 / x.shape[1]))
    return Mixture(np.full(m, 1 / m), x[chosen], np.repeat(root[None], m, axis=0))


def _maximise(x: np.ndarray, weights: np.ndarray, mixture: Mixture, ridge: np.ndarray) -> Mixture:
    before = -np.inf
    for _ in range(_STEPS):
        parts, each = mixture.responsibilities(x)
        now = float(weights @ each)
        if now - before < 1e-4:
            break
        before = now
        parts = parts * weights[:, None]
        squares = np.maximum((parts**2).sum(axis=0), 1e-300)
        amounts = parts.sum(axis=0) ** 2 / squares  # different points
        parts = parts[:, amounts >= min(2 * x.shape[1], amounts.max())]  # too few: it goes
        total = parts.sum(axis=0)
        means = (parts.T @ x) / total[:, None]
        roots = []
        for part, mean, amount in zip(parts.T, means, total, strict=True):
            centred = x - mean
            roots.append(np.linalg.cholesky((part * centred.T) @ centred / amount + ridge))
        mixture = Mixture(total / total.sum(), means, np.array(roots))
    return mixture
