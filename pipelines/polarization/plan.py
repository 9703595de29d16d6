"""Pipeline ``polarization``: event files of a polarimeter to the polarization of sources.

flares (each observation)                            companion (the optical series)
   |                                                     |
   +-> stokes (source, observation) -> pooled (source)   +-> behaviour (source, observation)
   |                                      |
   +-> stokes_spectra (source, observation) -> spectropolarimetry (source) -> polarization_catalog
   |
   +-> polarization_map (observation), polarization_radial (source, observation)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xsurvey.catalogs.schema import schemas_hash
from xsurvey.config import Config
from xsurvey.engine import Plan, Task
from xsurvey.engine.plan import OutputOf
from xsurvey.missions.selection import SelectionParameters
from xsurvey.pipelines.base import Pipeline
from xsurvey.pipelines.flares_stage import FLARES
from xsurvey.pipelines.polarization.behaviour_stage import BEHAVIOUR, BEHAVIOUR_FILE
from xsurvey.pipelines.polarization.catalog_stage import CATALOG
from xsurvey.pipelines.polarization.checks import input_problems
from xsurvey.pipelines.polarization.companion_stage import (
    COMPANION,
    COMPANION_ANGLES,
    COMPANION_FILE,
)
from xsurvey.pipelines.polarization.figures_stage import FIGURES
from xsurvey.pipelines.polarization.map_stage import MAP
from xsurvey.pipelines.polarization.parameters import (
    PolarizationCatalogParameters,
    PolarizationFlareParameters,
    SourcesParameters,
)
from xsurvey.pipelines.polarization.planning import PlannedRun, planned_run, section_of
from xsurvey.pipelines.polarization.pooled_stage import POOLED_STAGE
from xsurvey.pipelines.polarization.publishing import publish
from xsurvey.pipelines.polarization.radial_stage import RADIAL
from xsurvey.pipelines.polarization.source_events import target_of
from xsurvey.pipelines.polarization.spectra_parameters import (
    PosteriorSection,
    SpectropolarimetrySection,
    StokesSpectraSection,
)
from xsurvey.pipelines.polarization.spectra_plan import fit_versions, joint_fit_task, steps_of
from xsurvey.pipelines.polarization.spectropolarimetry_stage import JSON as FITTED
from xsurvey.pipelines.polarization.spectropolarimetry_stage import SPECTROPOLARIMETRY
from xsurvey.pipelines.polarization.stokes_files import JSON, POOLED, SUMS
from xsurvey.pipelines.polarization.stokes_spectra_stage import STOKES_SPECTRA
from xsurvey.pipelines.polarization.stokes_stage import STOKES
from xsurvey.polarization.optical.parameters import CompanionParameters
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.space.map_parameters import MapSection, RadialSection
from xsurvey.polarization.variation.behaviour_parameters import (
    ConstancyParameters,
    KnownAngleParameters,
    PulsePhaseParameters,
    RotationParameters,
)
from xsurvey.spectra.fit_parameters import FluxParameters
from xsurvey.spectra.models.settings import ModelSettings


def plan_polarization(config: Config) -> Plan:
    """Plan the polarization of all sources in all observations that have them in their field."""
    run = planned_run(config)
    results: list[OutputOf] = []
    for name in run.sources:
        results += _stokes_of(run, name)
    fitted = list(_joint_fits(run))
    behaviour = list(_behaviour(run))
    figures = [_figures_of(run, name, results, behaviour, fitted) for name in run.sources]
    tables = Task(
        CATALOG, POOLED,
        {"results": results, **({"fits": [t.output(FITTED) for t in fitted]} if fitted else {})},
        config.sections, {"schemas": schemas_hash()},
    )  # fmt: skip
    return Plan(
        [tables, *behaviour, *_space(run), *_spectra_alone(run, fitted), *figures], config.seed
    )


def _stokes_of(run: PlannedRun, source: str) -> list[OutputOf]:
    """Return the records of a source in its observations, and in all of them together."""
    single = [run.of_source(STOKES, source, o) for o in run.covered[source]]
    together = Task(
        POOLED_STAGE, source,
        {
            "records": [task.output(JSON) for task in single],
            "sums": [task.output(SUMS) for task in single],
        },
        run.config.sections,
    )  # fmt: skip
    return [task.output(JSON) for task in (*single, together)]


def _behaviour(run: PlannedRun) -> Iterator[Task]:
    """Yield the optical series, and tests of each source in each observation."""
    companion: Mapping[str, list[OutputOf]] = {}
    file = run.companion
    if file is not None:
        series = Task(COMPANION, "companion", {"series": file}, run.config.sections)
        yield series
        # in a list: without the series all else is tested
        companion = {"companion": [series.output(COMPANION_ANGLES)]}
    for source, covered in run.covered.items():
        for observation in covered:
            yield run.of_source(BEHAVIOUR, source, observation, companion)


def _figures_of(
    run: PlannedRun, source: str, results: Sequence[OutputOf], behaviour: Sequence[Task],
    fitted: Sequence[Task],
) -> Task:  # fmt: skip
    """Return the task that draws what was found of a source."""
    own = [target_of(source, o.name) for o in run.covered[source]]
    tests = [t.output(BEHAVIOUR_FILE) for t in behaviour if t.target in own]
    series = [t.output(COMPANION_FILE) for t in behaviour if t.stage is COMPANION]
    fits = [t.output(FITTED) for t in fitted if t.target == source]
    inputs: dict[str, list[OutputOf]] = {
        "records": [r for r in results if r.task.target in own],
        "pooled": [r for r in results if r.task.target == source],
        "behaviour": tests, "companion": series, "fit": fits,
    }  # fmt: skip
    return Task(FIGURES, source, {n: found for n, found in inputs.items() if found}, {})


def _space(run: PlannedRun) -> Iterator[Task]:
    """Yield the maps of observations and the annuli about sources that are asked for."""
    if section_of(run.config, MapSection).enabled:
        yield from (run.of_field(MAP, observation) for observation in run.observations)
    if section_of(run.config, RadialSection).enabled:
        more: dict[str, Path] = {} if run.model_map is None else {"model_map": run.model_map}
        for source, covered in run.covered.items():
            for observation in covered:
                yield run.of_source(RADIAL, source, observation, more)


def _spectra_of(run: PlannedRun) -> dict[str, list[Task]]:
    """Return the tasks of Stokes spectra of each source, none if they are not asked for."""
    if not section_of(run.config, StokesSpectraSection).enabled:
        return {}
    config = replace(run.config, sections=steps_of(run.config.sections))
    stepped = replace(run, config=config, uses=run.uses_of_spectra())
    return {
        source: [stepped.of_source(STOKES_SPECTRA, source, o) for o in covered]
        for source, covered in run.covered.items()
    }


def _joint_fits(run: PlannedRun) -> Iterator[Task]:
    """Yield the fits of the Stokes spectra of each source, if there is a model."""
    fitting = section_of(run.config, SpectropolarimetrySection)
    settings = section_of(run.config, ModelSettings)
    versions = fit_versions(fitting, settings, f"{run.config.path}: spectropolarimetry")
    if versions is None:
        return
    sections = steps_of(run.config.sections)
    for source, spectra in _spectra_of(run).items():
        yield joint_fit_task(source, spectra, sections, versions)


def _spectra_alone(run: PlannedRun, fitted: list[Task]) -> list[Task]:
    """Return the tasks of Stokes spectra that no fit asks for."""
    return [] if fitted else [task for own in _spectra_of(run).values() for task in own]


POLARIZATION = Pipeline(
    name="polarization",
    summary="Event files of a polarimeter to the polarization of sources and a report.",
    sections={
        "sources": SourcesParameters, "selection": SelectionParameters,
        "filtering": PolarizationFlareParameters, "polarization": PolarizationParameters,
        "known_angle": KnownAngleParameters, "constancy": ConstancyParameters,
        "rotation": RotationParameters, "phases": PulsePhaseParameters,
        "companion": CompanionParameters, "map": MapSection, "radial": RadialSection,
        "stokes_spectra": StokesSpectraSection, "spectropolarimetry": SpectropolarimetrySection,
        "spectral_models": ModelSettings, "flux": FluxParameters, "mcmc": PosteriorSection,
        "catalog": PolarizationCatalogParameters,
    },
    stages=(
        FLARES, STOKES, POOLED_STAGE, COMPANION, BEHAVIOUR, MAP, RADIAL, STOKES_SPECTRA,
        SPECTROPOLARIMETRY, FIGURES, CATALOG,
    ),
    kinds=(),
    plan=plan_polarization,
    publish=publish,
    example_inputs=("source_du?.fits",),
    check=input_problems,
)  # fmt: skip
