"""The stage ``sed_fit``: a model fitted to a source, its posterior and what it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey import __version__
from xsurvey.engine import Stage, TaskContext
from xsurvey.inference.chains import Chains
from xsurvey.io.json_values import write_json_values
from xsurvey.parameters import text_naming_keys
from xsurvey.pipelines.blazar.fit_record import posterior_record, prior_records
from xsurvey.pipelines.blazar.light_file import write_light, write_samples
from xsurvey.pipelines.blazar.parameters import (
    BlazarSource,
    PredictionParameters,
    SedPosteriorSection,
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
from xsurvey.pipelines.sed.posterior import with_posterior
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.fitting.predicted_light import predicted_light
from xsurvey.sed.fitting.sed_parameters import (
    SedModelParameters,
    SedPointParameters,
    SedSearchParameters,
)

FIT, LIGHT, SAMPLES = "fit.json", "light.fits", "posterior.fits"
_BEYOND = 5.0
"""Factor of frequencies that curves reach beyond all that was measured."""


def target_of(source: str, model: str) -> str:
    """Return the target of a task of a source and a model."""
    return f"{source} {model}"


def names_of(target: str) -> tuple[str, str]:
    """Return the source and the model of a target; neither name has spaces."""
    source, model, *_ = target.split(" ")
    return source, model


def run_fit(context: TaskContext) -> dict[str, Any]:
    """Fit a model to a source, sample its posterior, and tabulate what it predicts."""
    source, name = names_of(context.target)
    points = read_points(context)
    sampling = context.section(SedPosteriorSection)
    parameters = parameters_of(context, points)
    result = fit_sed_file(
        context.path("sed"), parameters,
        polarization=polarization_files(context, points), seed=context.seed,
        intervals=not sampling.enabled,
    )  # fmt: skip
    chains = None
    if sampling.enabled:
        result, chains = with_posterior(result, sampling, seed=context.seed)
    drawn = _write_products(context, result, chains)
    likelihood, summary = result.fit.likelihood, result.summary
    more: dict[str, Any] = {"degeneracies": None, "predictive": None}
    if chains is not None and drawn is not None:
        more = posterior_record(likelihood, chains, drawn)
    record = {
        "source": source, "name": name, "method": "profile" if chains is None else "posterior",
        **summary, **more,
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


def _write_products(
    context: TaskContext, result: SedFileFit, chains: Chains | None
) -> np.ndarray | None:
    """Write predicted light and samples; return the draws of the posterior that light is of."""
    source, name = names_of(context.target)
    prediction = context.section(PredictionParameters)
    header = {
        "CREATOR": f"xsurvey {__version__}", "SRCNAME": source, "MODEL": name, "SEED": context.seed,
    }  # fmt: skip
    generator = np.random.default_rng(context.seed)
    drawn = None if chains is None else chains.draws(prediction.draws, generator)
    where = _frequencies(result, prediction.points_per_decade)
    light = predicted_light(result.fit, where, prediction.levels, drawn)
    write_light(context.folder / LIGHT, light, header)
    rows = result.fit.likelihood.parameters
    free = [rows.parameters[i] for i in rows.free]
    write_samples(
        context.folder / SAMPLES, [p.name for p in free], [p.unit for p in free], chains,
        prediction.kept_samples, header,
    )  # fmt: skip
    return drawn


def _frequencies(result: SedFileFit, per_decade: int) -> np.ndarray:
    """Return frequencies beyond all points and measured polarization, Hz; shape (f,)."""
    where, likelihood = result.sed.frequency, result.fit.likelihood
    if isinstance(likelihood, JointLikelihood):
        where = np.concatenate([where, likelihood.measurements.frequency])
    low, high = where.min() / _BEYOND, where.max() * _BEYOND
    return np.geomspace(low, high, int(np.ceil(per_decade * np.log10(high / low))) + 1)


FIT_STAGE = Stage(
    "sed_fit", "3", run_fit, outputs=(FIT, LIGHT, SAMPLES), inputs=SOURCE_INPUTS,
    optional_inputs=AROUND,
    parameters={
        "source": BlazarSource, "model": SedModelParameters, "points": SedPointParameters,
        "fit": SedSearchParameters, "mcmc": SedPosteriorSection,
        "predictions": PredictionParameters,
    },
    helpers=(
        *READING, "xsurvey.inference", "xsurvey.pipelines.blazar.fit_record",
        "xsurvey.pipelines.blazar.light_file",
    ),
)  # fmt: skip
