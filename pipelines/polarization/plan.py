"""Pipeline ``polarization``: event files of a polarimeter to the polarization of sources.

flares (each observation)
   |
 stokes (each source in each observation) -> pooled (each source) -> polarization_catalog
"""

from __future__ import annotations

from xsurvey.catalogs.schema import schemas_hash
from xsurvey.config import Config
from xsurvey.engine import Plan, Task
from xsurvey.engine.plan import OutputOf
from xsurvey.missions.selection import SelectionParameters
from xsurvey.pipelines.base import Pipeline
from xsurvey.pipelines.flares_stage import FLARES
from xsurvey.pipelines.polarization.catalog_stage import CATALOG
from xsurvey.pipelines.polarization.checks import input_problems
from xsurvey.pipelines.polarization.parameters import (
    PolarizationCatalogParameters,
    PolarizationFlareParameters,
    SourcesParameters,
)
from xsurvey.pipelines.polarization.planning import PlannedRun, planned_run
from xsurvey.pipelines.polarization.pooled_stage import POOLED_STAGE
from xsurvey.pipelines.polarization.publishing import publish
from xsurvey.pipelines.polarization.stokes_files import JSON, POOLED, SUMS
from xsurvey.pipelines.polarization.stokes_stage import STOKES
from xsurvey.polarization.behaviour_parameters import KnownAngleParameters
from xsurvey.polarization.parameters import PolarizationParameters


def plan_polarization(config: Config) -> Plan:
    """Plan the polarization of all sources in all observations that have them in their field."""
    run = planned_run(config)
    results: list[OutputOf] = []
    for name in run.sources:
        results += _stokes_of(run, name)
    tables = Task(
        CATALOG, POOLED, {"results": results}, config.sections, {"schemas": schemas_hash()}
    )
    return Plan([tables], config.seed)


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


POLARIZATION = Pipeline(
    name="polarization",
    summary="Event files of a polarimeter to the polarization of sources and a report.",
    sections={
        "sources": SourcesParameters, "selection": SelectionParameters,
        "filtering": PolarizationFlareParameters, "polarization": PolarizationParameters,
        "known_angle": KnownAngleParameters, "catalog": PolarizationCatalogParameters,
    },
    stages=(FLARES, STOKES, POOLED_STAGE, CATALOG),
    kinds=(),
    plan=plan_polarization,
    publish=publish,
    example_inputs=("source_du?.fits",),
    check=input_problems,
)  # fmt: skip
