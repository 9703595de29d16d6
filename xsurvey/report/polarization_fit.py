"""A joint fit of Stokes spectra as a page shows it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xsurvey.report.brightness_profiles import FitRow, shown
from xsurvey.report.numbers import Value, fixed, plain
from xsurvey.report.polarization_tables import with_error
from xsurvey.report.polarization_words import log_probability_of, probability_text
from xsurvey.report.stokes_plane import energy_label
from xsurvey.report.table_text import TableText, number_of


@dataclass(frozen=True)
class FitPage:
    """What is shown of a joint fit.

    Attributes
    ----------
    fits : sequence of FitRow
        The model with its parameters.
    lines : sequence of str
        How it compares with simpler ones.
    bins : TableText
        Degree and angle by energy.
    notes : sequence of str
    """

    fits: Sequence[FitRow] = ()
    lines: Sequence[str] = ()
    bins: TableText = field(default_factory=TableText)
    notes: Sequence[str] = ()


def fit_page(record: Mapping[str, Any] | None) -> FitPage | None:
    """Return what is shown of the record of a joint fit, None without one.

    Parameters
    ----------
    record : mapping or None
        As ``xsurvey polarization fit --json`` writes it.
    """
    if not record:
        return None
    statistic, model = record.get("statistic") or {}, record.get("model") or {}
    parameters = [
        (str(name), shown(one), str(one.get("unit") or ""))
        for name, one in (record.get("parameters") or {}).items()
    ] + list(_fluxes(record))  # fmt: skip
    value, dof = number_of(statistic, "value"), number_of(statistic, "dof")
    text = "" if not math.isfinite(value) else (
        f"{statistic.get('name', '')} {fixed(value, 1)} / {dof:.0f}"
    )  # fmt: skip
    row = FitRow("I, Q and U", str(model.get("expression") or ""), parameters, text)
    return FitPage([row], list(_lines(record)), _bins(record), list(record.get("notes") or []))


def _fluxes(record: Mapping[str, Any]) -> Iterator[tuple[str, Value, str]]:
    for one in record.get("fluxes") or []:
        yield f"flux {energy_label(one)}", shown(one), str(one.get("unit") or "")


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    goodness = record.get("goodness") or {}
    chance = number_of(goodness, "p_value")
    if math.isfinite(chance):
        yield f"Of spectra of this model {100 * chance:.2g} % are fitted worse."
    for name, text in (
        ("no_polarization", "Without polarization"),
        ("constant_polarization", "With the same polarization at all energies"),
    ):
        one = record.get(name)
        if not one:
            continue
        delta, dof = number_of(one, "delta"), number_of(one, "dof")
        sigma = fixed(number_of(one, "significance"), 1)
        p = probability_text(log_probability_of(_base_ten(one)))
        yield (
            f"{text} the statistic is {fixed(delta, 1)} larger for {dof:.0f} parameters less: "
            f"p = {p}, {sigma} sigma."
        )


def _base_ten(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a comparison with the logarithm of its probability alone, which never underflows."""
    if record.get("log10_p") is None:
        return record
    return {"log10_p": record["log10_p"]}


def _bins(record: Mapping[str, Any]) -> TableText:
    rows: list[list[str | Value]] = []
    for one in record.get("energy_bins") or []:
        rows.append([
            energy_label(one),
            with_error(100 * number_of(one, "pd"), 100 * number_of(one, "pd_err")),
            with_error(number_of(one, "pa_deg"), number_of(one, "pa_err_deg")),
            plain(number_of(one, "significance"), 1),
        ])  # fmt: skip
    columns = [("Energy", ""), ("Degree", "%"), ("Angle", "deg"), ("Significance", "sigma")]
    return TableText(columns, rows)
