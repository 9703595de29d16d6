"""Posteriors of joint fits of Stokes spectra: what ``--mcmc`` adds.

Apart from `fit_files`, since samplers and their diagnostics take longer to import than fits take.
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
from xsurvey.inference.posterior import sample_posterior
from xsurvey.io.ogip.pha import split_selection
from xsurvey.pipelines.spectropolarimetry.fit_files import (
    PolarizationFit,
    flux_rows,
    polarization_parts,
)

_OF_THE_FIT_ALONE = ("confidence", "intervals", "starts", "contours", "ebins")
"""Parameters that do not change the posterior: a chain goes on with others of these."""


def with_posterior(
    result: PolarizationFit, sampling: MCMCParameters, *, seed: int = 0,
    chain_file: Path | None = None,
) -> tuple[PolarizationFit, Chains]:  # fmt: skip
    """Sample the posterior of a fit; its intervals are then those of the chain.

    Priors are flat between the limits: of degrees and angles, not of q and u, so that degrees that
    are not significant come out lower than with a prior flat in these.

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
    records = sampled_parameters(fit, chains, result.parameters.confidence)
    changed = {
        **polarization_parts(result, records),
        "flux": rows[0], "fluxes": rows,
        "notes": list(dict.fromkeys([*result.summary["notes"], *chains.warnings])),
        "diagnostics": {
            "converged": chains.converged, "steps": chains.steps, "burn": chains.burn,
            "seed": chains.seed, **chains.diagnostics, "parameters": chain_summary(chains),
        },
    }  # fmt: skip
    return replace(result, summary=result.summary | changed), chains


def _problem(result: PolarizationFit) -> str:
    """Return a key of all that decides the posterior: data, responses, model, settings."""
    key = hashlib.sha256()
    chosen = result.parameters.normalised()
    for name in _OF_THE_FIT_ALONE:
        del chosen[name]
    for path in (p for unit in result.units for one in unit.spectra for p in one.paths):
        file, row = split_selection(path)
        key.update(file.read_bytes())
        key.update(f"{row}".encode())
    key.update(json.dumps(chosen, sort_keys=True).encode())
    key.update(result.settings.key.encode())
    key.update(json.dumps(result.summary["model"]["evaluated_by"], sort_keys=True).encode())
    return key.hexdigest()
