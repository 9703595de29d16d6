"""Spectra on the page."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from xsurvey.errors import InputError
from xsurvey.report import ReportData
from xsurvey.report.build import render_report
from xsurvey.report.data import SpectrumReport, TargetReport
from xsurvey.report.numbers import DASH, MINUS, TIMES
from xsurvey.report.spectra import interval, spectra_page

FLUX = {"value": 2e-13, "lower": 1e-13, "upper": 4e-13, "energy_min": 0.5, "energy_max": 7.0}


def parameter(value: float, unit: str = "", frozen: bool = False) -> dict[str, Any]:
    return {"value": value, "lower": 0.9 * value, "upper": 1.2 * value, "unit": unit,
            "frozen": frozen}  # fmt: skip


def spectrum(name: str = "nebula", number: int = 0, **more: Any) -> SpectrumReport:
    fit = {
        "parameters": {
            "tbabs.nH": parameter(0.9, "10^22"), "powerlaw.PhoIndex": parameter(2.0),
            "apec.Redshift": parameter(0.5, frozen=True), "powerlaw.norm": parameter(3e-4),
            "apec.norm": parameter(2.0),
        },
        "flux": {"unabsorbed": FLUX}, "confidence": 0.9, "goodness": {"sigma": 5.25},
        "statistic": {"name": "wstat", "value": 31.25, "dof": 29},
    }  # fmt: skip
    settings: dict[str, Any] = {
        "name": name, "number": number, "model": "tbabs*(powerlaw+apec)", "status": "fitted",
        "cause": "", "fit": fit, "counts": 120.0, "net_counts": 100.4, "area": 1e-3,
    }  # fmt: skip
    return SpectrumReport(**{**settings, **more})


def plain(text: str) -> str:
    """Return a text with the signs of a keyboard."""
    return text.replace(MINUS, "-").replace(TIMES, "x").replace(DASH, "-")


def test_sampled_fits_are_counted() -> None:
    sampled = spectrum("source_0003", 3)
    assert sampled.fit is not None
    page = spectra_page(
        [spectrum(), dataclasses.replace(sampled, fit={**sampled.fit, "method": "mcmc"})], 0
    )
    assert page is not None
    assert page.sampled == 1


def test_rows_of_fits() -> None:
    page = spectra_page([spectrum(), spectrum("source_0003", 3)], 0)
    assert page is not None
    row, source = page.rows
    assert [(name, unit) for name, _, unit in row.parameters] == [
        ("nH", "10²² cm⁻²"), ("PhoIndex", ""), ("powerlaw.norm", ""), ("apec.norm", ""),
    ]  # fmt: skip
    assert row.counts.text == "100"
    assert (row.flux.text, row.flux.upper, plain(row.flux.lower)) == ("0.20", "+0.20", "-0.10")
    assert row.statistic == "wstat 31.2 / 29"
    assert row.poor == "5.2 sigma too large"
    assert (row.label, source.label) == ("nebula", "source 3")
    assert (page.confidence, page.flux_band) == ("90%", f"0.5{DASH}7 keV")


def test_what_has_no_fit_has_a_reason() -> None:
    failed = spectrum(status="failed", cause="did not converge", fit=None, net_counts=None)
    piled_up = spectrum("source_0001", 1, status="piled_up", cause="too bright", fit=None)
    page = spectra_page([failed, piled_up], 3)
    assert page is not None
    assert [(r.problem, r.cause) for r in page.rows] == [
        ("failed", "did not converge"), ("piled up", "too bright"),
    ]  # fmt: skip
    assert page.rows[0].parameters == []
    assert page.rows[0].flux.text == page.rows[0].counts.text == DASH
    assert (page.confidence, page.pictures) == ("", [])


def test_no_spectra_no_section() -> None:
    assert spectra_page([], 5) is None


@pytest.mark.parametrize(
    ("record", "texts"),
    [
        ((1.8043, 1.7775, 1.8309), ("1.804", "+0.027", "-0.027")),
        ((3.27e-4, 2.87e-4, 3.74e-4), ("3.27 x 10⁻⁴", "+0.47", "-0.40")),
        ((4.2e6, 4.0e6, 4.5e6), ("4.20 x 10⁶", "+0.30", "-0.20")),
        ((0.0, 0.0, 0.04), ("0.000", "+0.040", "-0.000")),
        ((0.0, 0.0, 0.0), ("0.00", "+0.00", "-0.00")),
        ((1.5, None, None), ("1.500", "", "")),
        ((float("nan"), None, None), ("-", "", "")),
        ((-2.0, -2.5, -1.0), ("-2.00", "+1.00", "-0.50")),
    ],
)
def test_values_have_the_digits_of_their_errors(record: tuple[Any, ...], texts: Any) -> None:
    found = interval(dict(zip(("value", "lower", "upper"), record, strict=True)), 1.0)
    assert (plain(found.text), found.upper, plain(found.lower)) == texts


def test_figures_are_embedded_up_to_the_limit(tmp_path: Path) -> None:
    figure = tmp_path / "fit.png"
    figure.write_bytes(b"\x89PNG of a fit")
    many = [spectrum(f"r{i}", figure=figure) for i in range(4)]
    page = spectra_page(many, 3)
    assert page is not None
    assert len(page.pictures) == 3
    assert page.pictures[0].src.startswith("data:image/png;base64,")
    assert "100 net of 120 counts; 3.6 arcmin²" in page.pictures[0].caption
    figure.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        spectra_page(many, 3)


def test_what_strangers_wrote_is_escaped(target: TargetReport) -> None:
    evil = "<script>alert(1)</script>"
    bad = spectrum(evil, model=evil, notes=(evil,), approximate=True,
                   responses={"arf": f"of (approximate: {evil})"})  # fmt: skip
    failed = spectrum(evil, status="failed", cause=evil, fit=None)
    shown = dataclasses.replace(target, spectra=[bad, failed])
    page = render_report(ReportData(title="t", pipeline="sources", targets=[shown]))
    assert evil not in page
    assert page.count("&lt;script&gt;alert(1)") >= 5
    assert "Approximate responses" in page
    assert 'href="#t1-spectra"' in page


def test_the_table_stays_where_pictures_cannot_be_read(target: TargetReport) -> None:
    shown = dataclasses.replace(target, counts=Path("gone.fits"), spectra=[spectrum()])
    page = render_report(ReportData(title="t", pipeline="sources", targets=[shown]))
    assert "gone.fits" in page
    assert "wstat 31.2 / 29" in page


def test_figures_of_few_sources_are_shown_beside_those_of_regions(tmp_path: Path) -> None:
    figure = tmp_path / "fit.png"
    figure.write_bytes(b"\x89PNG of a fit")
    many = [spectrum(f"source_{i}", i, figure=figure) for i in range(1, 20)]
    page = spectra_page([spectrum("region", figure=figure), *many], 30)
    assert page is not None
    assert [p.label for p in page.pictures] == ["region", *(f"source {i}" for i in range(1, 9))]
