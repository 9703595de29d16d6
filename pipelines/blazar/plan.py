"""Pipeline ``blazar``: fluxes and polarization of blazars to fitted and compared models.

sed_spectra (source, instrument)
   |
sed_points (each source)
   |
   +-> sed_evidence (source, model, prior width) --+
   |                 |                             +-> sed_comparison (source) -> sed_catalog
   +-> sed_fit (source, model) --------------------+         |
                                                             +-> sed_figures (source) -> report

Fits take the posterior that evidences leave where no chains are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xsurvey.catalogs.schema import schemas_hash
from xsurvey.config import Config
from xsurvey.engine import Plan, Stage, Task
from xsurvey.engine.plan import TaskInput
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.base import Pipeline
from xsurvey.pipelines.blazar.catalog_stage import CATALOG_STAGE
from xsurvey.pipelines.blazar.checks import input_problems
from xsurvey.pipelines.blazar.comparison_stage import COMPARISON, COMPARISON_STAGE
from xsurvey.pipelines.blazar.evidence_stage import (
    EVIDENCE,
    EVIDENCE_SAMPLES,
    EVIDENCE_STAGE,
    PriorWidth,
    evidence_target,
)
from xsurvey.pipelines.blazar.figures_stage import FIGURES_STAGE
from xsurvey.pipelines.blazar.fit_stage import (
    EVIDENCE_RECORD,
    FIT,
    FIT_STAGE,
    LIGHT,
    NESTED_SAMPLES,
    SAMPLES,
    target_of,
)
from xsurvey.pipelines.blazar.parameters import (
    BlazarCatalogParameters,
    BlazarSourcesParameters,
    ComparedModelsParameters,
    ComparisonParameters,
    PredictionParameters,
    SedEvidenceSection,
    SedPosteriorSection,
)
from xsurvey.pipelines.blazar.planning import PlannedRun, planned_run, section_of
from xsurvey.pipelines.blazar.points_stage import POINTS
from xsurvey.pipelines.blazar.publishing import publish
from xsurvey.pipelines.blazar.source_files import POLARIZATION, RECORD, SED
from xsurvey.pipelines.blazar.spectrum_checks import spectrum_versions
from xsurvey.pipelines.blazar.spectrum_stage import (
    FLUX_POINTS,
    SED_SPECTRA,
    SPECTRUM_FIT,
    spectrum_target,
)
from xsurvey.sed.fitting.sed_parameters import SedPointParameters, SedSearchParameters
from xsurvey.sed.models.registry import own_models
from xsurvey.spectra.models.settings import ModelSettings

ALL = "all"
"""Target of the catalog."""


def plan_blazar(config: Config) -> Plan:
    """Plan the fits of all models to all sources, and what compares them."""
    run = planned_run(config)
    points = {name: _points_of(run, name) for name in run.sources}
    evidences = {name: _evidences_of(run, points[name], name) for name in run.sources}
    fits = {
        name: [_fit_of(run, points[name], name, model, evidences[name]) for model in run.models]
        for name in run.sources
    }
    compared = {
        name: _comparison_of(run, points[name], fits[name], evidences[name], name)
        for name in run.sources
    }
    catalog = Task(
        CATALOG_STAGE, ALL,
        {
            "points": [task.output(RECORD) for task in points.values()],
            "fits": [task.output(FIT) for own in fits.values() for task in own],
            "comparisons": [task.output(COMPARISON) for task in compared.values()],
        },
        config.sections, {"schemas": schemas_hash()},
    )  # fmt: skip
    figures = [_figures_of(run, points[name], fits[name], name) for name in run.sources]
    return Plan([catalog, *figures], config.seed)


def _points_of(run: PlannedRun, source: str) -> Task:
    files = run.files[source]
    spectra = [_spectrum_of(run, source, instrument) for instrument in files.spectra]
    inputs: dict[str, TaskInput] = {
        "fluxes": list(files.fluxes), "light": list(files.polarization),
        "spectra": [task.output(FLUX_POINTS) for task in spectra],
        "spectrum_fits": [task.output(SPECTRUM_FIT) for task in spectra],
    }  # fmt: skip
    there = {name: paths for name, paths in inputs.items() if paths}
    return Task(POINTS, source, there, {"source": run.sources[source]})


def _spectrum_of(run: PlannedRun, source: str, instrument: str) -> Task:
    spectrum = run.sources[source].spectra[instrument]
    settings = section_of(run.config, ModelSettings)
    key = f"{run.config.path}: sources.places.{source}.spectra.{instrument}"
    return Task(
        SED_SPECTRA, spectrum_target(source, instrument),
        run.files[source].spectra[instrument].of_task(),
        {"spectrum": spectrum, "spectral_models": settings},
        spectrum_versions(key, spectrum, settings),
    )  # fmt: skip


def _task_of(
    run: PlannedRun, points: Task, stage: Stage, source: str, model: str, target: str,
    more: Mapping[str, StepParameters] | None = None, inputs: Mapping[str, TaskInput] | None = None,
) -> Task:  # fmt: skip
    """Return a task of a source and a model, with more sections and inputs."""
    sections = {
        **run.config.sections, "source": run.sources[source], "model": run.models[model],
        **(more or {}),
    }  # fmt: skip
    files = {**_of_points(points), **run.files[source].around, **(inputs or {})}
    own = own_models().get(run.models[model].model)
    uses = {} if own is None else {f"model {own.name}": own.version}
    return Task(stage, target, files, sections, uses)


def _fit_of(
    run: PlannedRun, points: Task, source: str, model: str, evidences: Sequence[Task]
) -> Task:
    """Return the fit of a model, with the posterior of its evidence if there will be no chains."""
    inputs: dict[str, TaskInput] = {}
    if evidences and not section_of(run.config, SedPosteriorSection).enabled:
        as_they_are = evidence_target(source, model, 1)
        evidence = next(task for task in evidences if task.target == as_they_are)
        inputs = {
            EVIDENCE_RECORD: [evidence.output(EVIDENCE)],
            NESTED_SAMPLES: [evidence.output(EVIDENCE_SAMPLES)],
        }
    return _task_of(run, points, FIT_STAGE, source, model, target_of(source, model), inputs=inputs)


def _of_points(points: Task) -> dict[str, TaskInput]:
    return {
        "sed": points.output(SED), "polarization": points.output(POLARIZATION),
        "points": points.output(RECORD),
    }  # fmt: skip


def _comparison_of(
    run: PlannedRun, points: Task, fits: Sequence[Task], evidences: Sequence[Task], source: str
) -> Task:
    """Return the comparison of the models of a source, with evidences if there are some."""
    inputs: dict[str, TaskInput] = {
        "points": points.output(RECORD), "fits": [task.output(FIT) for task in fits],
    }  # fmt: skip
    if evidences:
        inputs["evidences"] = [task.output(EVIDENCE) for task in evidences]
    return Task(COMPARISON_STAGE, source, inputs, run.config.sections)


def _evidences_of(run: PlannedRun, points: Task, source: str) -> list[Task]:
    if not section_of(run.config, SedEvidenceSection).enabled:
        return []
    chosen = section_of(run.config, SedSearchParameters)
    # what intervals are like has no part in them
    search = SedSearchParameters(cells=chosen.cells, starts=chosen.starts)
    return [
        _task_of(
            run, points, EVIDENCE_STAGE, source, model, evidence_target(source, model, factor),
            {"fit": search, "prior_width": PriorWidth(factor=factor)},
        )
        for model in run.models
        for factor in section_of(run.config, ComparisonParameters).factors
    ]  # fmt: skip


def _figures_of(run: PlannedRun, points: Task, fits: Sequence[Task], source: str) -> Task:
    inputs: dict[str, TaskInput] = {
        **_of_points(points), "fits": [task.output(FIT) for task in fits],
        "light": [task.output(LIGHT) for task in fits],
        "samples": [task.output(SAMPLES) for task in fits],
    }  # fmt: skip
    return Task(FIGURES_STAGE, source, inputs, run.config.sections)


BLAZAR = Pipeline(
    name="blazar",
    summary="Fluxes and polarization of blazars to fitted and compared models and a report.",
    sections={
        "sources": BlazarSourcesParameters, "spectral_models": ModelSettings,
        "points": SedPointParameters, "models": ComparedModelsParameters,
        "fit": SedSearchParameters, "mcmc": SedPosteriorSection, "nested": SedEvidenceSection,
        "comparison": ComparisonParameters, "predictions": PredictionParameters,
        "catalog": BlazarCatalogParameters,
    },
    stages=(
        SED_SPECTRA, POINTS, FIT_STAGE, EVIDENCE_STAGE, COMPARISON_STAGE, FIGURES_STAGE,
        CATALOG_STAGE,
    ),
    kinds=(),
    plan=plan_blazar,
    publish=publish,
    example_inputs=(),
    check=input_problems,
    takes_inputs=False,
)  # fmt: skip
