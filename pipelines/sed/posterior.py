"""Posteriors and evidences of fits of tables: what ``--mcmc`` and ``--nested`` add.

Apart from `xsurvey.pipelines.sed.fit_files`, since samplers and their diagnostics take longer to
import than fits take.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.engine.provenance import versions
from xsurvey.inference.chains import Chains
from xsurvey.inference.diagnostics import summary as chain_summary
from xsurvey.inference.fit_records import sampled_parameters
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.inference.posterior import evidence_of, sample_posterior
from xsurvey.inference.posterior_samples import PosteriorSamples
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.sed.fit_files import SedFileFit, input_names
from xsurvey.sed.fitting.derived import derived_of_posterior
from xsurvey.sed.fitting.polarization_record import polarization_record
from xsurvey.sed.models.registry import own_models

_OF_THE_FIT_ALONE = ("confidence", "intervals", "starts")
"""Parameters that do not change the posterior: a chain goes on with others of these."""


def with_posterior(
    result: SedFileFit, sampling: MCMCParameters, *, seed: int = 0, chain_file: Path | None = None
) -> tuple[SedFileFit, Chains]:
    """Sample the posterior of a fit; its intervals are then those of the chain.

    Parameters
    ----------
    result : SedFileFit
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
    chains = sample_posterior(result.fit, sampling, seed, chain_file, problem_key(result))
    sampled = with_samples(result, chains, diagnostics_record(chains), chains.warnings)
    provenance = _provenance_with(result, sampling)
    return replace(sampled, summary=sampled.summary | {"provenance": provenance}), chains


def with_samples(
    result: SedFileFit, posterior: PosteriorSamples, diagnostics: Mapping[str, Any],
    notes: Sequence[str],
) -> SedFileFit:  # fmt: skip
    """Return a fit whose values and intervals are medians and intervals of a posterior.

    Parameters
    ----------
    result : SedFileFit
    posterior : PosteriorSamples
    diagnostics : mapping
        What tells whether it can be trusted, with keys of `diagnostics_record`.
    notes : sequence of str
        What is to be known of it.
    """
    fit, confidence = result.fit, result.parameters.confidence
    polarization = polarization_record(fit, posterior, confidence)
    changed = {
        **({} if polarization is None else {"polarization": polarization}),
        "parameters": sampled_parameters(fit, posterior, confidence),
        "derived": derived_of_posterior(fit, posterior, confidence),
        "diagnostics": dict(diagnostics),
        "notes": list(dict.fromkeys([*result.summary["notes"], *notes])),
    }
    return replace(result, summary=result.summary | changed)


def with_nested_samples(
    result: SedFileFit, posterior: PosteriorSamples, record: Mapping[str, Any]
) -> SedFileFit:
    """Return a fit with the posterior that an evidence left.

    Parameters
    ----------
    result : SedFileFit
    posterior : PosteriorSamples
    record : mapping
        Of the evidence: ``evidence``, its ``notes``, and how it was sampled, ``sampling``. In the
        diagnostics ``ess`` is the effective size of its weighted samples, or the number of those
        that were kept, if that is less; what only chains have is None.
    """
    found = record["evidence"]
    diagnostics = {
        "r_hat": None, "ess": min(found["effective_size"], float(len(posterior.samples))),
        "acceptance": None, "autocorrelation_time": None, "converged": found["converged"],
        "seed": found["seed"],
    }  # fmt: skip
    sampled = with_samples(result, posterior, diagnostics, record["notes"])
    provenance = dict(sampled.summary["provenance"])
    provenance["parameters"] = {
        **provenance["parameters"], NestedParameters.__name__: record["sampling"]
    }  # fmt: skip
    return replace(sampled, summary=sampled.summary | {"provenance": provenance})


def diagnostics_record(chains: Chains) -> dict[str, Any]:
    """Return what tells whether a chain can be trusted.

    ``r_hat`` is the largest of all parameters, ``ess`` the smallest effective size, of bulk or
    tails; both are given for each parameter under ``parameters``.
    """
    each = chain_summary(chains)
    sizes = [row[name] for row in each.values() for name in ("ess_bulk", "ess_tail")]
    return {
        "r_hat": _largest([row["r_hat"] for row in each.values()]),
        "ess": None if None in sizes else float(min(sizes)),
        "acceptance": float(chains.acceptance.mean()),
        "autocorrelation_time": _largest([row["autocorrelation_time"] for row in each.values()]),
        "converged": chains.converged, "steps": chains.steps, "burn": chains.burn * chains.thin,
        "ensembles": chains.chain.shape[1], "walkers": chains.chain.shape[2], "seed": chains.seed,
        "parameters": each,
    }  # fmt: skip


def _largest(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.max(known)) if known and len(known) == len(values) else None


def with_evidence(result: SedFileFit, parameters: NestedParameters, seed: int = 0) -> SedFileFit:
    """Compute the evidence of a fitted model.

    Raises
    ------
    ParameterError
        A free parameter has no prior.
    """
    found = evidence_of(result.fit, parameters, seed)
    changed = {
        "evidence": found.record(),
        "notes": list(dict.fromkeys([*result.summary["notes"], *found.warnings])),
        "provenance": _provenance_with(result, parameters),
    }
    return replace(result, summary=result.summary | changed)


def _provenance_with(result: SedFileFit, parameters: StepParameters) -> dict[str, Any]:
    """Return the provenance of a fit with the parameters of a further step."""
    provenance = dict(result.summary["provenance"])
    provenance["parameters"] = {
        **provenance["parameters"], type(parameters).__name__: parameters.normalised()
    }  # fmt: skip
    return provenance


def problem_key(result: SedFileFit) -> str:
    """Return a key of all that decides the posterior: files, model, settings, priors, version.

    Limits and priors that models bring along, and values of what they freeze, are none of the
    user's settings, and may differ in another version.
    """
    key = hashlib.sha256()
    chosen = result.parameters.normalised()
    for name in _OF_THE_FIT_ALONE:
        del chosen[name]
    chosen["redshift"] = result.redshift
    chosen["version"] = versions()["xsurvey"]
    own = own_models().get(result.parameters.model)
    if own is not None:
        chosen["model_version"] = own.version
    chosen["rows"] = [
        [p.name, p.minimum, p.maximum, str(p.prior), p.free, p.value if p.frozen else None]
        for p in result.fit.likelihood.parameters.parameters
    ]
    inputs = result.summary["provenance"]["inputs"]
    for name in input_names(result):
        key.update(inputs[name].encode())
    key.update(json.dumps(chosen, sort_keys=True).encode())
    return key.hexdigest()
