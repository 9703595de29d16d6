"""The brightest sources and the sensitivity on the page."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.report import ReportData, TargetReport
from xsurvey.report.build import render_report
from xsurvey.report.data import SourceReport
from xsurvey.report.display import Viewport
from xsurvey.report.figures import map_figure
from xsurvey.report.page import Detail
from xsurvey.report.sensitivity_axes import sensitivity_figure
from xsurvey.report.source_cards import light_curve_thumbnail, source_cards
from xsurvey.timing.files import read_light_curve
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.write import write_light_curve
from xsurvey.units import EnergyBand

from .conftest import write_image

ATTACK = "<script>alert(1)</script>"
CURVE = {"unit": "count / s", "values": [1e-4, 2e-4, 1e-1], "area": [0.0, 0.9999, 1.0]}


@pytest.fixture(scope="module")
def curve_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("curve") / "lc.fits"
    counts = np.array([[5], [7], [3]])
    write_light_curve(path, LightCurve(
        np.array([50.0, 150.0, 250.0]), np.full(3, 100.0), (EnergyBand(0.5, 7),), counts,
        counts * 0, counts * 0.0, np.full((3, 1), 90.0),
    ))  # fmt: skip
    return path


@pytest.fixture(scope="module")
def shown(target: TargetReport, curve_file: Path) -> TargetReport:
    limits = np.full((60, 60), np.nan)
    limits[10:50, 10:50] = 1e-4
    path = curve_file.with_name("limits.fits")
    write_image(path, limits, "count / s")
    files = [("events", "products/00/s 1/a_evt.fits"), ("bad", "../../secret"), (ATTACK, "b.fits")]
    return replace(
        target, sensitivity=path, curves={"b": CURVE},
        brightest=[SourceReport(2, ATTACK, curve_file, None, files), SourceReport(1, "faint")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def text(run: ReportData, shown: TargetReport) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xsurvey.report.page.detail_for", lambda *_: Detail(4.0, 3.0, 60, 0, 8))
        return render_report(replace(run, targets=[shown]))


def test_the_page_has_the_cards_escaped(text: str) -> None:
    assert "Brightest sources" in text
    assert ATTACK not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert 'href="products/00/s%201/a_evt.fits"' in text
    assert 'href="../../secret"' not in text
    assert 'alt="Light curve of source 2"' in text
    assert 'alt="Light curve of source 1"' not in text
    assert 'alt="Sensitivity map of A field"' in text
    assert "Area of A field against the faintest sources found" in text


def test_targets_without_products_have_no_cards(run: ReportData) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xsurvey.report.page.detail_for", lambda *_: Detail(4.0, 3.0, 60, 0, 8))
        text = render_report(run)
    assert "Brightest sources" not in text
    assert "Sensitivity map" not in text


def test_a_file_that_is_gone_is_said(run: ReportData, shown: TargetReport) -> None:
    gone = replace(shown, brightest=[SourceReport(1, "a", Path("gone_lc.fits"))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xsurvey.report.page.detail_for", lambda *_: Detail(4.0, 3.0, 60, 0, 8))
        text = render_report(replace(run, targets=[gone]))
    assert "gone_lc.fits" in text
    assert "No images" in text


def test_cards_have_cut_outs_of_sources_that_are_bright_but_not_significant(
    run: ReportData, shown: TargetReport
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xsurvey.report.page.detail_for", lambda *_: Detail(0, 0, 1, 0, 8))
        text = render_report(replace(run, targets=[shown]))
    views = text.partition("Brightest sources")[2].partition("</article>")[0]
    other = text.partition("Brightest sources")[2].partition("</article>")[2]
    assert 'alt="Counts around source 2"' in views
    assert 'alt="Counts around source 1"' in other.partition("</article>")[0]


def test_no_more_cards_than_wanted(shown: TargetReport) -> None:
    cards = source_cards(shown.brightest, {1: "data:x"}, 1)
    assert [card.number for card in cards] == [2]
    assert source_cards(shown.brightest, {1: "data:x"}, 2)[1].cut_out == "data:x"
    assert source_cards(shown.brightest, {}, 0) == []


def test_the_curve_ends_where_nearly_all_is_seen() -> None:
    figure = sensitivity_figure({"b": CURVE}, ["0.5-7 keV"])
    assert figure is not None
    axes = figure.axes[0]
    x, y = axes.lines[0].get_data()
    assert np.asarray(x) == pytest.approx([0.1, 0.2, 100.0]), "in count / ks"
    assert np.asarray(y) == pytest.approx(CURVE["area"])
    assert axes.get_xlim()[1] == pytest.approx(0.4)
    assert "count ks" in axes.get_xlabel()


@pytest.mark.parametrize("curves", [{}, {"b": {"unit": "count / s", "values": [], "area": []}}])
def test_without_points_there_is_no_curve(curves: dict) -> None:
    assert sensitivity_figure(curves, list(curves)) is None


def test_a_map_of_nothing_is_drawn(tmp_path: Path) -> None:
    path = write_image(tmp_path / "s.fits", np.full((20, 30), np.nan), "count / s")
    assert map_figure(path, "sensitivity", Viewport(0, 30, 0, 20, 1), 3.0).axes


def test_cards_say_what_is_missing_and_of_which_observation(
    shown: TargetReport, curve_file: Path, run: ReportData
) -> None:
    one = SourceReport(
        2, "bright", curve_file, light_curve_of="p1, the longest of 2 light curves",
        spectrum_problem="no spectrum: piled up",
    )  # fmt: skip
    titles = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "xsurvey.report.source_cards.light_curve_thumbnail",
            lambda curve, title: titles.append(title) or light_curve_thumbnail(curve, title),
        )
        patch.setattr("xsurvey.report.page.detail_for", lambda *_: Detail(0, 0, 0, 0, 8))
        text = render_report(replace(run, targets=[replace(shown, brightest=[one])]))
    assert titles == ["p1, the longest of 2 light curves"]
    assert "no spectrum: piled up" in text


def test_titles_of_light_curves_are_drawn(curve_file: Path) -> None:
    figure = light_curve_thumbnail(read_light_curve(curve_file), "p1")
    assert figure.axes[0].get_title(loc="right") == "p1"
