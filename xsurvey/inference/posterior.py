"""The posterior and the evidence of a likelihood, from its best fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.best_fit import BestFit, LikelihoodT
from xsurvey.inference.chains import Chains
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.likelihood import Likelihood
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested import Evidence, nested_sampling
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.inference.parameter_set import require_priors


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


def evidence_of(likelihood: Likelihood, parameters: NestedParameters, seed: int = 0) -> Evidence:
    r"""Return the evidence of a model: the mean likelihood under the priors.

    It is that of :math:`L = e^{-S/2}` with S the statistic, so that ratios of evidences of models
    of the same data are Bayes factors.

    Raises
    ------
    ParameterError
        A free parameter has no prior: evidences depend on all of them.
    """
    require_priors(likelihood.parameters)

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        return -0.5 * likelihood.statistic(theta)

    return nested_sampling(
        log_likelihood, likelihood.priors.transform, likelihood.parameters.free_names, parameters,
        seed,
    )  # fmt: skip
