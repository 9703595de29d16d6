"""The evidence of a model, by nested sampling and then importance sampling, both in batches.

Nested sampling (Skilling 2006, Bayesian Analysis 1, 833; with dynesty, Speagle 2020, MNRAS 493,
3132) finds where the posterior is. A mixture shaped by its samples is then drawn from, and the
mean weight of the draws is the evidence (`importance`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dynesty
import numpy as np

from xsurvey.errors import ParameterError, printable
from xsurvey.inference.batched_proposals import Batches, EvaluationsSpent, Proposals
from xsurvey.inference.importance import (
    ImportanceSample,
    importance_sample,
    least_evaluations,
    resampled,
)
from xsurvey.inference.intervals import equal_tailed, quantile
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.inference.posterior_samples import EqualSamples

_IMPOSSIBLE = -1e300
# dynesty takes no -inf
_ALONE = "the evidence is that of nested sampling alone, whose walks may be too short"
_SHAPING = 2000  # samples of nested sampling that shape the mixture
_ENOUGH = 100  # independent draws, for an evidence by importance sampling
_RARE, _LARGE = 0.05, np.log(20)
# No more than this part of the posterior may have weights so far above the mean


@dataclass(frozen=True)
class Evidence:
    """What nested sampling finds.

    Attributes
    ----------
    names : tuple of str
        The k parameters.
    log_evidence, log_evidence_error : float
        Ln of the likelihood averaged over the prior, and its statistical error: of importance
        sampling, or of nested sampling alone where a warning says so.
    information : float
        Kullback-Leibler divergence of posterior from prior, in nats.
    samples : ndarray, shape (n, k)
        Points, to be weighted.
    weights : ndarray, shape (n,)
        Their posterior probabilities, which add up to one.
    log_likelihood : ndarray, shape (n,)
    evaluations : int
        Likelihoods that were computed.
    converged : bool
        Whether nested sampling reached its tolerance and importance sampling agrees with it. If
        not, the rest is what there was by then, and may be wrong by far more than its error.
    warnings : tuple of str
        What a reader of the result must know.
    seed : int
        Of the random numbers.
    """

    names: tuple[str, ...]
    log_evidence: float
    log_evidence_error: float
    information: float
    samples: np.ndarray
    weights: np.ndarray
    log_likelihood: np.ndarray
    evaluations: int
    converged: bool
    warnings: tuple[str, ...]
    seed: int

    @property
    def effective_size(self) -> float:
        """Independent draws that the weighted samples are worth (Kish 1965)."""
        return float(1 / np.sum(self.weights**2))

    def draws(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Return ``n`` equally weighted samples by systematic resampling, shape (n, k)."""
        return self.samples[generator.permutation(resampled(self.weights, n, generator))]

    def equal_samples(self, most: int) -> tuple[EqualSamples, np.ndarray]:
        """Return samples of equal weight, and ln L of each, (n,); ``most`` of them at most."""
        generator = np.random.default_rng(self.seed)
        chosen = resampled(self.weights, min(len(self.samples), most), generator)
        chosen = generator.permutation(chosen)
        samples = EqualSamples(self.names, self.samples[chosen], self.seed)
        return samples, self.log_likelihood[chosen]

    def summary(self, probability: float = 0.6827) -> dict[str, dict[str, Any]]:
        """Return median, mean, sd and the equal-tailed interval of each parameter."""
        result: dict[str, dict[str, Any]] = {}
        for name, x in zip(self.names, self.samples.T, strict=True):
            mean = float(self.weights @ x)
            result[name] = {
                "median": quantile(x, 0.5, self.weights), "mean": mean,
                "sd": float(np.sqrt(self.weights @ (x - mean) ** 2)),
                "interval": list(equal_tailed(x, probability, self.weights)),
            }  # fmt: skip
        return result

    def record(self) -> dict[str, Any]:
        """Return what JSON tells of it."""
        return {
            "log_evidence": self.log_evidence, "error": self.log_evidence_error,
            "information": self.information, "effective_size": self.effective_size,
            "evaluations": self.evaluations, "converged": self.converged, "seed": self.seed,
            "parameters": self.summary(),
        }  # fmt: skip


