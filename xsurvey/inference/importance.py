"""Evidences by importance sampling, from a mixture that posterior samples have shaped.

Coordinates are those in which the prior is a standard normal density. There a parameter without
influence is Gaussian, and the edge of a box is far away. The mixture is fitted to samples, drawn
from, and fitted again to all that was drawn, with weights to a power below one as long as few draws
have most of them (adaptive multiple importance sampling, Cornuet et al. 2012). The evidence is of
draws that were not used to shape what they are drawn from, so that it is unbiased (but for the
number of draws, which depends on what they are worth).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from xsurvey.inference.gaussian_mixture import Mixture, fit_mixture, mean_of

_BATCH = 500
_LEAST = 200.0  # independent draws worth going on for, where more cannot be had
_ROUNDS, _LEAST_ROUNDS = 10, 3  # of shaping
_DRAWS, _DRAWS_LIMITS = 500, (1500, 10_000)  # of a round, for each parameter, and of all
_GOOD, _FAIR = 0.3, 0.1  # independent draws of a draw at which shaping ends, or may end
_BETTER = 1.2  # factor by which a further round is worth it where draws are fair
_SHAPING = 4000  # draws that a mixture is fitted to
_INDEPENDENT = 50  # of them for each parameter, to which weights are tempered
_WIDE, _WIDER = 0.3, 0.7  # share of the mixture that has wider tails, and the power of its weights
_FIRST = 0.05  # of all draws stay with the first mixture, so that no peak of it is lost
_TOGETHER = 3  # last mixtures that are drawn from in the end
_SMALLEST, _LARGEST = 1e-300, 1 - 2.0**-53  # places in the cube
_IMPOSSIBLE = -1e200  # ln of weights below which there is nothing
_LEAST_LN_POWER = np.log(1e-15)


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
    z : ndarray, shape (n, k)
        Places in coordinates in which the prior is a standard normal density.
    mixture : Mixture
    """

    theta: np.ndarray
    log_likelihood: np.ndarray
    log_weight: np.ndarray
    z: np.ndarray
    mixture: Mixture

    def log_prior_ratio(self, cube: np.ndarray) -> np.ndarray:
        """Return ln of the prior over the density of the draws at other places, (b, k) to (b,)."""
        z = _normal(cube)
        return _log_prior(z) - self.mixture.log_density(z)

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
            np.concatenate([self.z, other.z]),
            self.mixture,
        )


class _Source:
    """Where draws come from: a likelihood over the cube, with what was taken of it."""

    def __init__(
        self, log_likelihood: Callable[[np.ndarray], np.ndarray],
        transform: Callable[[np.ndarray], np.ndarray], generator: np.random.Generator,
    ) -> None:  # fmt: skip
        self.log_likelihood, self.transform, self.generator = log_likelihood, transform, generator
        self.spent = 0

    def sample(self, mixture: Mixture, n: int) -> ImportanceSample:
        """Return ``n`` draws of a mixture with their weights."""
        z = mixture.draw(n, self.generator)
        places = np.clip(special.ndtr(z), _SMALLEST, _LARGEST)  # within, where quantiles are finite
        theta = np.asarray(self.transform(places), float)
        value = self.log_likelihood(theta)
        self.spent += n
        log_weight = value + _log_prior(z) - mixture.log_density(z)
        return ImportanceSample(theta, value, log_weight, z, mixture)


class _Shaping:
    """Mixtures of which each is shaped by the draws of all before.

    A draw has the weight of one of their mean density (Cornuet et al. 2012, Scand. J. Stat. 39,
    798): what one mixture makes too seldom has no outsize weight where another makes it often.
    """

    def __init__(self, first: Mixture, generator: np.random.Generator) -> None:
        self.generator = generator
        self.mixtures = [first]
        k = first.means.shape[1]
        self._drawn: list[Mixture] = []
        self._z, self._log_posterior = np.empty((0, k)), np.empty(0)
        self._densities: list[np.ndarray] = []

    def add(self, found: ImportanceSample) -> None:
        """Take draws, as many as each time before, and shape the next mixture."""
        densities = [
            np.concatenate([known, one.log_density(found.z)])
            for known, one in zip(self._densities, self._drawn, strict=True)
        ]
        self._z = np.concatenate([self._z, found.z])
        self._log_posterior = np.concatenate(
            [self._log_posterior, found.log_likelihood + _log_prior(found.z)]
        )
        self._drawn.append(found.mixture)
        self._densities = [*densities, found.mixture.log_density(self._z)]
        self.mixtures.append(self._next())

    def _next(self) -> Mixture:
        """Return a mixture that is like all draws, with wide tails and a share of the first."""
        log_weight = self._log_posterior - special.logsumexp(self._densities, axis=0)
        power = _power(log_weight, _INDEPENDENT * self._z.shape[1])

        def like(tempered: float) -> Mixture:
            weights = special.softmax(tempered * log_weight)
            chosen = resampled(weights, _SHAPING, self.generator)
            return fit_mixture(self._z[chosen], self.generator)

        mixture = like(power).with_part(like(_WIDER * power), _WIDE)
        return mixture.with_part(self.mixtures[0], _FIRST)

    @property
    def proposal(self) -> Mixture:
        """The last mixtures together: no one follows the chances of single draws alone."""
        return mean_of(self.mixtures[1:][-_TOGETHER:])


