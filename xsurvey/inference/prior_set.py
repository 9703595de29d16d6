"""The joint prior of several independent parameters, batched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.inference.priors import Prior, Uniform

_BISECTIONS = 50


@dataclass(frozen=True)
class PriorSet:
    """Independent priors of k parameters.

    Attributes
    ----------
    priors : tuple of Prior
        One a parameter, in the order of the columns of ``theta``.
    """

    priors: tuple[Prior, ...]

    def __init__(self, priors: Sequence[Prior]) -> None:
        object.__setattr__(self, "priors", tuple(priors))

    def __len__(self) -> int:
        return len(self.priors)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, shape (k,) each; infinite where there are none."""
        return np.array([p.low for p in self.priors]), np.array([p.high for p in self.priors])

    @property
    def flat(self) -> bool:
        """Whether all are the same everywhere between their ends: they add nothing there."""
        return all(isinstance(prior, Uniform) for prior in self.priors)

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Return ln of the joint density of ``theta``, (b, k) to (b,); -inf outside the bounds."""
        theta = self._checked(theta)
        total = np.zeros(len(theta))
        for column, prior in zip(theta.T, self.priors, strict=True):
            total += prior.log_density(column)
        return total

    def transform(self, u: np.ndarray) -> np.ndarray:
        """Return the parameters at which the cumulative priors are ``u``, (b, k) to (b, k)."""
        u = self._checked(u)
        columns = [p.transform(c) for c, p in zip(u.T, self.priors, strict=True)]
        return np.column_stack(columns) if columns else u

    def cumulative(self, theta: np.ndarray) -> np.ndarray:
        """Return the places in the unit cube of parameters, (b, k) to (b, k): `transform` undone.

        By bisection; what is beyond a bound is at 0 or 1.
        """
        theta = self._checked(theta)
        low, high = np.zeros_like(theta), np.ones_like(theta)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            below = self.transform(middle) < theta
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return 0.5 * (low + high)

    def sample(self, generator: np.random.Generator, n: int) -> np.ndarray:
        """Return ``n`` random sets of parameters, shape (n, k)."""
        return self.transform(generator.random((n, len(self.priors))))

    def penalty(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what the priors add to a statistic -2 ln L, see `Prior.penalty`.

        Parameters
        ----------
        theta : ndarray, shape (b, k)

        Returns
        -------
        value : ndarray, shape (b,)
        gradient, curvature : ndarray, shape (b, k)
        """
        theta = self._checked(theta)
        value = np.zeros(len(theta))
        gradient, curvature = np.zeros_like(theta), np.zeros_like(theta)
        for i, prior in enumerate(self.priors):
            one, gradient[:, i], curvature[:, i] = prior.penalty(theta[:, i])
            value += one
        return value, gradient, curvature

    def _checked(self, theta: np.ndarray) -> np.ndarray:
        theta = np.asarray(theta, float)
        if theta.ndim != 2 or theta.shape[1] != len(self.priors):
            raise ValueError(f"shape {theta.shape} is not (b, {len(self.priors)})")
        return theta