def nested_sampling(
    log_likelihood: Callable[[np.ndarray], np.ndarray],
    prior_transform: Callable[[np.ndarray], np.ndarray], names: Sequence[str],
    parameters: NestedParameters | None = None, seed: int = 0, peak: np.ndarray | None = None,
) -> Evidence:  # fmt: skip
    """Return the evidence and posterior samples of a model.

    Parameters
    ----------
    log_likelihood : callable
        (b, k) to (b,); -inf where it is zero. NaN and +inf are taken for -inf, counted and
        reported.
    prior_transform : callable
        From the unit cube to the parameters, (b, k) to (b, k), as `PriorSet.transform`.
    names : sequence of str
        Of the k parameters.
    parameters : NestedParameters, optional
    seed : int
        The result is the same for the same seed.
    peak : ndarray, shape (m, k), optional
        Places in the unit cube about a peak that is known, such as that of a best fit: importance
        sampling looks there too, whether nested sampling found it or not.

    Returns
    -------
    Evidence

    Raises
    ------
    ParameterError
        The likelihood is zero, or the same, at all points drawn from the prior.
    """
    parameters, names = parameters or NestedParameters(), tuple(names)
    generator = np.random.default_rng(seed)
    target = _Likelihood(log_likelihood)
    live = _live_points(target, prior_transform, len(names), parameters.live_points, generator)
    results, notes = _explore(target, prior_transform, live, parameters, generator)
    explored = _nested_evidence(results, names, target, notes, seed)
    if not explored.converged:
        return explored
    left = parameters.max_evaluations - target.evaluations
    if left < least_evaluations(len(names)):
        note = f"{_ALONE}: {max(left, 0)} evaluations were left, too few for importance sampling"
        return replace(explored, converged=False, warnings=(*explored.warnings, note))
    chosen = resampled(explored.weights, _SHAPING, generator)
    cube = np.asarray(results.samples_u)
    largest = min(left, target.evaluations)  # what takes more than all before is no help
    heaps = [cube[chosen]] if peak is None else [cube[chosen], peak]
    found = importance_sample(
        target, prior_transform, heaps, parameters.effective_draws, largest, generator
    )
    log_weight = explored.log_likelihood[chosen] + found.log_prior_ratio(cube[chosen])
    return _final(explored, found, log_weight, target)