def importance_sample(
    log_likelihood: Callable[[np.ndarray], np.ndarray],
    transform: Callable[[np.ndarray], np.ndarray], heaps: Sequence[np.ndarray],
    effective_size: float, largest: int, generator: np.random.Generator,
) -> ImportanceSample:  # fmt: skip
    """Draw from what samples of a posterior look like.

    Parameters
    ----------
    log_likelihood : callable
        (b, k) to (b,), finite.
    transform : callable
        From the unit cube to the parameters, (b, k) to (b, k).
    heaps : sequence of ndarray, shape (n, k)
        Places in the cube where the posterior may be: samples of it, what is about a peak of it.
        The first draws are shared by all heaps alike.
    effective_size : float
        At which to stop.
    largest : int
        Number of evaluations, at which to stop too; but `least_evaluations` are always taken.
    generator : Generator

    Returns
    -------
    ImportanceSample
    """
    source = _Source(log_likelihood, transform, generator)
    draws = _draws(heaps[0].shape[1])
    shaping = _Shaping(mean_of([fit_mixture(_normal(h), generator) for h in heaps]), generator)
    _shape(shaping, source, draws, largest)
    # kept whatever they are worth: without those that hit a peak the rest would be too low
    found = source.sample(shaping.proposal, draws)
    while found.effective_size < _in_reach(effective_size, found, largest - source.spent):
        # growing batches: as many copies of what there is as doublings
        number = max(_BATCH, len(found.theta) // 4)
        if source.spent + number > largest:
            break
        found = found.joined(source.sample(found.mixture, number))
    return found


def _shape(shaping: _Shaping, source: _Source, draws: int, largest: int) -> None:
    """Shape mixtures until their draws are good, or fair and not getting better."""
    before = np.inf
    for number in range(1, _ROUNDS + 1):
        if number > 1 and source.spent + 2 * draws > largest:
            break
        found = source.sample(shaping.mixtures[-1], draws)
        shaping.add(found)
        size = found.effective_size
        fair = number >= _LEAST_ROUNDS and size > _FAIR * draws
        if size > _GOOD * draws or (fair and size < _BETTER * before):
            break
        before = size


def least_evaluations(parameters: int) -> int:
    """Return how many likelihoods are taken at least: shaped once, and drawn from."""
    return 2 * _draws(parameters)


def _draws(parameters: int) -> int:
    return int(np.clip(_DRAWS * parameters, *_DRAWS_LIMITS))


def _power(log_weight: np.ndarray, size: float) -> float:
    """Return the power of weights, 1 at most, at which they are worth so many draws.

    Or half of those that are possible, where these are fewer.
    """
    possible = log_weight[log_weight > _IMPOSSIBLE]
    wanted = min(size, 0.5 * len(possible))

    def effective(power: float) -> float:
        return float(1 / np.sum(special.softmax(power * possible) ** 2))

    if not len(possible) or effective(1.0) >= wanted:
        return 1.0
    low, high = _LEAST_LN_POWER, 0.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(np.exp(middle)) >= wanted else (low, middle)
    return float(np.exp(low))


def _in_reach(effective_size: float, found: ImportanceSample, left: int) -> float:
    """Return the size to stop at: less than was asked for where draws that are left are too few."""
    most = found.effective_size * (1 + left / len(found.theta))
    return next((size for size in (effective_size, _LEAST) if size <= most), 0.0)


def _normal(cube: np.ndarray) -> np.ndarray:
    return np.asarray(special.ndtri(np.clip(cube, 1e-15, 1 - 1e-15)))


def _log_prior(z: np.ndarray) -> np.ndarray:
    """Return ln of the standard normal density, the prior of `z`, (b, k) to (b,)."""
    return np.asarray(-0.5 * (z**2).sum(axis=1) - z.shape[1] / 2 * np.log(2 * np.pi))


def resampled(weights: np.ndarray, n: int, generator: np.random.Generator) -> np.ndarray:
    """Return ``n`` places by systematic resampling (weights add up to one)."""
    cumulative = np.cumsum(weights)
    places = (np.arange(n) + generator.random()) / n * cumulative[-1]
    return np.minimum(np.searchsorted(cumulative, places, "right"), len(weights) - 1)
