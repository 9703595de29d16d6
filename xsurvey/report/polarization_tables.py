"""Numbers of polarized sources as tables: bins, tests, fits, annuli."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xsurvey.report.numbers import DASH, Value, decimals_of, fixed, plain
from xsurvey.report.polarization_words import (
    angle_value,
    degree_value,
    log_probability_of,
    percent,
    probability_text,
    verdict,
)
from xsurvey.report.stokes_plane import energy_label
from xsurvey.report.table_text import TableText, number_of

TOGETHER = "all together"
_HUNDRED = 100.0


def with_error(value: float, error: float) -> Value:
    """Return a value with a symmetric error."""
    if not math.isfinite(value):
        return Value(DASH)
    if not (math.isfinite(error) and error > 0):
        return plain(value, 2)
    decimals = decimals_of(error)
    return Value(f"{fixed(value, decimals)} ± {fixed(error, decimals)}", sort=value)


def summary_table(
    sources: Sequence[tuple[str, Mapping[str, Any] | None, int]],
) -> TableText:
    """Return a row a source: its name, the record of all energies, the number of observations."""
    columns = [
        ("Source", ""), ("Observations", ""), ("Energy", ""), ("Counts", ""), ("Degree", "%"),
        ("Below, at 99%", "%"), ("Angle", "deg"), ("Significance", "sigma"), ("MDP99", "%"),
        ("Polarization", ""),
    ]  # fmt: skip
    rows: list[list[str | Value]] = []
    for name, whole, observations in sources:
        if whole is None:
            rows.append([name, *[Value(DASH)] * 8, "not measured"])
            continue
        rows.append([
            name, plain(observations, 0), Value(energy_label(whole)),
            plain(number_of(whole, "counts"), 0), *_degree_cells(whole), angle_value(whole),
            _sigma(whole, "significance"), _percent(whole, "mdp99"), verdict(whole),
        ])  # fmt: skip
    return TableText(columns, rows)


def bins_table(records: Sequence[Mapping[str, Any]]) -> TableText:
    """Return the energy bins of records of a source, a row a bin.

    Parameters
    ----------
    records : sequence of mapping
        Each with ``observation`` and ``bins``; ``whole`` is a row too where it is none of them.
    """
    every = [(_observation(r), b) for r in records for b in _bins(r)]
    background = any(b.get("background_counts") is not None for _, b in every)
    known = any(b.get("known_angle") for _, b in every)
    flagged = any(b.get("flags") for _, b in every)
    assumed = [("Along assumed angle", "%"), ("Significance of this", "sigma")]
    columns = [
        ("Observation", ""), ("Energy", ""), ("Counts", ""),
        *([("Background", "counts")] if background else []), ("Q/I", "%"), ("U/I", "%"),
        ("Degree", "%"), ("Below, at 99%", "%"), ("Angle", "deg"), ("Significance", "sigma"),
        ("MDP99", "%"), *(assumed if known else []),
        *([("Flags", "")] if flagged else []),
    ]  # fmt: skip
    rows: list[list[str | Value]] = []
    for name, one in every:
        along = one.get("known_angle") or {}
        rows.append([
            name, Value(energy_label(one)), plain(number_of(one, "counts"), 0),
            *([plain(number_of(one, "background_counts"), 0)] if background else []),
            _stokes(one, "q"), _stokes(one, "u"), *_degree_cells(one), angle_value(one),
            _sigma(one, "significance"), _percent(one, "mdp99"),
            *([_along(along), _sigma(along, "significance")] if known else []),
            *([", ".join(str(f).replace("_", " ") for f in one.get("flags") or [])]
              if flagged else []),
        ])  # fmt: skip
    return TableText(columns, rows)


def _bins(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    bins, whole = list(record.get("bins") or []), record.get("whole")
    return [*bins, whole] if whole and len(bins) > 1 else bins or ([whole] if whole else [])


def _observation(record: Mapping[str, Any]) -> str:
    name = str(record.get("observation") or "")
    return TOGETHER if name == "all" else name


def _degree_cells(one: Mapping[str, Any]) -> tuple[Value, Value]:
    return degree_value(one), _percent(one, "pd_upper_99")


def _percent(one: Mapping[str, Any], name: str) -> Value:
    value = number_of(one, name)
    return Value(percent(value).removesuffix(" %"), sort=value)


def _sigma(one: Mapping[str, Any], name: str) -> Value:
    return plain(number_of(one, name), 1)


def _stokes(one: Mapping[str, Any], name: str) -> Value:
    variance = number_of(one, f"{name}_norm_variance")
    error = _HUNDRED * math.sqrt(variance) if variance > 0 else math.nan
    return with_error(_HUNDRED * number_of(one, f"{name}_norm"), error)


def _along(along: Mapping[str, Any]) -> Value:
    return with_error(_HUNDRED * number_of(along, "pd"), _HUNDRED * number_of(along, "pd_err"))


def behaviour_table(
    behaviour: Mapping[str, Mapping[str, Any]], pooled: Mapping[str, Any] | None
) -> TableText:
    """Return tests of how polarization behaves, a row a test of an observation.

    Parameters
    ----------
    behaviour : mapping of str to mapping
        By observation: ``constancy``, ``energy``, ``rotation``, ``phases``, ``companion``.
    pooled : mapping or None
        The record of all observations, whose ``constancy`` compares them.
    """
    columns = [
        ("Observation", ""), ("Supposed", ""), ("Found", ""), ("Statistic / d.o.f.", ""),
        ("Probability", ""), ("Significance", "sigma"), ("By", ""),
    ]  # fmt: skip
    rows: list[list[str | Value]] = []
    between = (pooled or {}).get("constancy") or {}
    if between.get("whole"):
        rows.append([TOGETHER, "the same in all observations", "", *_test_cells(between["whole"])])
    for name, record in behaviour.items():
        rows += [
            [name, what, found, *_test_cells(test)] for what, found, test in _tests(record)
        ]  # fmt: skip
    return TableText(columns, rows)


def _test_cells(test: Mapping[str, Any]) -> tuple[Value, Value, Value, str]:
    statistic, dof = number_of(test, "statistic"), number_of(test, "dof")
    value = Value(DASH)
    if math.isfinite(statistic):
        text = fixed(statistic, 1) + (f" / {dof:.0f}" if math.isfinite(dof) else "")
        value = Value(text, sort=statistic)
    sigma = number_of(test, "sigma")
    if not math.isfinite(sigma):
        sigma = number_of(test, "significance")
    trials, method = number_of(test, "trials"), str(test.get("method") or "chi-squared")
    if math.isfinite(trials) and trials > 0 and method != "chi-squared":
        method = f"{trials:.0f} {method}"
    chance = probability_text(log_probability_of(test))
    return value, Value(chance), plain(sigma, 1), method


def _tests(record: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield the tests of an observation: what is tested, what was found, the test."""
    for name, what in (
        ("constancy", "the same at all times"), ("energy", "the same at all energies"),
        ("phases", "the same at all pulse phases"),
    ):  # fmt: skip
        test = record.get(name)
        if test:
            bins = number_of(test, "bins")
            yield what, f"{bins:.0f} bins" if math.isfinite(bins) else "", test
    rotation = record.get("rotation")
    if rotation:
        yield "a constant angle, against rotation", _rotation(rotation), rotation
        if rotation.get("polarized"):
            yield (
                "no polarization at any rate of rotation (all rates of the search counted)",
                "",
                rotation["polarized"],
            )
    companion = record.get("companion")
    if companion:
        for name, what in (
            ("along", "no polarization along the companion's angle"),
            ("free_angle", "no polarization at a fixed angle from the companion's"),
        ):
            test = companion.get(name)
            if test:
                yield what, _left(test, name == "free_angle"), test


