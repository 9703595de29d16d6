"""The posterior and the evidence of a likelihood, from its best fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.best_fit import BestFit, LikelihoodT
from xsurvey.inference.chains import Chains
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested import Evidence, nested_sampling
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.inference.parameter_set import require_priors

_ABOUT = 2000
"""Places about a best fit."""
_CENTRAL = np.array([0.1587, 0.8413])
"""Ends of the central part of a prior that is its width."""
_HALVINGS = 50
"""Of a prior's width, until a step is small enough."""
_PEAK = 7
"""Stream of random numbers for these."""


def sample_posterior(
    fit: BestFit[LikelihoodT], sampling: MCMCParameters, seed: int = 0,
    chain_file: Path | None = None, problem_key: str = "",
) -> Chains:  # fmt: skip
    """Sample the posterior around a best fit.

    Parameters
    ----------
    fit : BestFit
    sampling : MCMCParameters
    seed : int
    chain_file : path, optional
        HDF5 file to write, and to go on from.
    problem_key : str
        Of data, model and priors: a chain of another problem is refused.

    Raises
    ------
    ParameterError
        Nothing is free.
    InputError
        The chain file is of another problem, or damaged.
    """
    parameters = fit.likelihood.parameters
    if not len(fit.theta):
        raise ParameterError("mcmc", "no parameter is free", "thaw one, or do without")
    norms = np.array([parameters.parameters[i].is_norm for i in parameters.free])
    size = np.where(norms & (fit.theta > 0), fit.theta, np.maximum(parameters.steps, 1e-3))
    return sample_ensembles(
        fit.likelihood.log_probability, fit.theta, fit.minimum.spread(0.3 * size),
        parameters.free_names, sampling, seed, chain_file, problem_key=problem_key,
    )  # fmt: skip


def evidence_of(fit: BestFit[LikelihoodT], parameters: NestedParameters, seed: int = 0) -> Evidence:
    r"""Return the evidence of a fitted model: the mean likelihood under the priors.

    It is that of :math:`L = e^{-S/2}` with S the statistic, so that ratios of evidences of models
    of the same data are Bayes factors. Of several peaks, that of the best fit is among those that
    count, whether nested sampling finds it or not, unless all evaluations were spent before.

    Parameters
    ----------
    fit : BestFit
    parameters : NestedParameters
    seed : int

    Raises
    ------
    ParameterError
        A free parameter has no prior: evidences depend on all of them.
    """
    likelihood = fit.likelihood
    require_priors(likelihood.parameters)

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        return -0.5 * likelihood.statistic(theta)

    return nested_sampling(
        log_likelihood, likelihood.priors.transform, likelihood.parameters.free_names, parameters,
        seed, _about(fit, seed),
    )  # fmt: skip


def _about(fit: BestFit[LikelihoodT], seed: int) -> np.ndarray | None:
    """Return places in the cube about a best fit, shape (n, k); None where nothing is free.

    Normal with the covariance of the fit, as far as priors are wider, and folded at their ends.
    Parameters without one, as those at a limit or without influence, are spread by `_reach`.
    """
    if not len(fit.theta):
        return None
    priors, covariance = fit.likelihood.priors, fit.minimum.covariance
    generator = np.random.default_rng((seed, _PEAK))
    ends = priors.transform(np.repeat(_CENTRAL[:, None], len(fit.theta), axis=1))
    width = np.maximum(0.5 * np.ptp(ends, axis=0), 1e-300)
    known = ~np.isnan(np.diag(covariance))
    # in units of the priors' widths, of data and priors together: (C^-1 + 1)^-1
    of_data = np.where(np.isnan(covariance), 0.0, covariance) / np.outer(width, width)
    both = np.linalg.solve(of_data + np.eye(len(width)), of_data)
    for i in np.flatnonzero(~known):
        both[i, i] = (_reach(fit, int(i), width[i]) / width[i]) ** 2
    steps = generator.multivariate_normal(
        np.zeros(len(width)), 0.5 * (both + both.T), _ABOUT, method="eigh"
    )
    return priors.cumulative(_folded(fit.theta + width * steps, *priors.bounds))


def _reach(fit: BestFit[LikelihoodT], column: int, width: float) -> float:
    """Return how far a parameter may go alone before the statistic rises by one, or ``width``."""
    steps = width * 2.0 ** -np.arange(_HALVINGS)
    low, high = (end[column] for end in fit.likelihood.priors.bounds)
    rows = np.repeat(fit.theta[None], 2 * _HALVINGS, axis=0)
    rows[:, column] = np.clip(rows[:, column] + np.concatenate([steps, -steps]), low, high)
    rise = fit.likelihood.statistic(rows).reshape(2, -1) - fit.statistic
    near = np.abs(rows[:, column].reshape(2, -1) - fit.theta[column]) > 0
    # from the smallest step on: what is beyond a wall is another peak
    within = np.logical_and.accumulate(rise[:, ::-1] <= 1.0, axis=1)[:, ::-1]
    allowed = (near & within).any(axis=0)
    return float(steps[allowed].max(initial=steps[-1]))


def _folded(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return places (n, k) thrown back at ends (k,), as often as it takes."""
    with np.errstate(invalid="ignore"):
        width = high - low
        beyond = np.abs(np.mod(x - low + width, 2 * width) - width)
    folded = np.where(np.isfinite(width), low + beyond, x)
    one_sided = ~np.isfinite(width)
    folded = np.where(one_sided & (folded < low), 2 * low - folded, folded)
    return np.where(one_sided & (folded > high), 2 * high - folded, folded)
