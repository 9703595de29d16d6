"""Spectra of a joint fit with the parts of their models, for figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey.profiles.annuli_likelihood import AnnuliLikelihood, AnnuliProblem
from xsurvey.spectra.fit import Fit


def fitted_spectra(problem: AnnuliProblem, fit: Fit) -> list[dict[str, Any]]:
    """Return all spectra: counts of groups of channels, and what the best fit expects of them.

    Parameters
    ----------
    problem : AnnuliProblem
    fit : Fit
        Of that problem.

    Returns
    -------
    list of dict
        ``region``, ``group``, ``exposure_s``, ``energy_low``, ``energy_high`` (keV), ``counts``,
        ``model`` (all of it), ``sky``, ``particles``.
    """
    likelihood = fit.likelihood
    assert isinstance(likelihood, AnnuliLikelihood)
    model = likelihood.model
    full = fit.values[None, :].copy()
    whole = model.expected(full)
    full[:, model.gas.norm] = 0.0
    background = model.expected(full)
    own = model.background
    for columns in (own.lhb_norm, own.halo_norm, own.cxb_norm):
        full[:, columns] = 0.0
    particles = model.expected(full)
    rows = []
    for place, one in enumerate(problem.spectra.spectra):
        data = one.dataset
        rows.append({
            "region": problem.spectra.layout.regions[one.region].name, "group": one.group,
            "exposure_s": data.exposure, "area_arcmin2": one.area,
            "energy_low": np.asarray(data.energy_low), "energy_high": np.asarray(data.energy_high),
            "counts": np.asarray(data.counts), "model": whole[place][0],
            "sky": background[place][0] - particles[place][0], "particles": particles[place][0],
        })  # fmt: skip
    return rows
