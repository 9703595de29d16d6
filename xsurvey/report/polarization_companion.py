"""An optical companion of polarized sources as a page shows it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xsurvey.report.numbers import DASH, Value, fixed, plain
from xsurvey.report.page import Picture
from xsurvey.report.polarization_tables import with_error
from xsurvey.report.polarization_words import log_probability_of, percent, probability_text
from xsurvey.report.table_text import TableText, number_of


@dataclass(frozen=True)
class CompanionPart:
    """What the template shows of an optical companion."""

    name: str
    facts: Sequence[tuple[str, str]] = ()
    points: TableText = field(default_factory=TableText)
    rotations: TableText = field(default_factory=TableText)
    notes: Sequence[str] = ()
    picture: Picture | None = None


def companion_part(
    record: Mapping[str, Any] | None, picture: Picture | None
) -> CompanionPart | None:  # fmt: skip
    """Return what is shown of a companion, None without one.

    Parameters
    ----------
    record : mapping or None
        ``companion.json``.
    picture : Picture or None
    """
    if not record:
        return None
    return CompanionPart(
        str(record.get("name") or "companion"), list(_facts(record)), points_table(record),
        rotations_table(record), list(record.get("notes") or []), picture,
    )  # fmt: skip


def points_table(record: Mapping[str, Any]) -> TableText:
    """Return the measurements of a companion."""
    columns = [
        ("MJD", ""), ("Degree", "%"), ("debiased", "%"), ("Angle", "deg"),
        ("with half turns", "deg"), ("Probability of the step", ""),
    ]  # fmt: skip
    rows: list[list[str | Value]] = []
    for one in record.get("points") or []:
        debiased = number_of(one, "pd_debiased")
        rows.append([
            _date(one, "mjd"), _percents(one, "pd", "pd_err"),
            Value(percent(debiased).removesuffix(" %"), sort=debiased),
            with_error(number_of(one, "pa_deg"), number_of(one, "pa_err_deg")),
            plain(number_of(one, "pa_resolved_deg"), 1),
            plain(number_of(one, "branch_probability"), 3),
        ])  # fmt: skip
    return TableText(columns, rows)


def rotations_table(record: Mapping[str, Any]) -> TableText:
    """Return the rotations of a companion."""
    columns = [
        ("From", "MJD"), ("To", "MJD"), ("Amplitude", "deg"), ("Rate", "deg/day"),
        ("Probability of half turns", ""),
    ]  # fmt: skip
    rows: list[list[str | Value]] = [
        [
            _date(one, "mjd_start"), Value(_date(one, "mjd_stop")),
            with_error(number_of(one, "amplitude_deg"), number_of(one, "amplitude_err_deg")),
            with_error(number_of(one, "rate_deg_per_day"), number_of(one, "rate_err")),
            plain(number_of(one, "branch_probability"), 3),
        ]
        for one in record.get("episodes") or []
    ]  # fmt: skip
    return TableText(columns, rows)


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if record.get("file"):
        yield "file", str(record["file"])
    points = record.get("points") or []
    if points:
        yield "measurements", f"{len(points)}"
    mean, walks = record.get("mean") or {}, record.get("walks") or {}
    degree, scatter = (number_of(mean, n) for n in ("mean_pd_debiased", "scatter_pd"))
    if math.isfinite(degree):
        text = percent(degree)
        if math.isfinite(scatter):
            text += f", with a scatter of {percent(scatter)}"
        yield "mean degree", text
    if math.isfinite(number_of(mean, "pd")):
        yield "degree of mean Q and U", f"{_percents(mean, 'pd', 'pd_err').text} %"
    constancy = mean.get("constancy")
    if constancy:
        chance = probability_text(log_probability_of(constancy))
        yield "supposed it is constant", f"p = {chance}"
    path, open_steps = number_of(record, "path_probability"), number_of(record, "ambiguous_steps")
    if math.isfinite(path):
        text = f"{path:.3g}"
        if open_steps > 0:
            text += f", {open_steps:.0f} steps are open"
        yield "probability of all half turns", text
    rate = number_of(record, "change_rate")
    if math.isfinite(rate):
        yield "wandering of the angle", f"{rate:.3g} deg in the root of a day"
    yield from _walks(walks)


def _walks(walks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what random walks say of its rotation."""
    number = number_of(walks, "walks")
    of = f" ({number:.0f} walks)" if math.isfinite(number) else ""
    swing = number_of(walks, "swing_deg")
    large = f"a swing of {fixed(swing, 0)}°" if math.isfinite(swing) else "as large a swing"
    for name, what in (("p_swing", large), ("p_rate", "as steady a rotation")):
        chance = number_of(walks, name)
        if math.isfinite(chance):
            text = probability_text(math.log(chance) if chance > 0 else -math.inf)
            least = math.isfinite(number) and chance <= 1.5 / (1 + number)
            at_most = " at most" if least else ""
            yield f"{what} by random walks", f"probability{at_most} {text}{of}"


def _percents(one: Mapping[str, Any], name: str, error: str) -> Value:
    return with_error(100 * number_of(one, name), 100 * number_of(one, error))


def _date(one: Mapping[str, Any], name: str) -> str:
    value = number_of(one, name)
    return f"{value:.3f}" if math.isfinite(value) else DASH