def _explore(
    target: _Likelihood, transform: Callable[[np.ndarray], np.ndarray], live: list[np.ndarray],
    parameters: NestedParameters, generator: np.random.Generator,
) -> tuple[Any, list[str]]:  # fmt: skip
    """Return dynesty's results, and notes: what it warned of, and why it ended early."""
    k, n = live[0].shape[1], parameters.live_points
    batches = Batches(target, transform, generator, parameters.max_evaluations - n)
    proposals = Proposals(
        walks=parameters.walk_steps or 6 + k, ndim=k, ncdim=k,
        uniform=parameters.walk != "rwalk", may_walk=parameters.walk != "unif",
    )  # fmt: skip

    def one(x: np.ndarray) -> float:
        return float(target(x[None])[0])

    def transform_one(u: np.ndarray) -> np.ndarray:
        return np.asarray(transform(u[None]), float)[0]

    notes = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        sampler = dynesty.NestedSampler(
            one, transform_one, k, nlive=n, bound=parameters.bound, sample=proposals,
            rstate=generator, live_points=live, pool=batches, queue_size=max(n // 4, 1),
            use_pool={"prior_transform": False, "loglikelihood": False, "update_bound": False},
        )  # fmt: skip
        try:
            sampler.run_nested(
                dlogz=parameters.evidence_tolerance, print_progress=False, save_bounds=False
            )
        except EvaluationsSpent:
            sampler.ncall = max(sampler.ncall, 1)  # dynesty divides by it
            sampler.add_final_live(print_progress=False)
            notes.append(f"not converged after {target.evaluations} evaluations")
    return sampler.results, notes + list(dict.fromkeys(printable(w.message) for w in told))


class _Likelihood:
    """A likelihood without NaN and infinities, which counts them and itself."""

    def __init__(self, function: Callable[[np.ndarray], np.ndarray]) -> None:
        self.function = function
        self.evaluations = self.not_a_number = 0

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        value = np.array(self.function(theta), float)
        if value.shape != (len(theta),):
            raise ValueError(f"log_likelihood gave shape {value.shape} for {len(theta)} rows")
        bad = np.isnan(value) | (value == np.inf)
        self.not_a_number += int(bad.sum())
        self.evaluations += len(theta)
        return np.where(bad | (value == -np.inf), _IMPOSSIBLE, value)


def _live_points(
    target: _Likelihood, transform: Callable[[np.ndarray], np.ndarray], k: int, n: int,
    generator: np.random.Generator,
) -> list[np.ndarray]:  # fmt: skip
    """Return the first live points in the cube, as parameters, and their ln L."""
    cube = generator.random((n, k))
    theta = np.asarray(transform(cube), float)
    value = target(theta)
    if np.all(value == _IMPOSSIBLE):
        raise ParameterError(
            "priors", f"the likelihood is zero at all of {n} points drawn from them",
            "narrow them, or give more live points",
        )  # fmt: skip
    if np.all(value == value[0]):
        raise ParameterError(
            "priors", f"the likelihood is the same at all of {n} points drawn from them",
            "widen them, or free parameters that the data tell of",
        )  # fmt: skip
    return [cube, theta, value]


def _nested_evidence(
    results: Any, names: tuple[str, ...], target: _Likelihood, notes: list[str], seed: int
) -> Evidence:
    log_weight = np.asarray(results.logwt) - results.logz[-1]
    weights = np.exp(log_weight - log_weight.max())
    return Evidence(
        names=names, log_evidence=float(results.logz[-1]),
        log_evidence_error=float(results.logzerr[-1]),
        information=float(results.information[-1]), samples=np.asarray(results.samples),
        weights=weights / weights.sum(), log_likelihood=np.asarray(results.logl),
        evaluations=target.evaluations, converged=not any("not converged" in n for n in notes),
        warnings=(*_invalid(target), *notes), seed=seed,
    )  # fmt: skip


def _invalid(target: _Likelihood) -> tuple[str, ...]:
    if not target.not_a_number:
        return ()
    return (f"{target.not_a_number} evaluations gave no number and were taken as impossible",)


def _final(
    explored: Evidence, found: ImportanceSample, log_weight: np.ndarray, target: _Likelihood
) -> Evidence:
    """Return the evidence by importance sampling, or of nested sampling alone, and why.

    `log_weight` is that of samples of nested sampling, shape (n,): they tell what the draws miss.
    Where they do not agree, or too few draws are independent, the larger of the two evidences is
    told. Importance sampling is seldom too high, and too low where draws are few. Nested sampling
    may be either, where its walks are too short: its error then spans both.
    """
    missed = float(np.mean(log_weight - found.log_evidence > _LARGE))
    notes = [n for n in explored.warnings if "gave no number" not in n]
    confirmed = found.effective_size >= _ENOUGH and missed <= _RARE
    apart = found.log_evidence - explored.log_evidence
    if not confirmed:
        why = (
            f"importance sampling has {found.log_evidence:.2f} of {found.effective_size:.0f} "
            f"independent draws, and {100 * missed:.0f} % of the posterior too few of them"
        )
        other = "may be larger: nested sampling" if apart > 0 else "may be far off: nested sampling"
        notes.append(
            f"the evidence {other} alone, whose walks may be too short, has "
            f"{explored.log_evidence:.2f}; {why}"
        )
    if not confirmed and apart < 0:
        return replace(
            explored, converged=False, evaluations=target.evaluations,
            log_evidence_error=float(np.hypot(explored.log_evidence_error, apart)),
            warnings=(*_invalid(target), *notes),
        )  # fmt: skip
    weights = found.weights
    possible = weights > 0
    information = weights[possible] @ found.log_likelihood[possible] - found.log_evidence
    return replace(
        explored, log_evidence=found.log_evidence, log_evidence_error=found.error,
        information=float(information), samples=found.theta, weights=weights,
        log_likelihood=found.log_likelihood, evaluations=target.evaluations, converged=confirmed,
        warnings=(*_invalid(target), *notes),
    )  # fmt: skip
