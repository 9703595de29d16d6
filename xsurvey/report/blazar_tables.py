"""Numbers of fitted models of blazars as tables of their page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from xsurvey.report.blazar_words import with_error
from xsurvey.report.brightness_profiles import shown
from xsurvey.report.numbers import DASH, MINUS, Value, asymmetric, fixed, plain
from xsurvey.report.table_text import TableText, number_of

Record = Mapping[str, Any]


def data_table(points: Record | None) -> TableText:
    """Return the instruments of a source with their points."""
    if points is None:
        return TableText()
    rows = [[name, plain(number, 0)] for name, number in points["instruments"].items()]
    return TableText([("Instrument", ""), ("Points and limits", "")], rows)


def spectra_table(points: Record | None) -> TableText:
    """Return a row for the spectra of each instrument that points were made of."""
    if points is None or not points["spectra"]:
        return TableText()
    columns = [
        ("Instrument", ""), ("Spectra", ""), ("Model", ""), ("Without absorption by", ""),
        ("Energies", "keV"), ("Statistic", ""), ("Value / d.o.f.", ""), ("p", ""), ("Points", ""),
        ("Limits", ""),
    ]  # fmt: skip
    rows: list[list[str | Value]] = []
    for one in points["spectra"]:
        statistic = one["statistic"]
        value = f"{fixed(statistic['value'], 1)} / {statistic['dof']}"
        rows.append([
            one["instrument"], ", ".join(one["spectra"]), one["model"],
            ", ".join(one["absorption"]) or "none",
            f"{one['energy_min']:.3g} to {one['energy_max']:.3g}", statistic["name"],
            Value(value, sort=statistic["value"]), _chance(one["goodness"] or {}, "p_value"),
            plain(one["points"], 0), plain(one["limits"], 0),
        ])  # fmt: skip
    return TableText(columns, rows)


def spectral_parameters_table(points: Record | None) -> TableText:
    """Return the parameters of the models that were fitted to spectra."""
    rows: list[list[str | Value]] = [
        [one["instrument"], name, shown(record), str(record["unit"] or DASH)]
        for one in (points or {}).get("spectra", ())
        for name, record in one["parameters"].items()
    ]
    columns = [("Instrument", ""), ("Parameter", ""), ("Value", ""), ("Unit", "")]
    return TableText(columns, rows) if rows else TableText()


def models_table(comparison: Record | None) -> TableText:
    """Return a row a model: best fit and evidence."""
    if comparison is None:
        return TableText()
    columns = [
        ("Model", ""), ("Statistic / d.o.f.", ""), ("p", ""), ("Of fluxes", ""),
        ("Of polarization", ""), ("Free", ""), ("Predictive p", ""), ("ln Z", ""), ("ln B", ""),
        ("Probability", ""),
    ]  # fmt: skip
    rows: list[list[str | Value]] = []
    for row in comparison["models"]:
        if not row["fitted"]:
            rows.append([row["name"], Value("not fitted"), *[Value(DASH)] * 8])
            continue
        statistic = Value(f"{fixed(row['statistic'], 1)} / {row['dof']}", sort=row["statistic"])
        rows.append([
            row["name"], statistic, _chance(row, "p_value"), plain(number_of(row, "chi2"), 1),
            plain(number_of(row, "polarization_statistic"), 1), plain(number_of(row, "free"), 0),
            _chance(row, "predictive_p_value"),
            _with_error(row, "log_evidence", "log_evidence_error"),
            _with_error(row, "ln_bayes", "ln_bayes_error"), _chance(row, "probability"),
        ])  # fmt: skip
    return TableText(columns, rows)


def evidence_table(comparison: Record | None) -> TableText:
    """Return a row a width of the priors and a model."""
    if comparison is None or not comparison["evidence"]:
        return TableText()
    columns = [
        ("Model", ""), ("Width of flat priors", ""), ("ln Z", ""), ("ln B", ""),
        ("Probability", ""), ("Priors that changed", ""), ("Cut at hard limits", ""),
    ]  # fmt: skip
    rows: list[list[str | Value]] = [
        [
            model["name"], Value(f"{one['prior_width']:g}", sort=one["prior_width"]),
            _with_error(model, "log_evidence", "error"),
            _with_error(model, "ln_bayes", "ln_bayes_error"), _chance(model, "probability"),
            ", ".join(model["changed"]) or DASH, ", ".join(model["cut"]) or DASH,
        ]
        for one in comparison["evidence"] for model in one["models"]
    ]  # fmt: skip
    return TableText(columns, rows)


def polarization_table(comparison: Record | None) -> TableText:
    """Return the degrees of all models at each measurement."""
    if comparison is None or not comparison["polarization"]:
        return TableText()
    columns = [
        ("Model", ""), ("Frequency", "Hz"), ("Instrument", ""), ("Kind", ""), ("Degree", "%"),
        ("Angle", "deg"), ("Statistic", ""),
    ]  # fmt: skip
    rows: list[list[str | Value]] = []
    for row in comparison["polarization"]:
        frequency = Value(f"{row['frequency']:.3g}", sort=row["frequency"])
        for name, model in row["models"].items():
            rows.append([
                name, frequency, row["instrument"] or DASH, row["kind"],
                _interval(model["degree"], 100.0), _interval(model["angle"], 1.0),
                plain(model["statistic"], 2),
            ])  # fmt: skip
    return TableText(columns, rows)


def parameters_table(fit: Record) -> TableText:
    """Return all parameters of a model, and what follows from them."""
    first = next(
        (p["confidence"] for p in fit["parameters"].values() if p["confidence"] is not None), None
    )
    level = "" if first is None else f" with {100 * first:.4g} %"
    columns = [("Parameter", ""), (f"Value{level}", ""), ("Best fit", ""), ("Unit", "")]
    rows: list[list[str | Value]] = [
        [name, shown(one), _number(one.get("best_fit")), str(one["unit"] or DASH)]
        for kind in ("parameters", "derived") for name, one in fit[kind].items()
    ]  # fmt: skip
    return TableText(columns, rows)


def priors_table(fit: Record) -> TableText:
    """Return the priors of all free parameters."""
    columns = [
        ("Parameter", ""), ("Prior", ""), ("Shape", ""), ("Hard limits", ""), ("Of", ""),
        ("Unit", ""), ("What it is", ""),
    ]  # fmt: skip
    rows: list[list[str | Value]] = [
        [
            one["parameter"], str(one["prior"]), one["shape"],
            f"{one['minimum']:g} to {one['maximum']:g}", f"the {one['origin']}",
            one["unit"] or DASH, one["description"] or DASH,
        ]
        for one in fit["priors"]
    ]  # fmt: skip
    return TableText(columns, rows)


def degeneracy_table(fit: Record) -> TableText:
    """Return the pairs of parameters that depend most on each other."""
    pairs = (fit.get("degeneracies") or {}).get("pairs") or []
    rows: list[list[str | Value]] = [
        [p["first"], p["second"], plain(number_of(p, "correlation"), 2)] for p in pairs
    ]
    return TableText([("Parameter", ""), ("Parameter", ""), ("Correlation", "")], rows)


def _with_error(row: Record, name: str, error: str) -> Value:
    value, sigma = number_of(row, name), number_of(row, error)
    if not math.isfinite(value):
        return Value(DASH)
    if not (math.isfinite(sigma) and sigma > 0):
        return Value(fixed(value, 1), sort=value)
    return Value(with_error(value, sigma), sort=value)


def _chance(row: Record, name: str) -> Value:
    value = number_of(row, name)
    if not math.isfinite(value):
        return Value(DASH)
    return Value(f"{value:.3f}" if value >= 0.001 else f"{value:.1e}", sort=value)


def _interval(record: Record | None, factor: float) -> Value:
    if record is None:
        return Value(DASH)
    value, low, high = (factor * number_of(record, n) for n in ("value", "lower", "upper"))
    return asymmetric(value, low, high)


def _number(value: float | None) -> Value:
    if value is None:
        return Value(DASH)
    return Value(f"{MINUS if value < 0 else ''}{abs(value):.5g}", sort=value)
