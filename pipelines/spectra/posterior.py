"""Posteriors and evidences of fits of files: what ``--mcmc`` and ``--nested`` add.

Apart from `xsurvey.pipelines.spectra.fit_files`, since samplers and their diagnostics take longer
to import than most fits take.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from xsurvey.inference.chains import Chains
from xsurvey.inference.diagnostics import summary as chain_summary
from xsurvey.inference.fit_records import sampled_parameters
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.inference.posterior import evidence_of, sample_posterior
from xsurvey.io.ogip.pha import split_selection
from xsurvey.pipelines.spectra.fit_files import SpectrumFit, evaluated_by, flux_rows
from xsurvey.spectra.joint_background import pca_file
from xsurvey.spectra.posterior import predictive_check

_OF_THE_FIT_ALONE = ("confidence", "intervals", "starts", "goodness_trials")
"""Parameters that do not change the posterior: a chain goes on with others of these."""


def with_posterior(
    result: SpectrumFit, sampling: MCMCParameters, *, seed: int = 0,
    chain_file: Path | None = None,
) -> tuple[SpectrumFit, Chains]:  # fmt: skip
    """Sample the posterior of a fit; its intervals are then those of the chain.

    Parameters
    ----------
    result : SpectrumFit
    sampling : MCMCParameters
    seed : int
    chain_file : path, optional
        HDF5 file of the chain, from which an interrupted run goes on.

    Raises
    ------
    ParameterError
        Nothing is free.
    InputError
        The chain file is of another problem, or damaged.
    """
    fit = result.fit
    chains = sample_posterior(fit, sampling, seed, chain_file, _problem(result))
    rows = flux_rows(result, chains)
    changed = {
        "parameters": sampled_parameters(fit, chains, result.parameters.confidence),
        "flux": rows[0], "fluxes": rows,
        "notes": list(dict.fromkeys([*result.summary["notes"], *chains.warnings])),
        "diagnostics": {
            "converged": chains.converged, "steps": chains.steps, "burn": chains.burn,
            "seed": chains.seed, **chains.diagnostics, "parameters": chain_summary(chains),
        },
        "posterior_predictive": predictive_check(fit, chains, seed),
    }  # fmt: skip
    return replace(result, summary=result.summary | changed), chains


def with_evidence(result: SpectrumFit, parameters: NestedParameters, seed: int = 0) -> SpectrumFit:
    """Compute the evidence of a fitted model.

    Raises
    ------
    ParameterError
        A free parameter has no prior.
    """
    found = evidence_of(result.fit, parameters, seed)
    notes = list(dict.fromkeys([*result.summary["notes"], *found.warnings]))
    return replace(result, summary=result.summary | {"evidence": found.record(), "notes": notes})


def _problem(result: SpectrumFit) -> str:
    """Return a key of all that decides the posterior: data, responses, model, settings."""
    key = hashlib.sha256()
    chosen = result.parameters.normalised()
    for name in _OF_THE_FIT_ALONE:
        del chosen[name]
    components = pca_file(result.parameters.background_model)
    if components is not None:
        key.update(components.read_bytes())
    for path in (p for s in result.spectra for p in s.paths):
        file, row = split_selection(path)
        key.update(file.read_bytes())
        key.update(f"{row}".encode())
    key.update(json.dumps(chosen, sort_keys=True).encode())
    key.update(result.settings.key.encode())
    key.update(json.dumps(dict(evaluated_by(result)), sort_keys=True).encode())
    return key.hexdigest()
