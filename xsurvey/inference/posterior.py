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
    count, whether nested sampling finds it or not.

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

    Normal with the covariance of the fit, thrown back at the ends of priors. Where the covariance
    is not known, as of parameters at a limit, a step's width has to do: importance sampling finds
    out.
    """
    if not len(fit.theta):
        return None
    rows, priors = fit.likelihood.parameters, fit.likelihood.priors
    generator = np.random.default_rng((seed, _PEAK))
    spread = fit.minimum.spread(np.maximum(0.3 * rows.steps, 1e-3))
    drawn = generator.multivariate_normal(fit.theta, spread, _ABOUT, method="eigh")
    low, high = (np.asarray(end) for end in priors.bounds)
    drawn = np.where(drawn < low, 2 * low - drawn, drawn)
    drawn = np.where(drawn > high, 2 * high - drawn, drawn)
    return priors.cumulative(np.clip(drawn, low, high))
