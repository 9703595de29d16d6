"""The page of blazars: what it says, and that strangers' text stays text."""

from pathlib import Path
from typing import Any

import pytest

from xsurvey.report import ReportData
from xsurvey.report.blazar import (
    BlazarReport,
    BlazarSourceReport,
    key_numbers,
    render_blazar_report,
)
from xsurvey.report.blazar_tables import spectra_table, spectral_parameters_table
from xsurvey.report.blazar_words import comparison_words, posterior_words, verdict
from xsurvey.report.brightness_profiles import shown
from xsurvey.report.numbers import MINUS

EVIL = "<script>alert(1)</script>"
GRADES = [[2.0, "not worth more than a bare mention"], [6.0, "positive"], [10.0, "strong"]]


def model(name: str, **changed: Any) -> dict[str, Any]:
    """Return a model's row of ``comparison.json``."""
    return {
        "name": name, "fitted": True, "statistic": 20.0, "dof": 18, "p_value": 0.3, "chi2": 19.0,
        "polarization_statistic": 1.0, "free": 5, "predictive_p_value": 0.4, "converged": True,
        "posterior_converged": True, "log_evidence": -20.0, "log_evidence_error": 0.1,
        "ln_bayes": 0.0, "ln_bayes_error": 0.0, "probability": 0.9, "evidence_converged": True,
        "causes": [],
    } | changed  # fmt: skip


def favoured(**changed: Any) -> dict[str, Any]:
    return {
        "name": "a", "over": "b", "ln_bayes": 2.2, "ln_bayes_error": 0.14, "probability": 0.9,
        "grade": "positive", "grades_within_error": ["positive"],
    } | changed  # fmt: skip


def comparison(**changed: Any) -> dict[str, Any]:
    row = {
        "name": "a", "log_evidence": -20.0, "error": 0.1, "ln_bayes": 0.0, "ln_bayes_error": 0.0,
        "probability": 0.9, "converged": True, "changed": ["p"], "cut": [],
    }  # fmt: skip
    return {
        "source": "s", "models": [model("a"), model("b", ln_bayes=-2.2, probability=0.1)],
        "evidence": [
            {"prior_width": 1.0, "models": [row], "favoured": favoured()},
            {"prior_width": 2.0, "models": [row], "favoured": favoured(name="b", over="a")},
        ],
        "scale": {"of": "2 ln B", "reference": "Kass & Raftery 1995", "grades": GRADES},
        "favoured": favoured(), "polarization": [], "notes": [EVIL],
    } | changed  # fmt: skip


def test_words() -> None:
    text = " ".join(comparison_words(comparison()))
    assert "a has a statistic of 20.0 for 18 degrees of freedom and b" in text
    assert "ln B = 2.20 ± 0.14 over b: positive evidence (Kass & Raftery 1995)" in text
    assert "a probability of 0.900" in text
    assert "With flat priors 2 times as wide it is ln B = 2.20 ± 0.14 for b over a" in text
    assert "which model is favoured depends on the priors" in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "a favoured"),
        ({"favoured": None}, "fitted"),
        ({"favoured": favoured(grade=GRADES[0][1])}, "no model favoured"),
        ({"models": [model("a", fitted=False)]}, "not fitted"),
    ],
)
def test_verdicts(changed: dict[str, Any], said: str) -> None:
    assert verdict(comparison(**changed)) == said
    assert verdict(None) == "not fitted"


def test_words_where_there_is_little_to_say() -> None:
    assert list(comparison_words(None)) == ["No model was fitted: see what failed."]
    assert "there are none" in " ".join(comparison_words(comparison(favoured=None)))
    within = favoured(grades_within_error=["not worth more than a bare mention", "positive"])
    text = " ".join(comparison_words(comparison(favoured=within)))
    assert "it is from not worth more than a bare mention to positive" in text