def _rotation(record: Mapping[str, Any]) -> str:
    rate = with_error(number_of(record, "rate_deg_per_day"), number_of(record, "rate_err"))
    degree = with_error(_HUNDRED * number_of(record, "pd"), _HUNDRED * number_of(record, "pd_err"))
    rest = percent(number_of(record, "pd_at_rest"))
    edge = ", at the end of the search" if record.get("at_edge") else ""
    return f"{rate.text} deg/day{edge}: degree {degree.text} %, without rotation {rest}"


def _left(record: Mapping[str, Any], angle: bool) -> str:
    degree = with_error(_HUNDRED * number_of(record, "pd"), _HUNDRED * number_of(record, "pd_err"))
    text = f"degree {degree.text} %"
    limit = number_of(record, "pd_upper_99")
    if math.isfinite(limit):
        text += f", below {percent(limit)} (99 %)"
    if angle and math.isfinite(number_of(record, "pa_deg")):
        text += f", {angle_value(record).text}° from it"
    return text


def annuli_table(record: Mapping[str, Any]) -> TableText:
    """Return the cells of a polarization profile."""
    annuli = record.get("annuli") or []
    sectors = len({one.get("angle_min") for one in annuli}) > 1
    several = len({one.get("energy_min") for one in annuli}) > 1
    columns = [
        ("Radius", "arcmin"), *([("Sector", "deg")] if sectors else []),
        *([("Energy", "")] if several else []), ("Counts", ""), ("Q'/I", "%"), ("U'/I", "%"),
        ("Degree", "%"), ("MDP99", "%"), ("Significance", "sigma"),
    ]  # fmt: skip
    rows: list[list[str | Value]] = []
    for one in annuli:
        cells = []
        for name in ("q", "u"):
            variance = number_of(one, f"aligned_{name}_norm_variance")
            error = math.sqrt(variance) if variance > 0 else math.nan
            value = _HUNDRED * number_of(one, f"aligned_{name}_norm")
            cells.append(with_error(value, _HUNDRED * error))
        rows.append([
            f"{one['radius_min'] / 60:.3g}{DASH}{one['radius_max'] / 60:.3g}",
            *([Value(f"{one['angle_min']:g}{DASH}{one['angle_max']:g}")] if sectors else []),
            *([Value(energy_label(one))] if several else []), plain(number_of(one, "counts"), 0),
            *cells,
            with_error(_HUNDRED * number_of(one, "aligned_pd"),
                       _HUNDRED * number_of(one, "aligned_pd_err")),
            _percent(one, "mdp99"), _sigma(one, "aligned_significance"),
        ])  # fmt: skip
    return TableText(columns, rows)
