"""The page of polarized sources: what was measured, how it behaves, and how the run went."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xsurvey.errors import XSurveyError
from xsurvey.io.atomic import atomic_output
from xsurvey.report.brightness_profiles import png_source
from xsurvey.report.build import page_text
from xsurvey.report.data import ReportData
from xsurvey.report.numbers import DASH, duration_text, fixed
from xsurvey.report.page import Picture
from xsurvey.report.plate import data_uri, png_bytes
from xsurvey.report.polarization_companion import CompanionPart, companion_part
from xsurvey.report.polarization_fit import FitPage, fit_page
from xsurvey.report.polarization_sources import (
    Drawn,
    PolarizedSourceReport,
    Record,
    polarization_figures,
    polarization_results,
)
from xsurvey.report.polarization_space import ProfilePart, map_line, profile_part
from xsurvey.report.polarization_tables import (
    behaviour_table,
    bins_table,
    summary_table,
)
from xsurvey.report.polarization_words import DETECTION, NOTHING, statements, verdict
from xsurvey.report.table_text import TableText, number_of

__all__ = [
    "PolarizationReport", "PolarizedSourceReport", "polarization_figures", "polarization_results",
    "render_polarization_report", "write_polarization_report",
]  # fmt: skip
_CAPTIONS = {
    "plane": "Energy bins with ellipses of 50, 68.3, 90 and 99 % probability. Dashed: MDP99. Rings "
    "are degrees, rays angles, north through east.",
    "energies": "Intervals of 68.3 %. Hollow: degrees below MDP99 (dashed), with limits at 99 %.",
    "angle": "Angle and degree against time.",
    "radial": "Polarization along and at 45° to the directions compared with, against radius.",
    "spectra": "Stokes spectra with the joint fit and its residuals.",
    "contours": "Degree and angle of the joint fit together.",
    "corner": "Posterior of the joint fit.",
    "map": "Brightness, with lines along the angle and as long as the degree where pixels are "
    "significant by themselves; and significances.",
    "companion": "The companion against time.",
}  # fmt: skip
_PLACED = ("plane", "energies", "angle", "radial", "spectra", "contours", "corner")


@dataclass(frozen=True)
class PolarizationReport:
    """A run.

    Attributes
    ----------
    run : ReportData
        Title, configuration, versions, timings and failures; its targets are not looked at.
    sources : sequence of PolarizedSourceReport
        As `polarization_results` makes them.
    companion : mapping or None
        ``companion.json``.
    maps : mapping of str to mapping
        ``map.json`` by observation.
    figures : mapping of str to Figure or path
        ``map OBSERVATION``, ``companion``.
    files : sequence of (str, str)
        Labels, and paths relative to the page.
    """

    run: ReportData
    sources: Sequence[PolarizedSourceReport]
    companion: Record | None = None
    maps: Mapping[str, Record] = field(default_factory=dict)
    figures: Mapping[str, Drawn] = field(default_factory=dict)
    files: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class SourcePart:
    """What the template shows of a source."""

    anchor: str
    name: str
    verdict: str
    statements: Sequence[str]
    facts: Sequence[tuple[str, str]]
    figures: Mapping[str, Picture]
    bins: TableText
    tests: TableText
    profiles: Sequence[ProfilePart]
    fit: FitPage | None
    notes: Sequence[str]
    files: Sequence[tuple[str, str]]

    def pictures(self, kind: str) -> list[Picture]:
        """Return the figures of a kind, of all observations."""
        return [p for name, p in self.figures.items() if _kind(name) == kind]

    @property
    def others(self) -> list[Picture]:
        """Figures of no kind that has a place."""
        return [p for name, p in self.figures.items() if _kind(name) not in _PLACED]


@dataclass(frozen=True)
class PolarizationPage:
    """What the template shows."""

    summary: TableText
    sources: Sequence[SourcePart]
    maps: Sequence[tuple[str, str, Picture | None, Sequence[str]]]
    companion: CompanionPart | None
    files: Sequence[tuple[str, str]]
    problems: Sequence[str]


def write_polarization_report(path: str | os.PathLike[str], report: PolarizationReport) -> None:
    """Write the report of polarized sources as one HTML file.

    Parameters
    ----------
    path : path
        The page; replaced when it is complete.
    report : PolarizationReport
        Figures that cannot be read are named on the page.

    Raises
    ------
    OutputError
        The page cannot be written there.
    """
    page = render_polarization_report(report)
    with atomic_output(path) as temporary:
        temporary.write_bytes(page.encode("utf-8", "replace"))


def render_polarization_report(report: PolarizationReport) -> str:
    """Return the page as text; everything that comes from the report is escaped."""
    keys = list(key_numbers(report))
    return page_text(
        "polarization.html.j2", report.run, [], keys, polarization=polarization_page(report)
    )


def polarization_page(report: PolarizationReport) -> PolarizationPage:
    """Return what the template shows of a report."""
    problems: list[str] = []
    sources = [
        _source_part(one, f"s{number}", problems) for number, one in enumerate(report.sources, 1)
    ]
    drawn = _pictures(report.figures, "", problems)
    maps = [
        (name, map_line(record), drawn.get(f"map {name}"), list(record.get("notes") or []))
        for name, record in report.maps.items()
    ]
    summary = summary_table([(s.name, s.whole, len(s.observations)) for s in report.sources])
    return PolarizationPage(
        summary, sources, maps, companion_part(report.companion, drawn.get("companion")),
        report.files, problems,
    )  # fmt: skip


def key_numbers(report: PolarizationReport) -> Iterator[tuple[str, str, str]]:
    """Yield label, number and a remark for what a reader asks first."""
    whole = {s.name: s.whole for s in report.sources}
    found = {name: verdict(one) if one else NOTHING for name, one in whole.items()}
    measured = sum(v != NOTHING for v in found.values())
    yield "Sources", f"{len(found)}", "all measured" if measured == len(found) else (
        f"{measured} measured"
    )  # fmt: skip
    yield "Detected", f"{sum(v == DETECTION for v in found.values())}", "with 3 sigma or more"
    best = max(
        ((number_of(one, "significance"), name) for name, one in whole.items()
         if one and number_of(one, "significance") >= 0), default=None,
    )  # fmt: skip
    number = DASH if best is None else f"{fixed(best[0], 1)} sigma"
    yield "Most significant", number, "nothing was measured" if best is None else best[1]
    failures = len(report.run.failures)
    yield "Failures", f"{failures}", "see below" if failures else "none"


def _source_part(one: PolarizedSourceReport, anchor: str, problems: list[str]) -> SourcePart:
    whole = one.whole
    drawn: dict[str, Drawn] = {**polarization_figures(one), **one.figures}
    several = len(one.observations) != 1
    records = [*([one.pooled] if one.pooled and several else []), *one.observations.values()]
    fit = fit_page(one.fit)
    return SourcePart(
        anchor, one.name, verdict(whole) if whole else NOTHING,
        list(statements(whole)) if whole else ["Nothing was measured: see what failed."],
        _facts(one.main), _pictures(drawn, one.name, problems), bins_table(records),
        behaviour_table(one.behaviour, one.pooled),
        [profile_part(name, record) for name, record in one.radial.items()], fit,
        list(_notes(one)), one.files,
    )  # fmt: skip


def _notes(one: PolarizedSourceReport) -> Iterator[str]:
    """Yield notes of a source once, with their observation where there are several."""
    several = len({*one.observations, *one.behaviour, *one.radial}) > 1
    notes = list((one.pooled or {}).get("notes") or [])
    groups: list[Mapping[str, Record]] = [one.behaviour, one.radial]
    if one.pooled is None:
        groups.insert(0, one.observations)
    for group in groups:
        for name, record in group.items():
            notes += [f"{name}: {n}" if several else n for n in record.get("notes") or []]
    yield from dict.fromkeys(map(str, notes))


def _facts(main: Record | None) -> list[tuple[str, str]]:
    """Return how a source was measured."""
    if main is None:
        return []
    facts = []
    position, responses = main.get("position"), main.get("responses") or {}
    if position:
        facts.append(("position (ICRS)", f"{position['ra']:.5f}, {position['dec']:.5f}"))
    for label, name in (("region", "region"), ("telescope", "telescope"), ("object", "target")):
        if main.get(name):
            facts.append((label, str(main[name])))
    start, stop = number_of(main, "mjd_start"), number_of(main, "mjd_stop")
    if math.isfinite(start) and math.isfinite(stop):
        facts.append(("dates", f"MJD {start:.3f} to {stop:.3f}"))
    livetime = number_of(main, "livetime_s")
    if math.isfinite(livetime):
        facts.append(("livetime", duration_text(livetime)))
    background = main.get("background")
    if background:
        text, scale = str(background.get("region")), number_of(background, "scale")
        text += f", scaled by {scale:.4g}" if math.isfinite(scale) else ""
        facts.append(("background", text))
    weights = "weighted events" if main.get("weighted") else "unweighted events"
    acceptance = "acceptance corrected" if main.get("acceptance_correction") else "as detected"
    if main.get("estimator"):
        facts.append(("estimator", f"{main['estimator']}, {weights}, {acceptance}"))
    if responses.get("name"):
        why = responses.get("reason")
        facts.append(("responses", f"{responses['name']}" + (f" ({why})" if why else "")))
    return facts


def _kind(name: str) -> str:
    return name.partition(" ")[0]


def _pictures(
    figures: Mapping[str, Drawn], source: str, problems: list[str]
) -> dict[str, Picture]:  # fmt: skip
    """Return figures as images of the page; what cannot be read is added to the problems."""
    found = {}
    for name, drawn in figures.items():
        kind, _, of = name.partition(" ")
        caption = _CAPTIONS.get(kind, f"{name.replace('_', ' ').capitalize()}.")
        alt = f"{kind.replace('_', ' ').capitalize()} of {source or of}"
        if of:
            caption = f"{of}: {caption[:1].lower()}{caption[1:]}"
        try:
            src = png_source(drawn) if isinstance(drawn, Path) else data_uri(png_bytes(drawn))
        except XSurveyError as error:
            problems.append(str(error))
            continue
        found[name] = Picture(src, alt, caption)
    return found
