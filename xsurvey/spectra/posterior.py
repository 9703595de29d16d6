"""The posterior of a fit: chains, evidence, and what it predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.chains import Chains
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested import Evidence, nested_sampling
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.inference.parameter_set import require_priors
from xsurvey.spectra.fit import Fit
from xsurvey.spectra.likelihood import SpectralLikelihood
from xsurvey.spectra.statistics.predictive import posterior_predictive

_DRAWS = 1000
"""Draws of the posterior that a predictive check simulates spectra from."""


def sample_posterior(
    fit: Fit, sampling: MCMCParameters, seed: int = 0, chain_file: Path | None = None,
    problem_key: str = "",
) -> Chains:  # fmt: skip
    """Sample the posterior around a best fit.

    Parameters
    ----------
    fit : Fit
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
        raise ParameterError("mcmc", "no parameter is free", "thaw one, or leave out --mcmc")
    norms = np.array([parameters.parameters[i].is_norm for i in parameters.free])
    size = np.where(norms & (fit.theta > 0), fit.theta, np.maximum(parameters.steps, 1e-3))
    return sample_ensembles(
        fit.likelihood.log_probability, fit.theta, fit.minimum.spread(0.3 * size),
        parameters.free_names, sampling, seed, chain_file, problem_key=problem_key,
    )  # fmt: skip


def evidence_of(
    likelihood: SpectralLikelihood, parameters: NestedParameters, seed: int = 0
) -> Evidence:
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


def predictive_check(fit: Fit, chains: Chains, seed: int = 0) -> dict[str, Any] | None:
    """Compare the data with spectra simulated from the posterior.

    Parameters
    ----------
    fit : Fit
    chains : Chains
    seed : int

    Returns
    -------
    dict or None
        ``p_value``: part of the simulated spectra whose cstat is at least that of the data, each
        under its own draw; ``draws``. None for statistics that are not of Poisson counts alone.
    """
    counts = fit.likelihood.poisson_counts
    if counts is None:
        return None
    samples = chains.samples
    chosen = samples[:: max(len(samples) // _DRAWS, 1)]
    model = fit.likelihood.evaluate(chosen)
    possible = np.isfinite(model).all(axis=1)
    if not possible.any():
        return None
    found = posterior_predictive(model[possible], counts, np.random.default_rng(seed))
    return {"p_value": found.p_value, "draws": int(possible.sum())}
