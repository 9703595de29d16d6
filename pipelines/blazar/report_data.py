"""The page of a run of the pipeline ``blazar``, from the results of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult
from xsurvey.pipelines.blazar.comparison_stage import COMPARISON, COMPARISON_STAGE
from xsurvey.pipelines.blazar.figures_stage import FIGURES, FIGURES_STAGE
from xsurvey.pipelines.blazar.fit_stage import FIT, FIT_STAGE
from xsurvey.pipelines.blazar.parameters import BlazarSourcesParameters, ComparedModelsParameters
from xsurvey.pipelines.blazar.planning import section_of
from xsurvey.pipelines.blazar.points_stage import POINTS
from xsurvey.pipelines.blazar.source_files import RECORD
from xsurvey.pipelines.blazar.spectrum_stage import (
    SED_SPECTRA,
    SPECTRUM_FIGURE,
    SPECTRUM_FIGURES,
    spectrum_target,
)
from xsurvey.pipelines.good_results import GoodResults
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.report import ReportData
from xsurvey.report.blazar import BlazarReport, BlazarSourceReport


def blazar_report(
    config: Config, plan: Plan, result: RunResult, run: ReportData,
    files: Mapping[str, list[tuple[str, str]]],
) -> BlazarReport:  # fmt: skip
    """Return what the page shows.

    Parameters
    ----------
    config, plan, result
    run : ReportData
    files : mapping of str to list of (str, str)
        Labels of published files and their paths relative to the page, by folder of the source.
    """
    good = GoodResults(plan, result)
    points = {r["source"]: r for r in good.records(POINTS.name, RECORD)}
    compared = {r["source"]: r for r in good.records(COMPARISON_STAGE.name, COMPARISON)}
    fits = good.records(FIT_STAGE.name, FIT)
    figures = {task.target: path for task, path in good.files(FIGURES_STAGE.name, FIGURES)}
    of_spectra = {
        task.target: path / SPECTRUM_FIGURE
        for task, path in good.files(SED_SPECTRA.name, SPECTRUM_FIGURES)
    }
    sources = [
        BlazarSourceReport(
            name, points.get(name), [fit for fit in fits if fit["source"] == name],
            compared.get(name), _figures(figures.get(name)), files.get(folder_name(name), []),
            {
                instrument: of_spectra[target] for instrument in source.spectra
                if (target := spectrum_target(name, instrument)) in of_spectra
            },
        )
        for name, source in section_of(config, BlazarSourcesParameters).places.items()
    ]  # fmt: skip
    models = section_of(config, ComparedModelsParameters).compared
    return BlazarReport(run, sources, len(models))


def _figures(folder: Path | None) -> dict[str, Path]:
    """Return figures by the names that the stage gave them."""
    return {} if folder is None else {path.stem: path for path in sorted(folder.glob("*.png"))}
