"""What the template shows: the run's key numbers, its targets with their pictures, its tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import numpy as np
from astropy.table import Table, vstack

from xsurvey.errors import XSurveyError
from xsurvey.imaging.sky_image import SkyImage, read_sky_image
from xsurvey.report.brightness_profiles import ProfileCard, profile_cards
from xsurvey.report.cutouts import cut_outs
from xsurvey.report.data import ReportData, TargetReport
from xsurvey.report.diagrams import hardness_figure, significance_figure
from xsurvey.report.display import viewport
from xsurvey.report.figures import field_figure, is_approximate, map_figure
from xsurvey.report.numbers import DASH, duration_text, en_dashes
from xsurvey.report.plate import DPI, data_uri, png_bytes
from xsurvey.report.sensitivity_axes import sensitivity_figure
from xsurvey.report.source_cards import SourceCard, source_cards
from xsurvey.report.spectra import SpectraPage, spectra_page
from xsurvey.report.table import SourceTable, bands_of, is_marginal, source_table

_ROWS = 3000


@dataclass(frozen=True)
class Detail:
    """How large the pictures of one target are; inches of 100 pixels, 0 for none at all."""

    field_width: float
    map_width: float
    cut_outs: int
    spectra: int = 0
    cards: int = 0


def detail_for(targets: int, index: int) -> Detail:
    """Return how much of a target is shown, so that the page stays below about 15 MB."""
    if targets <= 4:
        return Detail(12.0, 7.0, 60, 30, 8)
    if targets <= 12:
        return Detail(7.5, 4.5, 16, 6, 4)
    return Detail(5.5, 0, 0, 1) if index < 24 else Detail(0, 0, 0)


@dataclass(frozen=True)
class Picture:
    """An image of the page: its ``src``, its text for those who do not see it, its caption."""

    src: str
    alt: str
    caption: str = ""
    anchor: str = ""
    number: int = 0


@dataclass(frozen=True)
class TargetPage:
    """One section of the page.

    Attributes
    ----------
    anchor : str
        Prefix of the ids of this target's elements.
    livetime : float
        In s, NaN where the image does not say it.
    problem : str
        Why the pictures are missing, empty where they are not.
    """

    anchor: str
    name: str
    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    table: SourceTable
    marginal: int
    band: str = ""
    livetime: float = float("nan")
    approximate: bool = False
    problem: str = ""
    field_image: Picture | None = None
    maps: list[Picture] = field(default_factory=list)
    cut_outs: list[Picture] = field(default_factory=list)
    spectra: SpectraPage | None = None
    curve: Picture | None = None
    cards: list[SourceCard] = field(default_factory=list)
    profiles: list[ProfileCard] = field(default_factory=list)

    @property
    def cut_out_numbers(self) -> set[int]:
        """Numbers of the sources that have a picture."""
        return {picture.number for picture in self.cut_outs}


def target_page(target: TargetReport, index: int, targets: int) -> TargetPage:
    """Return the section of the ``index``-th target; it says so where its images are unreadable."""
    table = source_table(target.sources, max(10, _ROWS // max(targets, 1)))
    marginal = int(is_marginal(target.sources).sum())
    known: dict[str, Any] = {
        "anchor": f"t{index + 1}", "name": target.name, "title": target.title,
        "facts": target.facts, "warnings": target.warnings, "table": table, "marginal": marginal,
        "spectra": spectra_page(target.spectra, 0),
    }  # fmt: skip
    try:
        pictures = _pictures(target, known["anchor"], detail_for(targets, index))
        return TargetPage(**{**known, **pictures})
    except XSurveyError as error:
        return TargetPage(**known, problem=str(error))


def _pictures(target: TargetReport, anchor: str, detail: Detail) -> dict[str, Any]:
    counts = read_sky_image(target.counts)
    approximate = is_approximate(read_sky_image(target.exposure))
    shown: dict[str, Any] = {
        "band": band_of(counts), "livetime": _livetime(counts), "approximate": approximate,
    }  # fmt: skip
    if detail.field_width:
        figure = field_figure(target.counts, target.sources, detail.field_width)
        shown["field_image"] = Picture(
            data_uri(png_bytes(figure)), f"Counts image of {target.title} with its sources circled"
        )
    if detail.map_width:
        view = viewport(counts.data, round(detail.map_width * DPI))
        maps = [(target.exposure, "exposure"), (target.background, "background")]
        if target.sensitivity is not None:
            maps.append((target.sensitivity, "sensitivity"))
        shown["maps"] = [
            Picture(
                data_uri(png_bytes(map_figure(path, kind, view, detail.map_width))),
                f"{kind.capitalize()} map of {target.title}", kind,
            )
            for path, kind in maps
        ]  # fmt: skip
        shown["curve"] = _curve(target)
    shown["spectra"] = spectra_page(target.spectra, detail.spectra)
    shown["profiles"] = profile_cards(target.profiles, bool(detail.map_width))
    carded = {one.number for one in target.brightest[: detail.cards]}
    stamps = [
        Picture(
            data_uri(c.png), f"Counts around source {c.number}", f"{c.side:.0f}″",
            f"{anchor}-c{c.number}", c.number,
        )
        for c in cut_outs(counts, target.sources, detail.cut_outs, carded)
    ]  # fmt: skip
    shown["cut_outs"] = stamps[: detail.cut_outs]
    shown["cards"] = source_cards(
        target.brightest, {s.number: s.src for s in stamps}, detail.cards
    )  # fmt: skip
    return shown


def _curve(target: TargetReport) -> Picture | None:
    """Return the area against the faintest sources found, where that is known."""
    known = bands_of(target.sources) if len(target.sources.colnames) else {}
    figure = sensitivity_figure(target.curves, [known.get(b, b) for b in target.curves])
    if figure is None:
        return None
    return Picture(
        data_uri(png_bytes(figure)), f"Area of {target.title} against the faintest sources found"
    )


def band_of(image: SkyImage) -> str:
    """Return the energies of an image, empty where its header does not say them."""
    low, high = image.stamps.get("BAND_LO"), image.stamps.get("BAND_HI")
    if isinstance(low, int | float) and isinstance(high, int | float):
        return en_dashes(f"{low:g}-{high:g} keV")
    return ""


def _livetime(image: SkyImage) -> float:
    value = image.stamps.get("EXPOSURE")
    return float(value) if isinstance(value, int | float) else float("nan")


def population(tables: Sequence[Table]) -> list[Picture]:
    """Return the diagrams of all sources, those that have enough of them."""
    filled = [t for t in tables if len(t)]
    if not filled:
        return []
    everything = vstack(filled, metadata_conflicts="silent") if len(filled) > 1 else filled[0]
    kinds = (
        (significance_figure, "Detection likelihood against net counts",
         "Of sources with the same counts, those on a brighter background are less significant."),
        (hardness_figure, "Hardness ratio against rate",
         "Soft sources lie low, hard and absorbed ones high; bars are 68% intervals."),
    )  # fmt: skip
    return [
        Picture(data_uri(png_bytes(figure)), alt, caption)
        for draw, alt, caption in kinds
        if (figure := draw(everything)) is not None
    ]


@dataclass(frozen=True)
class StageTiming:
    """The tasks of one stage together; ``share`` of the total time, 0 to 1."""

    stage: str
    tasks: int
    statuses: str
    seconds: float
    longest: float
    share: float


def stage_timings(timings: Sequence[Mapping[str, Any]]) -> list[StageTiming]:
    """Return the tasks summed by stage, in the order in which the stages come."""
    total = sum(_seconds(t) for t in timings) or 1.0
    found = []
    for stage in dict.fromkeys(str(t.get("stage", "")) for t in timings):
        tasks = [t for t in timings if str(t.get("stage", "")) == stage]
        states = [str(t.get("status", "")) for t in tasks]
        seconds = [_seconds(t) for t in tasks]
        counted = ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states))
        found.append(
            StageTiming(
                stage, len(tasks), counted, sum(seconds), max(seconds), sum(seconds) / total
            )
        )
    return found


def _seconds(timing: Mapping[str, Any]) -> float:
    value = timing.get("seconds")
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else 0.0


def relative_link(path: str) -> str:
    """Return a path as a link, empty where it is not a relative path below the page.

    Examples
    --------
    >>> relative_link("catalog/my sources.fits"), relative_link("javascript:alert(1)")
    ('catalog/my%20sources.fits', 'javascript%3Aalert%281%29')
    >>> relative_link("//elsewhere.org"), relative_link("../secret")
    ('', '')
    """
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts or "\\" in path:
        return ""
    return quote(path)


def key_numbers(data: ReportData, pages: Sequence[TargetPage]) -> Iterator[tuple[str, str, str]]:
    """Yield label, number and a remark for what a reader asks first."""
    more = data.not_shown
    total = sum(page.table.total for page in pages) + more.sources
    marginal = sum(page.marginal for page in pages) + more.marginal
    yield "Sources", f"{total}", f"{total - marginal} true, {marginal} marginal"
    good = {*(page.name for page in pages), *more.targets}
    failed = {str(f.get("target", "")) for f in data.failures} - good
    done, attempted = len(pages) + len(more.targets), len(good | failed)
    yield "Targets", f"{done}", f"of {attempted}" if failed else "all done"
    livetimes = [p.livetime for p in pages if np.isfinite(p.livetime)]
    remark = "summed over targets" if len(pages) > 1 else "of the target"
    if not pages:
        remark = "no target was finished"
    elif more.targets:
        remark = f"of {len(livetimes)} of the {len(pages)} targets shown"
    elif len(livetimes) < len(pages):
        # no place of a scan is seen for as long as it lasts
        remark = f"of {len(livetimes)} of {len(pages)} targets, scans have none in common"
    yield "Livetime", duration_text(sum(livetimes)) if livetimes else DASH, remark
    spectra = sum(s.status == "failed" for t in data.targets for s in t.spectra)
    tasks = len(data.failures)
    remark = ", ".join((_number_of(tasks, "task"), _number_of(spectra, "spectra", "spectrum")))
    remark += " of targets shown" if more.targets and spectra else ""
    yield "Failures", f"{tasks + spectra}", remark if tasks + spectra else "none"


def _number_of(number: int, plural: str, singular: str = "") -> str:
    """Return a number with its noun: ``1 task``, ``2 tasks``; spectra are given in full."""
    if not singular:
        plural, singular = f"{plural}s", plural
    return f"{number} {singular if number == 1 else plural}"


def menu_names(pages: Sequence[TargetPage]) -> list[str]:
    """Return what the menu calls each target: its object, or its own name where that repeats."""
    titles = [page.title for page in pages]
    return [p.title if p.title and titles.count(p.title) == 1 else p.name for p in pages]