def test_degeneracies_in_words() -> None:
    pairs = [{"first": "p", "second": "q", "correlation": -0.96},
             {"first": "p", "second": "r", "correlation": 0.6}]  # fmt: skip
    chains = {"ess": 1234.6, "r_hat": 1.0042, "converged": True}
    fit = {"degeneracies": {"pairs": pairs}, "predictive": {"p_value": 0.0001},
           "sampler": "mcmc", "diagnostics": chains}  # fmt: skip
    text = " ".join(posterior_words(fit))
    assert "from chains of 1235 independent samples, R-hat at most 1.004." in text
    assert f"p and q ({MINUS}0.96)" in text
    assert "r (" not in text
    assert "less than 0.001" in text
    nested = {"ess": 40.2, "r_hat": None, "converged": False}
    text = " ".join(posterior_words(fit | {"sampler": "nested", "diagnostics": nested}))
    assert "from nested sampling of 40 independent samples; it has not converged." in text
    assert "not sampled" in " ".join(posterior_words({"degeneracies": None, "predictive": None}))


def test_text_of_strangers_is_escaped_and_lost_figures_are_told(tmp_path: Path) -> None:
    points = {
        "source": "s", "position": {"ra": 1.0, "dec": 2.0}, "redshift": 0.3, "object": EVIL,
        "files": [{"name": EVIL, "sha256": ""}], "points": 3, "limits": 0,
        "frequency_min": 1e10, "frequency_max": 1e20, "instruments": {EVIL: 3},
        "polarization": {}, "spectra": [], "notes": [EVIL],
    }  # fmt: skip
    failed = model("c", fitted=False, causes=[EVIL])
    source = BlazarSourceReport(
        "s", points, [], comparison(models=[model("a"), failed]),
        {"models": tmp_path / "lost.png"}, [(EVIL, "blazars/s")],
    )  # fmt: skip
    page = render_blazar_report(BlazarReport(ReportData(EVIL, "blazar", []), [source], 2))
    assert EVIL not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "lost.png: cannot be read" in page
    assert "c was not fitted: " in page


def test_fits_that_are_missing_are_counted() -> None:
    """Those of a source whose tables could not be read, too."""
    report = BlazarReport(ReportData("r", "blazar", []), [BlazarSourceReport("s")], 2)
    numbers = {label: (number, remark) for label, number, remark in key_numbers(report)}
    assert numbers["Fits"] == ("0", "of 2")
    assert numbers["Sources"] == ("1", "0 fitted")


def test_small_numbers_have_errors_of_their_size() -> None:
    norm = {"value": 1.92e-4, "lower": 1.79e-4, "upper": 2.16e-4}
    cell = shown(norm)
    assert (cell.text, cell.upper, cell.lower) == ("1.92e-4", "+0.24e-4", f"{MINUS}0.13e-4")
    assert shown(norm | {"lower": None, "upper": None}).upper == ""


def test_where_points_of_spectra_are_from() -> None:
    origin = {
        "instrument": "CCD", "spectra": ["a.pha", "b.pha"], "model": EVIL, "absorption": [],
        "energy_min": 0.5, "energy_max": 7.0, "converged": True, "points": 6, "limits": 1,
        "statistic": {"name": "cstat", "value": 90.04, "dof": 81},
        "goodness": {"p_value": 0.25},
        "parameters": {"powerlaw.PhoIndex": {
            "value": 1.9, "lower": 1.8, "upper": 2.0, "unit": "", "frozen": False,
        }},
    }  # fmt: skip
    (row,) = spectra_table({"spectra": [origin]}).rows
    assert [getattr(cell, "text", cell) for cell in row] == [
        "CCD", "a.pha, b.pha", EVIL, "none", "0.5 to 7", "cstat", "90.0 / 81", "0.250", "6", "1",
    ]  # fmt: skip
    (parameter,) = spectral_parameters_table({"spectra": [origin]}).rows
    assert parameter[:2] == ["CCD", "powerlaw.PhoIndex"]
    for nothing in (None, {"spectra": []}):
        assert not spectra_table(nothing).rows
        assert not spectral_parameters_table(nothing).rows
