"""Evidences by importance sampling, from a mixture that posterior samples have shaped.

Coordinates are those in which the prior is a standard normal density. There a parameter without
influence is Gaussian, and the edge of a box is far away. The mixture is fitted to samples, drawn
from, and fitted again to what was drawn (population Monte Carlo, Cappe et al. 2004); the evidence
is of draws of the last mixture alone, which were not used to shape it, so that it is unbiased.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from xsurvey.inference.gaussian_mixture import Mixture, fit_mixture

_BATCH = 500
_LEAST = 200.0  # independent draws worth going on for, where more cannot be had
_ROUNDS, _DRAWS = 3, 2000  # of shaping
LEAST_EVALUATIONS = 2 * _DRAWS
"""Shaped once, and drawn from."""
_FIRST = 0.2  # of all draws stay with the first mixture, so that no tail of it is lost


@dataclass(frozen=True)
class ImportanceSample:
    """Draws from a mixture, and their weights.

    Attributes
    ----------
    theta : ndarray, shape (n, k)
    log_likelihood : ndarray, shape (n,)
    log_weight : ndarray, shape (n,)
        Ln of likelihood times prior over the density of the draws; the mean of its exponential
        is the evidence.
    cube : ndarray, shape (n, k)
        Places in the unit cube.
    mixture : Mixture
    """

    theta: np.ndarray
    log_likelihood: np.ndarray
    log_weight: np.ndarray
    cube: np.ndarray
    mixture: Mixture

    def log_prior_ratio(self, cube: np.ndarray) -> np.ndarray:
        """Return ln of the prior over the density of the draws at other places, (b, k) to (b,)."""
        return _log_prior_ratio(_normal(cube), self.mixture)

    @property
    def weights(self) -> np.ndarray:
        """They add up to one."""
        return np.asarray(special.softmax(self.log_weight))

    @property
    def effective_size(self) -> float:
        """Independent draws that they are worth (Kish 1965)."""
        return float(1 / np.sum(self.weights**2))

    @property
    def log_evidence(self) -> float:
        """Ln of the mean weight."""
        return float(special.logsumexp(self.log_weight) - np.log(len(self.log_weight)))

    @property
    def error(self) -> float:
        """Standard error of `log_evidence`, by the scatter of the weights."""
        return float(np.sqrt(max(1 / self.effective_size - 1 / len(self.log_weight), 0.0)))

    def joined(self, other: ImportanceSample) -> ImportanceSample:
        """Return draws of the same mixture together."""
        return ImportanceSample(
            np.concatenate([self.theta, other.theta]),
            np.concatenate([self.log_likelihood, other.log_likelihood]),
            np.concatenate([self.log_weight, other.log_weight]),
            np.concatenate([self.cube, other.cube]),
            self.mixture,
        )


def importance_sample(
    log_likelihood: Callable[[np.ndarray], np.ndarray],
    transform: Callable[[np.ndarray], np.ndarray], cube: np.ndarray, effective_size: float,
    largest: int, generator: np.random.Generator,
) -> ImportanceSample:  # fmt: skip
    """Draw from what samples of a posterior look like.

    Parameters
    ----------
    log_likelihood : callable
        (b, k) to (b,), finite.
    transform : callable
        From the unit cube to the parameters, (b, k) to (b, k).
    cube : ndarray, shape (n, k)
        Equally weighted samples of the posterior, in the cube.
    effective_size : float
        At which to stop.
    largest : int
        Number of evaluations, at which to stop too; but `LEAST_EVALUATIONS` are always taken.
    generator : Generator

    Returns
    -------
    ImportanceSample
    """

    def sample(mixture: Mixture, n: int) -> ImportanceSample:
        z = mixture.draw(n, generator)
        places = special.ndtr(z)
        theta = np.asarray(transform(places), float)
        value = log_likelihood(theta)
        return ImportanceSample(theta, value, value + _log_prior_ratio(z, mixture), places, mixture)

    mixture = first = fit_mixture(_normal(cube), generator)
    spent = 0
    for _ in range(_ROUNDS):
        if spent and spent + LEAST_EVALUATIONS > largest:
            break
        found = sample(mixture, _DRAWS)
        spent += _DRAWS
        if found.effective_size < 2 * cube.shape[1]:
            break
        again = found.cube[resampled(found.weights, _DRAWS, generator)]
        mixture = fit_mixture(_normal(again), generator).with_part(first, _FIRST)
    found = sample(mixture, _DRAWS)
    spent += _DRAWS
    while found.effective_size < _in_reach(effective_size, found, largest - spent):
        # growing batches: as many copies of what there is as doublings
        number = max(_BATCH, len(found.theta) // 4)
        if spent + number > largest:
            break
        found = found.joined(sample(mixture, number))
        spent += number
    return found


def _in_reach(effective_size: float, found: ImportanceSample, left: int) -> float:
    """Return the size to stop at: less than was asked for where draws that are left are too few."""
    most = found.effective_size * (1 + left / len(found.theta))
    return next((size for size in (effective_size, _LEAST) if size <= most), 0.0)


def _normal(cube: np.ndarray) -> np.ndarray:
    return np.asarray(special.ndtri(np.clip(cube, 1e-15, 1 - 1e-15)))


def _log_prior_ratio(z: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Return ln of the standard normal density over that of the mixture's draws."""
    prior = -0.5 * (z**2).sum(axis=1) - z.shape[1] / 2 * np.log(2 * np.pi)
    return np.asarray(prior - mixture.log_density(z))


def resampled(weights: np.ndarray, n: int, generator: np.random.Generator) -> np.ndarray:
    """Return ``n`` places by systematic resampling (weights add up to one)."""
    cumulative = np.cumsum(weights)
    places = (np.arange(n) + generator.random()) / n * cumulative[-1]
    return np.minimum(np.searchsorted(cumulative, places, "right"), len(weights) - 1)
