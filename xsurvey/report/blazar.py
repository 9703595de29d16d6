"""The page of blazars: models of spectra and polarization, compared, and how the run went."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xsurvey.errors import XSurveyError
from xsurvey.io.atomic import atomic_output
from xsurvey.report.blazar_tables import (
    data_table,
    degeneracy_table,
    evidence_table,
    models_table,
    parameters_table,
    polarization_table,
    priors_table,
    spectra_table,
    spectral_parameters_table,
)
from xsurvey.report.blazar_words import comparison_words, posterior_words, verdict
from xsurvey.report.brightness_profiles import png_source
from xsurvey.report.build import page_text
from xsurvey.report.data import ReportData
from xsurvey.report.numbers import DASH, fixed
from xsurvey.report.page import Picture
from xsurvey.report.table_text import TableText

Record = Mapping[str, Any]
_TOGETHER, _SED, _CORNER = "models", "sed_", "corner_"


@dataclass(frozen=True)
class BlazarSourceReport:
    """A source of a run.

    Attributes
    ----------
    name : str
    points : mapping or None
        ``points.json``; None where tables or spectra could not be used.
    fits : sequence of mapping
        ``fit.json`` of each model that was fitted.
    comparison : mapping or None
        ``comparison.json``.
    figures : mapping of str to path
        ``models``, ``sed_MODEL`` and ``corner_MODEL``.
    files : sequence of (str, str)
        Labels, and paths relative to the page.
    spectra : mapping of str to path
        Figures of points of spectra, by instrument.
    """

    name: str
    points: Record | None = None
    fits: Sequence[Record] = ()
    comparison: Record | None = None
    figures: Mapping[str, Path] = field(default_factory=dict)
    files: Sequence[tuple[str, str]] = ()
    spectra: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class BlazarReport:
    """A run.

    Attributes
    ----------
    run : ReportData
        Title, configuration, versions, timings and failures; its targets are not looked at.
    sources : sequence of BlazarSourceReport
    models : int
        How many were to be fitted to each source.
    """

    run: ReportData
    sources: Sequence[BlazarSourceReport]
    models: int


@dataclass(frozen=True)
class ModelPart:
    """What the template shows of a fitted model."""

    name: str
    what: str
    lines: Sequence[str]
    picture: Picture | None
    corner: Picture | None
    parameters: TableText
    priors: TableText
    degeneracies: TableText
    notes: Sequence[str]


@dataclass(frozen=True)
class SourcePart:
    """What the template shows of a source."""

    anchor: str
    name: str
    verdict: str
    words: Sequence[str]
    facts: Sequence[tuple[str, str]]
    together: Picture | None
    data: TableText
    models: TableText
    evidence: TableText
    polarization: TableText
    parts: Sequence[ModelPart]
    remarks: Sequence[str]
    notes: Sequence[str]
    failed: Sequence[str]
    files: Sequence[tuple[str, str]]
    spectra: TableText
    spectral_parameters: TableText
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class BlazarPage:
    """What the template shows."""

    sources: Sequence[SourcePart]
    problems: Sequence[str]


def write_blazar_report(path: str | os.PathLike[str], report: BlazarReport) -> None:
    """Write the report of blazars as one HTML file.

    Parameters
    ----------
    path : path
        The page; replaced when it is complete.
    report : BlazarReport
        Figures that cannot be read are named on the page.

    Raises
    ------
    OutputError
        The page cannot be written there.
    """
    page = render_blazar_report(report)
    with atomic_output(path) as temporary:
        temporary.write_bytes(page.encode("utf-8", "replace"))


def render_blazar_report(report: BlazarReport) -> str:
    """Return the page as text; everything that comes from the report is escaped."""
    return page_text(
        "blazar.html.j2", report.run, [], list(key_numbers(report)), blazar=blazar_page(report)
    )


def blazar_page(report: BlazarReport) -> BlazarPage:
    """Return what the template shows of a report."""
    problems: list[str] = []
    sources = [
        _source_part(one, f"s{number}", problems) for number, one in enumerate(report.sources, 1)
    ]
    return BlazarPage(sources, problems)


def key_numbers(report: BlazarReport) -> Iterator[tuple[str, str, str]]:
    """Yield label, number and a remark for what a reader asks first."""
    yield "Sources", f"{len(report.sources)}", f"{sum(bool(s.fits) for s in report.sources)} fitted"
    wanted = report.models * len(report.sources)
    done = sum(len(s.fits) for s in report.sources)
    yield "Fits", f"{done}", "all that were asked for" if done == wanted else f"of {wanted}"
    found = [
        (s.comparison["favoured"], s.name) for s in report.sources
        if s.comparison and s.comparison["favoured"]
    ]  # fmt: skip
    best = max(found, key=lambda one: float(one[0]["ln_bayes"]), default=None)
    yield "Largest ln B", DASH if best is None else fixed(best[0]["ln_bayes"], 1), (
        "no two evidences" if best is None else f"for {best[0]['name']}, {best[1]}"
    )  # fmt: skip
    failures = len(report.run.failures)
    yield "Failures", f"{failures}", "see below" if failures else "none"


def _source_part(one: BlazarSourceReport, anchor: str, problems: list[str]) -> SourcePart:
    compared = one.comparison or {}
    failed = [
        f"{row['name']} was not fitted: {'; '.join(row['causes']) or 'see what failed'}"
        for row in compared.get("models") or [] if not row["fitted"]
    ]  # fmt: skip
    caption = "All models at their best fits"
    if any(fit["method"] == "posterior" for fit in one.fits):
        caption += f", with the band of each posterior, {_levels(one.fits)[0]}"
    together = _picture(one, _TOGETHER, f"{caption}.", problems)
    return SourcePart(
        anchor, one.name, verdict(one.comparison), list(comparison_words(one.comparison)),
        list(_facts(one.points)), together, data_table(one.points), models_table(one.comparison),
        evidence_table(one.comparison), polarization_table(one.comparison),
        [_model_part(one, fit, problems) for fit in one.fits],
        compared.get("notes", ()), (one.points or {}).get("notes", ()), failed, one.files,
        spectra_table(one.points), spectral_parameters_table(one.points),
        [p for p in (_points_picture(one, i, path, problems) for i, path in one.spectra.items())
         if p is not None],
    )  # fmt: skip


def _model_part(one: BlazarSourceReport, fit: Record, problems: list[str]) -> ModelPart:
    name, model = str(fit["name"]), fit["model"]
    bands = ", ".join(_levels([fit]))
    caption = f"{name}: best fit with its processes" + (
        f", and bands of the posterior, {bands}." if fit["method"] == "posterior" else "."
    )  # fmt: skip
    electrons = "" if model["electrons"] is None else f", electrons: {model['electrons']}"
    return ModelPart(
        name, f"{model['name']}{electrons}", list(posterior_words(fit)),
        _picture(one, f"{_SED}{name}", caption, problems),
        _picture(
            one, f"{_CORNER}{name}", f"{name}: posterior of parameters and pairs; contours hold 39 "
            "and 86 %, the line is the best fit.", problems,
        ),
        parameters_table(fit), priors_table(fit), degeneracy_table(fit), fit["notes"],
    )  # fmt: skip


def _levels(fits: Sequence[Record]) -> list[str]:
    return [f"{100 * level:.4g} %" for fit in fits for level in fit["levels"]]


def _facts(points: Record | None) -> Iterator[tuple[str, str]]:
    """Yield what the tables of a source are."""
    if points is None:
        return
    position = points["position"]
    yield "position (ICRS)", f"{position['ra']:.5f}, {position['dec']:.5f}"
    yield "redshift", f"{points['redshift']:g}"
    if points.get("object"):
        yield "object", str(points["object"])
    yield "flux points", f"{points['points']}, and {points['limits']} upper limits"
    yield "frequencies", f"{points['frequency_min']:.3g} to {points['frequency_max']:.3g} Hz"
    counts = points["polarization"]
    yield "polarization", ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "none"
    names = [str(file["name"]) for file in points["files"]]
    yield "tables", ", ".join(names) or "none"
    if points["spectra"]:
        yield "spectra of", ", ".join(str(one["instrument"]) for one in points["spectra"])


def _points_picture(
    one: BlazarSourceReport, instrument: str, path: Path, problems: list[str]
) -> Picture | None:
    caption = (
        f"{instrument}: points of its spectra with the model without absorption, and their ratio."
    )
    return _read(path, f"points of {instrument} of {one.name}", caption, problems)


def _picture(
    one: BlazarSourceReport, name: str, caption: str, problems: list[str]
) -> Picture | None:
    """Return a figure of the models, if there is one."""
    path = one.figures.get(name)
    if path is None:
        return None
    return _read(path, f"{name.replace('_', ' ')} of {one.name}", caption, problems)


def _read(path: Path, what: str, caption: str, problems: list[str]) -> Picture | None:
    """Return a figure as an image of the page; one that cannot be read is a problem."""
    try:
        return Picture(png_source(path), what, caption)
    except XSurveyError as error:
        problems.append(str(error))
        return None
