"""What the pipeline tells of a fitted model beside what ``sed fit`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xsurvey.inference.posterior_samples import PosteriorSamples
from xsurvey.inference.priors import LogUniform, Prior, Uniform
from xsurvey.sed.fitting.degeneracies import degeneracies
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.fitting.likelihood import SedLikelihood
from xsurvey.sed.fitting.predicted_light import predictive_p_value
from xsurvey.sed.models.polarized import ADDED


def prior_records(likelihood: SedLikelihood, given: Sequence[str]) -> list[dict[str, Any]]:
    """Return the priors of the free parameters.

    Parameters
    ----------
    likelihood : SedLikelihood
    given : sequence of str
        Those of the configuration, ``parameter=prior``.

    Returns
    -------
    list of dict
        ``parameter``, ``unit``, ``description``, ``prior`` (text), ``shape``, ``low`` and ``high``
        (None where it has no end), ``minimum`` and ``maximum`` (hard limits), and ``origin``:
        configuration, model, or polarization.
    """
    rows = likelihood.parameters
    own = {rows.index(text.partition("=")[0].strip()) for text in given}
    first_of_light = len(rows) - (ADDED if isinstance(likelihood, JointLikelihood) else 0)
    return [
        {
            "parameter": p.name, "unit": p.unit, "description": p.description,
            "prior": str(prior), "shape": _shape(prior),
            "low": prior.low, "high": prior.high, "minimum": p.minimum, "maximum": p.maximum,
            "origin": "configuration" if column in own else (
                "polarization" if column >= first_of_light else "model"
            ),
        }
        for column, prior in zip(rows.free, likelihood.priors.priors, strict=True)
        for p in [rows.parameters[column]]
    ]  # fmt: skip


def _shape(prior: Prior) -> str:
    """Return what a prior is like, in words."""
    if isinstance(prior, Uniform):
        return "flat"
    return "flat in the logarithm" if isinstance(prior, LogUniform) else prior.kind


def prior_lines(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the text of each prior by parameter."""
    return {str(record["parameter"]): str(record["prior"]) for record in records}


def posterior_record(
    likelihood: SedLikelihood, posterior: PosteriorSamples, draws: np.ndarray
) -> dict[str, Any]:
    """Return ``degeneracies`` of the posterior, and the ``predictive`` test of fluxes.

    Parameters
    ----------
    likelihood : SedLikelihood
    posterior : PosteriorSamples
    draws : ndarray, shape (d, k)
        Of them, for the test.
    """
    return {
        "degeneracies": degeneracies(posterior.names, posterior.samples),
        "predictive": {
            "p_value": predictive_p_value(likelihood, draws), "draws": len(draws),
            "of": "chi-square of measured fluxes",
        },
    }  # fmt: skip
