"""The page of polarized sources: all parts that there are are on it, in words with their level."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from xsurvey.report import ReportData
from xsurvey.report.numbers import DASH, MINUS, TIMES
from xsurvey.report.plate import new_figure, png_bytes
from xsurvey.report.polarization import (
    PolarizationReport,
    PolarizedSourceReport,
    key_numbers,
    polarization_figures,
    polarization_results,
    render_polarization_report,
    write_polarization_report,
)
from xsurvey.report.polarization_tables import bins_table, summary_table
from xsurvey.report.polarization_words import (
    degree_value,
    log_probability_of,
    percent,
    probability_text,
    statements,
    verdict,
)

from . import polarization_records as records


def run(**more) -> ReportData:
    return ReportData("out: polarization", "polarization", [], config_text="schema: 1", **more)


def small():
    return new_figure(1, 1)


def everything(tmp_path: Path) -> PolarizationReport:
    picture = tmp_path / "radial.png"
    picture.write_bytes(png_bytes(small()))
    pooled = records.polarization(observation="all", angle=25.0)
    pooled["constancy"] = {"whole": {"statistic": 3.4, "dof": 2, "log_probability": -1.7,
                                     "significance": 1.3}}  # fmt: skip
    sources = polarization_results(
        [records.polarization(observation=o, angle=25.0) for o in ("01", "02")]
        + [records.polarization("faint", q=(0.01, 0.0), u=(0.0, 0.01), error=(0.02, 0.03))],
        pooled=[pooled], behaviour=[records.behaviour()], radial=[records.radial()],
        fits={"pulsar": records.fit()},
        figures={"pulsar": {"angle 01": small(), "radial 01": picture, "spectra": small(),
                            "contours": small(), "extra": small()}},
        files={"pulsar": [("table", "polarization/pulsar.fits")]}, names=["pulsar", "lost"],
    )  # fmt: skip
    return PolarizationReport(
        run(failures=[{"target": "lost 01", "stage": "stokes", "cause": "no events", "log": ""}],
            versions={"numpy": "2.4"}, summary={"seed": 7}),
        sources, records.companion(), {"01": records.sky_map()},
        {"map 01": picture, "companion": small()}, [("catalog", "catalog/sources.fits")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    path = folder / "report.html"
    write_polarization_report(path, everything(folder))
    return path.read_text()


def test_records_are_sorted_by_source_and_observation(tmp_path: Path) -> None:
    found = everything(tmp_path).sources
    assert [s.name for s in found] == ["pulsar", "lost", "faint"]
    assert list(found[0].observations) == ["01", "02"]
    assert found[0].main["observation"] == "all"
    assert found[1].main is None and found[1].whole is None
    assert found[2].main["observation"] == "01"
    assert list(polarization_figures(found[0])) == ["plane", "energies"]
    assert polarization_figures(found[1]) == {}


def test_all_parts_are_on_the_page(page: str) -> None:
    for part in (
        "Polarization is detected with", "No polarization is detected",
        "Nothing was measured", "Energy bins", "Behaviour", "Joint fit of Stokes spectra",
        "About the source", "How it was measured", "optical companion", "Maps", "Rotations",
        "1 task failed", "Configuration", "Versions", "set:v1 (hold at the date)",
        "the same in all observations", "85.3 ± 3.2 deg/day, at the end of the search",
        "999 simulations", "along tangential directions (10.0 sigma)",
        "100 pixels with enough events, 12 above their MDP99", "by 200 simulations 0.005",
        "tbabs*(polconst*powerlaw)", f"p = 2{TIMES}10⁻³⁰⁷, 37.5 sigma", "optical.ecsv", "Extra.",
        "a swing of 189° by random walks", "probability 0.012 (1000 walks)", "132.0 ± 3.2",
        "supposed it is constant",
        "annulus 150arcsec,300arcsec, scaled by 0.0532",
    ):  # fmt: skip
        assert part in page, part
    for note in ("note of 01", "note of behaviour", "note of annuli", "note of the fit",
                 "note of the map", "note of the companion"):  # fmt: skip
        assert page.count(note) == 1, note
    # two sources' planes and energies, five figures given, a map and the companion
    assert page.count('class="plate"') == 11
    assert 'href="polarization/pulsar.fits"' in page and 'href="catalog/sources.fits"' in page
    assert set(re.findall(r'<script|src="(?!data:)', page)) == {"<script"}
    assert "nan" not in re.sub(r'src="data:[^"]*"', "", page).split("<main")[1].split("<script")[0]


def test_absent_parts_are_left_out() -> None:
    one = PolarizedSourceReport("a", {"01": records.polarization("a")})
    page = render_polarization_report(PolarizationReport(run(), [one]))
    for part in ("Behaviour", "Joint fit", "About the source", "Maps", "optical companion",
                 "Along the assumed angle", "<h2>Files"):  # fmt: skip
        assert part not in page
    assert "Energy bins" in page
    nothing = render_polarization_report(PolarizationReport(run(), []))
    assert "there is nothing to show" in nothing and 'id="summary"' not in nothing


def test_nulls_everywhere_are_no_measurement() -> None:
    record = records.unmeasured(records.polarization(angle=25.0))
    record |= {"mjd_start": None, "mjd_stop": None, "livetime_s": None, "background": None}
    behaviour = {**records.behaviour(), **dict.fromkeys(
        ("constancy", "energy", "rotation", "phases", "companion")
    )}  # fmt: skip
    companion = dict.fromkeys(records.companion()) | {
        "points": [dict.fromkeys(records.companion()["points"][0])]
    }
    empty_map = {**records.sky_map(), "most_significant": None, "bins": []}
    fit = {**records.fit(), "goodness": None, "no_polarization": None, "energy_bins": [],
           "polarization_curve": None, "fluxes": None}  # fmt: skip
    annuli = {**records.radial(), "total_aligned": [], "trials": {"p_global": None}}
    source = PolarizedSourceReport(
        "a", {"01": record}, behaviour={"01": behaviour}, radial={"01": annuli}, fit=fit
    )
    page = render_polarization_report(
        PolarizationReport(run(), [source], companion, {"01": empty_map})
    )
    assert "No polarization could be measured: no net signal." in page
    assert 'class="plate"' not in page
    assert "Behaviour" not in page


def test_names_of_strangers_are_escaped() -> None:
    bad = "<script>x</script>"
    record = records.polarization(bad, bad)
    for name in ("target", "telescope", "region"):
        record[name] = bad
    record |= {"notes": [bad], "responses": {"name": bad, "reason": bad}}
    record["background"]["region"] = bad
    record["bins"][0]["flags"] = [bad]
    fit = records.fit()
    fit["model"]["expression"], fit["notes"] = bad, [bad]
    fit["parameters"] = {bad: fit["parameters"]["polconst.psi"] | {"unit": bad}}
    companion = records.companion() | {"name": bad, "file": bad, "notes": [bad], bad: bad}
    annuli = records.radial(bad, bad) | {"model": bad, "notes": [bad]}
    source = PolarizedSourceReport(
        bad, {bad: record}, behaviour={bad: records.behaviour(bad, bad) | {"notes": [bad]}},
        radial={bad: annuli}, fit=fit, figures={f"angle {bad}": small(), bad: small()},
        files=[(bad, f"{bad}.fits")],
    )  # fmt: skip
    sky = {**records.sky_map(), "notes": [bad]}
    page = render_polarization_report(PolarizationReport(
        run(failures=[{"target": bad, "stage": bad, "cause": bad, "log": bad}]), [source],
        companion, {bad: sky}, {f"map {bad}": small()}, [(bad, "javascript:alert(1)")],
    ))  # fmt: skip
    assert "<script>x" not in page
    assert page.count("&lt;script&gt;x") > 20
    assert 'href="javascript:' not in page


def test_figures_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    source = PolarizedSourceReport(
        "a", {"01": records.polarization("a")}, figures={"angle 01": tmp_path / "gone.png"}
    )
    page = render_polarization_report(PolarizationReport(run(), [source]))
    assert "Figures are missing" in page and "gone.png" in page
    assert page.count('class="plate"') == 2


def test_words_tell_detections_hints_and_limits_apart() -> None:
    def whole(q: float, error: float = 0.01, **more) -> dict:
        return records.bins(edges=(2.0, 8.0), q=(q,), u=(0.0,), error=(error,), **more)[0]

    detected, hint, limit = whole(0.1), whole(0.031), whole(0.015)
    # of a degree above MDP99 the chance may still be that of less than three sigma
    assert 2.58 < hint["significance"] < 3 and hint["pd"] > hint["mdp99"]
    assert [verdict(r) for r in (detected, hint, limit)] == [
        "detected", "above MDP99", "not detected",
    ]  # fmt: skip
    assert f"the degree is 10.0 (+1.0, {MINUS}1.0) %" in next(statements(detected))
    assert "both with intervals of 68.3 %" in next(statements(detected))
    assert "this is no detection" in next(statements(hint))
    (text,) = statements(limit)
    assert f"below {100 * limit['pd_upper_99']:.1f} % with a probability of 99 %" in text
    along = list(statements(whole(0.1, angle=0.0)))
    assert (
        "Along the assumed angle of 0.0° ± 3° the degree is 10.0 ± 1.0 % (10.0 sigma)" in along[1]
    )
    assert verdict({"pd": None}) == "not measured"
    assert list(statements({"pd": None})) == ["No polarization could be measured."]


def test_numbers_have_digits_that_mean_something() -> None:
    assert [percent(v) for v in (0.1234, 0.0123, 0.00123, 0.0, float("nan"))] == [
        "12 %", "1.2 %", "0.12 %", "0 %", DASH,
    ]  # fmt: skip
    low = degree_value({"pd": 0.0227, "pd_lower": 0.0139, "pd_upper": 0.0977})
    assert (low.text, low.upper, low.lower) == ("2.3", "+7.5", f"{MINUS}0.9")
    assert degree_value({"pd": None}).text == DASH
    assert probability_text(float("-inf")) == "<10⁻³⁰⁰"
    assert probability_text(float("nan")) == DASH
    assert probability_text(-6.9e-3) == "0.99"
    assert log_probability_of({"log10_p": -2}) == pytest.approx(-4.60517, rel=1e-5)
    assert log_probability_of({"p": 0.0}) == float("-inf")


def test_key_numbers(tmp_path: Path) -> None:
    keys = {label: (number, remark) for label, number, remark in key_numbers(everything(tmp_path))}
    assert keys["Sources"] == ("3", "2 measured")
    assert keys["Detected"] == ("1", "with 3 sigma or more")
    assert keys["Most significant"][1] == "pulsar"
    assert keys["Failures"] == ("1", "see below")
    empty = dict((k, n) for k, n, _ in key_numbers(PolarizationReport(run(), [])))
    assert empty["Most significant"] == DASH


def test_tables_have_a_cell_a_column() -> None:
    one = records.polarization(angle=25.0)
    flagged = records.unmeasured(one)
    for given in ([one], [one, flagged], [records.polarization()]):
        table = bins_table(given)
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert len(bins_table([one]).rows) == 3  # two bins and all energies
    single = replace_bins(one, one["bins"][:1])
    assert len(bins_table([single]).rows) == 1
    summary = summary_table([("a", one["whole"], 1), ("b", None, 0)])
    assert all(len(row) == len(summary.columns) for row in summary.rows)


def replace_bins(record: dict, bins: list) -> dict:
    return {**record, "bins": bins, "whole": bins[0]}


def test_of_one_observation_the_main_record_is_its_own() -> None:
    one = PolarizedSourceReport("a", {"01": records.polarization("a")})
    assert one.whole == one.observations["01"]["whole"]
    assert replace(one, pooled=records.polarization("a", "all")).main["observation"] == "all"
