"""The page of one cluster: its figures, its numbers, and how the run went."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from xsurvey.errors import XSurveyError
from xsurvey.io.atomic import atomic_output
from xsurvey.report.brightness_profiles import FitRow, fit_rows
from xsurvey.report.build import page_text
from xsurvey.report.cluster_figures import ClusterResults, cluster_figures
from xsurvey.report.cluster_tables import (
    annuli_table,
    comparison_table,
    facts_of,
    key_numbers,
    notes_of,
    quantity_table,
    sector_table,
    spectral_line,
)
from xsurvey.report.data import ReportData
from xsurvey.report.page import Picture
from xsurvey.report.plate import data_uri, png_bytes
from xsurvey.report.table_text import TableText

_CAPTIONS = {
    "image": "Counts, smoothed lightly, with the annuli and sectors of the spectra. Shaded: masked "
    "sources. Dashed: R500 and R200.",
    "smoothed": "Adaptively smoothed, exposure-corrected, background subtracted; for the eye only.",
    "corrected": "The same without the absorption of the map of column densities; for the eye "
    "only.",
    "wavelets": "Significant wavelet coefficients of all sizes; for the eye only.",
    "brightness": "Brightness of all angles. Models are not blurred by the PSF where they are "
    "drawn; they are where they are fitted. Band: the sky background and its scatter.",
    "sectors": "Brightness in sectors, their ratio to all angles, and their scatter beyond that "
    "of the counts.",
    "significance": "Above the sky background, with the error of its level, its scatter from place "
    "to place and the error of the particle background.",
    "spectral_profile": "Temperature, abundance and norm. Dash-dotted: references.",
    "spectra": "Spectra with the best fit of all of them together; channels binned for the eye.",
    "sky": "Sky and particle background. Grey: priors. Hollow: without an interval of their own.",
    "density": "Deprojected density, its slope, and the gas mass inside.",
    "thermodynamics": "What the density and the hydrostatic halo make of the gas.",
    "mass": "Masses inside radii, their ratio, and the temperatures that the halo predicts.",
}
_ALT = {"image": "Counts of the cluster with annuli", "sky": "Parameters of the background"}


@dataclass(frozen=True)
class ClusterReport:
    """A run of one cluster.

    Attributes
    ----------
    name : str
    run : ReportData
        Title, configuration, versions, timings and failures; its targets are not looked at.
    results : ClusterResults
    figures : mapping of str to Figure
        Of `cluster_figures`; made if not given.
    files : sequence of (str, str)
        Labels, and paths relative to the page.
    """

    name: str
    run: ReportData
    results: ClusterResults
    figures: Mapping[str, Figure] | None = None
    files: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class ClusterPage:
    """What the template shows."""

    name: str
    results: ClusterResults
    figures: Mapping[str, Picture]
    files: Sequence[tuple[str, str]]
    problem: str = ""
    fits: Sequence[FitRow] = ()
    notes: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    annuli: TableText = field(default_factory=TableText)
    sectors: TableText = field(default_factory=TableText)
    quantities: TableText = field(default_factory=TableText)
    comparisons: TableText = field(default_factory=TableText)
    spectral_line: str = ""

    @property
    def has_images(self) -> bool:
        """Whether there is any image."""
        return "image" in self.figures

    @property
    def has_brightness(self) -> bool:
        """Whether brightness was measured."""
        return bool(self.results.brightness)

    @property
    def has_spectra(self) -> bool:
        """Whether spectra were fitted."""
        return bool(self.results.spectral)

    @property
    def has_gas(self) -> bool:
        """Whether there is a density or a mass."""
        return bool(self.results.density or self.results.mass)

    @property
    def empty(self) -> bool:
        """Whether there is nothing at all."""
        return not (self.has_brightness or self.has_spectra or self.has_gas)

    @property
    def approximate(self) -> bool:
        """Whether the exposure was made from the events."""
        return self.results.brightness.get("exposure_map") == "APPROX"


def write_cluster_report(path: str | os.PathLike[str], report: ClusterReport) -> None:
    """Write the report of a cluster as one HTML file.

    Parameters
    ----------
    path : path
        The page; replaced when it is complete.
    report : ClusterReport
        Figures that cannot be made are named on the page.

    Raises
    ------
    OutputError
        The page cannot be written there.
    """
    page = render_cluster_report(report)
    with atomic_output(path) as temporary:
        temporary.write_bytes(page.encode("utf-8", "replace"))


def render_cluster_report(report: ClusterReport) -> str:
    """Return the page as text; everything that comes from the report is escaped."""
    page = cluster_page(report)
    keys = list(key_numbers(report.results, len(report.run.failures)))
    return page_text("cluster.html.j2", report.run, [], keys, cluster=page)


def cluster_page(report: ClusterReport) -> ClusterPage:
    """Return what the template shows of a report."""
    results, problem = report.results, ""
    figures: Mapping[str, Figure] = report.figures or {}
    if report.figures is None:
        try:
            figures = cluster_figures(results)
        except XSurveyError as error:
            problem = str(error)
    return ClusterPage(
        report.name, results, dict(_pictures(figures, report.name)), report.files, problem,
        fits=list(fit_rows(results.brightness)) if results.brightness else [],
        notes=notes_of(results), facts=facts_of(results), annuli=annuli_table(results.spectral),
        sectors=sector_table(results.brightness),
        quantities=quantity_table(results.mass), comparisons=comparison_table(results.comparisons),
        spectral_line=spectral_line(results.spectral),
    )  # fmt: skip


def _pictures(figures: Mapping[str, Figure], name: str) -> Iterator[tuple[str, Picture]]:
    for key, figure in figures.items():
        caption = _CAPTIONS.get(key, "")
        if key.startswith("residuals_"):
            model: Any = key.removeprefix("residuals_").replace("_", " ")
            caption = f"What the {model} model leaves of the image, smoothed, in sigma."
        alt = _ALT.get(key, key.replace("_", " ").capitalize())
        yield key, Picture(data_uri(png_bytes(figure)), f"{alt} of {name}", caption)
