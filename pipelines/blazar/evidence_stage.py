"""The stage ``sed_evidence``: the evidence of a model of a source, with priors of some width.

Nested sampling finds the posterior with it, whose samples are kept.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from xsurvey import __version__
from xsurvey.engine import Stage, TaskContext
from xsurvey.inference.nested import Evidence
from xsurvey.inference.parameter_set import require_priors
from xsurvey.inference.posterior import evidence_of
from xsurvey.io.json_values import write_json_values
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.blazar.fit_record import prior_lines, prior_records
from xsurvey.pipelines.blazar.parameters import BlazarSource, SedEvidenceSection
from xsurvey.pipelines.blazar.sample_file import (
    StoredSamples,
    no_samples,
    samples_of_nested,
    write_samples,
)
from xsurvey.pipelines.blazar.source_files import (
    AROUND,
    READING,
    SOURCE_INPUTS,
    parameters_of,
    problem_in,
    read_points,
)
from xsurvey.sed.fitting.fit import fit_sed
from xsurvey.sed.fitting.likelihood import SedLikelihood
from xsurvey.sed.fitting.prior_widths import with_prior_widths
from xsurvey.sed.fitting.sed_parameters import (
    SedModelParameters,
    SedPointParameters,
    SedSearchParameters,
)

EVIDENCE, EVIDENCE_SAMPLES = "evidence.json", "evidence.fits"
_KEPT = 20_000
"""Most samples that are kept."""


class PriorWidth(StepParameters):
    """How wide flat priors are."""

    factor: float = Field(default=1.0, gt=0, description="Factor of the widths of flat priors.")


def evidence_target(source: str, model: str, factor: float) -> str:
    """Return the target of a task of a source, a model, and priors of some width."""
    return f"{source} {model} width {factor:g}"


def run_evidence(context: TaskContext) -> dict[str, Any]:
    """Compute the evidence of a model of a source.

    Where the width of no prior can change it is not computed again: that of the priors as they are
    holds.
    """
    source, name, *_ = context.target.split(" ")
    factor, section = context.section(PriorWidth).factor, context.section(SedEvidenceSection)
    problem = problem_in(context)
    require_priors(problem.likelihood.parameters)
    wide = with_prior_widths(problem.likelihood, factor)
    given = parameters_of(context, read_points(context)).prior
    priors = prior_records(wide.likelihood, given)
    record: dict[str, Any] = {
        "source": source, "name": name, "prior_width": factor,
        "changed": list(wide.changed), "cut": list(wide.cut), "priors": prior_lines(priors),
        "evidence": None, "notes": [], "sampling": section.normalised(),
    }  # fmt: skip
    free = [wide.likelihood.parameters.parameters[i] for i in wide.likelihood.parameters.free]
    samples = no_samples(len(free))
    if factor == 1 or wide.changed:
        starts = context.section(SedSearchParameters).starts
        fit = fit_sed(wide.likelihood, intervals=False, starts=starts)
        found = evidence_of(fit, section, context.seed)
        record |= {"evidence": found.record(), "notes": list(found.warnings)}
        samples = _samples_of(found, wide.likelihood)
    header = {
        "CREATOR": f"xsurvey {__version__}", "SRCNAME": source, "MODEL": name, "SEED": context.seed,
    }  # fmt: skip
    write_samples(context.folder / EVIDENCE_SAMPLES, free, samples, header)
    write_json_values(context.folder / EVIDENCE, record)
    evidence = record["evidence"] or {"log_evidence": None, "error": None, "evaluations": 0}
    return {name: evidence[name] for name in ("log_evidence", "error", "evaluations")}


def _samples_of(found: Evidence, likelihood: SedLikelihood) -> StoredSamples:
    posterior, log_likelihood = found.equal_samples(_KEPT)
    density = likelihood.priors.log_density(posterior.samples)
    return samples_of_nested(posterior.samples, log_likelihood + density)


EVIDENCE_STAGE = Stage(
    "sed_evidence", "3", run_evidence, outputs=(EVIDENCE, EVIDENCE_SAMPLES), inputs=SOURCE_INPUTS,
    optional_inputs=AROUND,
    parameters={
        "source": BlazarSource, "model": SedModelParameters, "points": SedPointParameters,
        "fit": SedSearchParameters, "nested": SedEvidenceSection, "prior_width": PriorWidth,
    },
    helpers=(
        *READING, "xsurvey.inference", "xsurvey.pipelines.blazar.fit_record",
        "xsurvey.pipelines.blazar.sample_file",
    ),
)  # fmt: skip
