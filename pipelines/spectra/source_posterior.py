"""The posterior of a source's fit: what of it goes into tables, and its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xsurvey.errors import ParameterError
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.pipelines.spectra.fit_files import SpectrumFit
from xsurvey.pipelines.spectra.flux_posterior import FLUX_POSTERIOR, write_flux_posterior
from xsurvey.pipelines.spectra.posterior import with_posterior

CHAIN = "chain.h5"
PROFILE, MCMC = "profile", "mcmc"


def posterior_summary(
    fit: SpectrumFit, sampling: MCMCParameters, folder: Path, seed: int
) -> Mapping[str, Any]:
    """Sample the posterior of a fit, keep chain and fluxes, and return the fit's summary.

    Its parameters and fluxes are those of the posterior if the chain has converged; what the
    profiles gave is then under ``profile``. ``method`` tells which.

    Parameters
    ----------
    fit : SpectrumFit
    sampling : MCMCParameters
    folder : path
        Where the files go.
    seed : int
    """
    summary = fit.summary
    try:
        sampled, chains = with_posterior(fit, sampling, seed=seed, chain_file=folder / CHAIN)
    except ParameterError as error:
        notes = [*summary["notes"], f"the posterior was not sampled: {error.cause}"]
        return {**summary, "method": PROFILE, "notes": notes}
    write_flux_posterior(folder / FLUX_POSTERIOR, fit, chains)
    if not chains.converged:
        kept = {key: sampled.summary[key] for key in ("diagnostics", "notes")}
        return {**summary, **kept, "method": PROFILE}
    profile = {key: summary[key] for key in ("parameters", "flux")}
    return {**sampled.summary, "method": MCMC, "profile": profile}
