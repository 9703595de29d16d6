"""What a posterior is to those who use it, whichever sampler it is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class PosteriorSamples(Protocol):
    """Samples of equal weight: chains after their burn-in, and draws of nested sampling."""

    @property
    def names(self) -> tuple[str, ...]:
        """The k parameters."""

    @property
    def samples(self) -> np.ndarray:
        """Shape (n, k)."""

    @property
    def seed(self) -> int:
        """Of the random numbers."""

    def draws(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Return ``n`` samples drawn at random, shape (n, k)."""


@dataclass(frozen=True)
class EqualSamples:
    """Samples of equal weight in no order, some of which may be there several times.

    Attributes
    ----------
    names : tuple of str
        The k parameters.
    samples : ndarray, shape (n, k)
    seed : int
        Of the random numbers.
    """

    names: tuple[str, ...]
    samples: np.ndarray
    seed: int

    def draws(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Return ``n`` samples drawn at random, without replacement where there are so many."""
        return drawn_of(self.samples, n, generator)


def drawn_of(samples: np.ndarray, n: int, generator: np.random.Generator) -> np.ndarray:
    """Return ``n`` rows drawn at random, without replacement where there are so many."""
    return samples[generator.choice(len(samples), n, replace=n > len(samples))]
