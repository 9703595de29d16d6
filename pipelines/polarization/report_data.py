"""The page of a run of the pipeline ``polarization``, from the results of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult
from xsurvey.pipelines.good_results import GoodResults
from xsurvey.pipelines.polarization.behaviour_stage import BEHAVIOUR, BEHAVIOUR_FILE
from xsurvey.pipelines.polarization.companion_stage import COMPANION, COMPANION_FILE
from xsurvey.pipelines.polarization.figures_stage import FIGURES as FIGURES_STAGE
from xsurvey.pipelines.polarization.figures_stage import FOLDER as FIGURES
from xsurvey.pipelines.polarization.figures_stage import angle_name
from xsurvey.pipelines.polarization.map_stage import MAP
from xsurvey.pipelines.polarization.planning import sources_of
from xsurvey.pipelines.polarization.pooled_stage import POOLED_STAGE
from xsurvey.pipelines.polarization.radial_stage import RADIAL
from xsurvey.pipelines.polarization.source_events import names_of
from xsurvey.pipelines.polarization.spectropolarimetry_stage import JSON as FIT
from xsurvey.pipelines.polarization.spectropolarimetry_stage import SPECTROPOLARIMETRY
from xsurvey.pipelines.polarization.stokes_files import JSON
from xsurvey.pipelines.polarization.stokes_stage import STOKES
from xsurvey.report import ReportData
from xsurvey.report.polarization import PolarizationReport, polarization_results


def polarization_report(
    config: Config, plan: Plan, result: RunResult, run: ReportData,
    files: Mapping[str, list[tuple[str, str]]],
) -> PolarizationReport:  # fmt: skip
    """Return what the page shows.

    Parameters
    ----------
    config, plan, result
    run : ReportData
    files : mapping of str to list of (str, str)
        Labels of published files and their paths relative to the page, by source; those of no
        source under the empty name.
    """
    good = GoodResults(plan, result)
    names = list(sources_of(config).places)
    sources = polarization_results(
        good.records(STOKES.name, JSON), pooled=good.records(POOLED_STAGE.name, JSON),
        behaviour=good.records(BEHAVIOUR.name, BEHAVIOUR_FILE),
        radial=good.records(RADIAL.name, "radial.json"),
        fits={str(r["source"]): r for r in good.records(SPECTROPOLARIMETRY.name, FIT)},
        figures={name: _figures(good, name) for name in names},
        files={name: files.get(name, []) for name in names}, names=names,
    )  # fmt: skip
    return PolarizationReport(
        run, sources, next(iter(good.records(COMPANION.name, COMPANION_FILE)), None),
        {str(r["observation"]): r for r in good.records(MAP.name, "map.json")},
        {f"map {task.target}": path for task, path in good.files(MAP.name, "map.png")},
        files.get("", []),
    )  # fmt: skip


def _figures(good: GoodResults, source: str) -> dict[str, Path]:
    """Return the figures of a source by the names that the page has for them."""
    found: dict[str, Path] = {}
    drawn = next((path for task, path in good.files(FIGURES_STAGE.name, FIGURES)
                  if task.target == source), None)  # fmt: skip
    if drawn is not None:
        found |= {name: drawn / f"{name}.png" for name in ("plane", "energies")}
        for task, _ in good.files(BEHAVIOUR.name, BEHAVIOUR_FILE):
            own, observation = names_of(task.target)
            if own == source:
                found[f"angle {observation}"] = drawn / f"{angle_name(observation)}.png"
    for task, path in good.files(RADIAL.name, "radial.png"):
        own, observation = names_of(task.target)
        if own == source:
            found[f"radial {observation}"] = path
    for task, folder in good.files(SPECTROPOLARIMETRY.name, "figures"):
        if task.target == source:
            found |= {path.stem: path for path in sorted(folder.glob("*.png"))}
    return {name: path for name, path in found.items() if path.is_file()}
