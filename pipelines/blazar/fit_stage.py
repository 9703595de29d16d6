"""The stage ``sed_fit``: a model fitted to a source, its posterior and what it predicts.

The posterior is sampled by chains, or is that which the evidence left (`sed_evidence`), or is not
there: intervals are then by profile likelihood.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from xsurvey import __version__
from xsurvey.engine import Stage, TaskContext
from xsurvey.inference.posterior_samples import PosteriorSamples
from xsurvey.io.json_values import write_json_values
from xsurvey.parameters import text_naming_keys
from xsurvey.pipelines.blazar.fit_record import posterior_record, prior_records
from xsurvey.pipelines.blazar.light_file import write_light
from xsurvey.pipelines.blazar.parameters import (
    BlazarSource,
    PredictionParameters,
    SedPosteriorSection,
)
from xsurvey.pipelines.blazar.sample_file import (
    StoredSamples,
    no_samples,
    read_samples,
    samples_of_chains,
    samples_of_nested,
    write_samples,
)
from xsurvey.pipelines.blazar.source_files import (
    AROUND,
    READING,
    SOURCE_INPUTS,
    parameters_of,
    polarization_files,
    read_points,
)
from xsurvey.pipelines.sed.fit_files import SedFileFit, fit_sed_file
from xsurvey.pipelines.sed.posterior import with_nested_samples, with_posterior
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.fitting.predicted_light import predicted_light
from xsurvey.sed.fitting.sed_parameters import (
    SedModelParameters,
    SedPointParameters,
    SedSearchParameters,
)

FIT, LIGHT, SAMPLES = "fit.json", "light.fits", "posterior.fits"
EVIDENCE_RECORD, NESTED_SAMPLES = "evidence", "nested_samples"
"""Inputs, each a list of one: with the priors as they are, where there are no chains."""
_BEYOND = 5.0
"""Factor of frequencies that curves reach beyond all that was measured."""


def target_of(source: str, model: str) -> str:
    """Return the target of a task of a source and a model."""
    return f"{source} {model}"


def names_of(target: str) -> tuple[str, str]:
    """Return the source and the model of a target; neither name has spaces."""
    source, model, *_ = target.split(" ")
    return source, model


class _Sampled(NamedTuple):
    """A fit with its posterior, if it has one, and the samples to store."""

    fit: SedFileFit
    posterior: PosteriorSamples | None
    stored: StoredSamples


def run_fit(context: TaskContext) -> dict[str, Any]:
    """Fit a model to a source, sample its posterior, and tabulate what it predicts."""
    source, name = names_of(context.target)
    points = read_points(context)
    parameters = parameters_of(context, points)
    of_nested = bool(context.inputs.get(EVIDENCE_RECORD))  # none if it failed
    of_chains = context.section(SedPosteriorSection).enabled
    best = fit_sed_file(
        context.path("sed"), parameters,
        polarization=polarization_files(context, points), seed=context.seed,
        intervals=not (of_nested or of_chains),
    )  # fmt: skip
    sampled = (
        _with_chains(context, best) if of_chains
        else _with_nested(context, best) if of_nested
        else _without_posterior(context, best)
    )  # fmt: skip
    result, posterior, _ = sampled
    drawn = _write_products(context, sampled)
    likelihood, summary = result.fit.likelihood, result.summary
    more: dict[str, Any] = {"degeneracies": None, "predictive": None}
    if posterior is not None and drawn is not None:
        more = posterior_record(likelihood, posterior, drawn)
    record = {
        "source": source, "name": name, "method": "profile" if posterior is None else "posterior",
        "sampler": sampled.stored.facts["SAMPLER"], **summary, **more,
        "priors": prior_records(likelihood, parameters.prior),
        "levels": list(context.section(PredictionParameters).levels),
        "notes": [
            text_naming_keys(note, context.parameters.values())
            for note in dict.fromkeys([*points["notes"], *summary["notes"]])
        ],
    }  # fmt: skip
    write_json_values(context.folder / FIT, record)
    found = record["diagnostics"]
    return {
        "statistic": record["statistic"]["value"], "dof": record["statistic"]["dof"],
        "converged": record["converged"], "r_hat": found["r_hat"], "ess": found["ess"],
    }  # fmt: skip


def _with_chains(context: TaskContext, best: SedFileFit) -> _Sampled:
    result, chains = with_posterior(best, context.section(SedPosteriorSection), seed=context.seed)
    most = context.section(PredictionParameters).kept_samples
    return _Sampled(result, chains, samples_of_chains(chains, most))


def _with_nested(context: TaskContext, best: SedFileFit) -> _Sampled:
    (record_path,), (samples_path,) = context.paths(EVIDENCE_RECORD), context.paths(NESTED_SAMPLES)
    record = json.loads(record_path.read_text())
    posterior, log_probability = read_samples(samples_path)
    result = with_nested_samples(best, posterior, record)
    most = context.section(PredictionParameters).kept_samples
    stored = samples_of_nested(posterior.samples[:most], log_probability[:most])
    return _Sampled(result, posterior, stored)


def _without_posterior(context: TaskContext, best: SedFileFit) -> _Sampled:
    """Return a fit by itself, with a note if a posterior was to be there."""
    notes = [*best.summary["notes"], *(f"no posterior: {why}" for why in context.missing.values())]
    result = replace(best, summary=best.summary | {"notes": notes})
    return _Sampled(result, None, no_samples(len(best.fit.theta)))


def _write_products(context: TaskContext, sampled: _Sampled) -> np.ndarray | None:
    """Write predicted light and samples; return the draws of the posterior that light is of."""
    source, name = names_of(context.target)
    result, posterior, stored = sampled
    prediction = context.section(PredictionParameters)
    header = {
        "CREATOR": f"xsurvey {__version__}", "SRCNAME": source, "MODEL": name, "SEED": context.seed,
    }  # fmt: skip
    generator = np.random.default_rng(context.seed)
    drawn = None if posterior is None else posterior.draws(prediction.draws, generator)
    where = _frequencies(result, prediction.points_per_decade)
    light = predicted_light(result.fit, where, prediction.levels, drawn)
    write_light(context.folder / LIGHT, light, header)
    rows = result.fit.likelihood.parameters
    free = [rows.parameters[i] for i in rows.free]
    write_samples(context.folder / SAMPLES, free, stored, header)
    return drawn


def _frequencies(result: SedFileFit, per_decade: int) -> np.ndarray:
    """Return frequencies beyond all points and measured polarization, Hz; shape (f,)."""
    where, likelihood = result.sed.frequency, result.fit.likelihood
    if isinstance(likelihood, JointLikelihood):
        where = np.concatenate([where, likelihood.measurements.frequency])
    low, high = where.min() / _BEYOND, where.max() * _BEYOND
    return np.geomspace(low, high, int(np.ceil(per_decade * np.log10(high / low))) + 1)


FIT_STAGE = Stage(
    "sed_fit", "4", run_fit, outputs=(FIT, LIGHT, SAMPLES), inputs=SOURCE_INPUTS,
    optional_inputs=(*AROUND, EVIDENCE_RECORD, NESTED_SAMPLES),
    parameters={
        "source": BlazarSource, "model": SedModelParameters, "points": SedPointParameters,
        "fit": SedSearchParameters, "mcmc": SedPosteriorSection,
        "predictions": PredictionParameters,
    },
    helpers=(
        *READING, "xsurvey.inference", "xsurvey.pipelines.blazar.fit_record",
        "xsurvey.pipelines.blazar.light_file", "xsurvey.pipelines.blazar.sample_file",
    ),
    needs_all=False,  # a model whose evidence failed is fitted without a posterior
)  # fmt: skip
