"""Brightness profiles of named places on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xsurvey.errors import InputError
from xsurvey.report.data import ProfileReport
from xsurvey.report.numbers import Value, asymmetric, en_dashes, fixed
from xsurvey.report.plate import data_uri


@dataclass(frozen=True)
class FitRow:
    """A fit of a profile: parameters are name, value with errors, unit."""

    of: str
    model: str
    parameters: list[tuple[str, Value, str]]
    statistic: str


@dataclass(frozen=True)
class ProfileCard:
    """What is shown of a place: pictures as ``src``, empty where there are none."""

    name: str
    problem: str = ""
    image: str = ""
    figure: str = ""
    caption: str = ""
    fits: list[FitRow] = field(default_factory=list)
    notes: Sequence[str] = ()
    files: Sequence[tuple[str, str]] = ()


def profile_cards(profiles: Sequence[ProfileReport], pictures: bool) -> list[ProfileCard]:
    """Return what is shown of the profiles of a target.

    Parameters
    ----------
    profiles : sequence of ProfileReport
    pictures : bool
        Whether there is room for them.

    Raises
    ------
    InputError
        A picture cannot be read.
    """
    return [_card(one, pictures) for one in profiles]


def _card(one: ProfileReport, pictures: bool) -> ProfileCard:
    if one.record is None:
        return ProfileCard(one.name, one.problem or "no profile was measured")
    record = one.record
    return ProfileCard(
        one.name, image=png_source(one.image) if pictures else "",
        figure=png_source(one.figure) if pictures else "", caption=_caption(record),
        fits=list(fit_rows(record)), notes=record.get("notes", []), files=one.files,
    )  # fmt: skip


def _caption(record: Mapping[str, Any]) -> str:
    band = record.get("band")
    energies = en_dashes(f", {band[0]:g}-{band[1]:g} keV") if band else ""
    masked = record.get("masked", {}).get("sources", 0)
    cut = f" {masked} source{'s' if masked != 1 else ''} masked." if masked else ""
    models = " Lines are fits to the profile of all angles." if record.get("fits") else ""
    return f"Brightness{energies}, with 68% intervals.{cut}{models}"


def fit_rows(record: Mapping[str, Any]) -> Iterator[FitRow]:
    """Yield the fits of all angles, then those of sectors."""
    for part in (record, *record.get("sectors", [])):
        of = "all angles"
        if part is not record or record.get("sector"):
            first, last = part["sector"]
            angles = f"{first % 360:g}° to {last % 360:g}°"
            of = f"{part['name']} ({angles})" if part.get("name") else angles
        for model, fit in part.get("fits", {}).items():
            statistic = fit["statistic"]
            yield FitRow(
                of, model.replace("_", " "),
                [
                    (name, shown(p), str(p["unit"] or ""))
                    for name, p in fit["parameters"].items()
                ],
                f"{statistic['name']} {fixed(statistic['value'], 1)} / {statistic['dof']}",
            )  # fmt: skip


def shown(parameter: Mapping[str, Any]) -> Value:
    """Return a parameter of a fit's record with its errors; of small numbers as a power of ten."""
    numbers = [parameter.get(k) for k in ("value", "lower", "upper")]
    value, lower, upper = (float("nan") if n is None else float(n) for n in numbers)
    if parameter.get("frozen"):
        return Value(f"{value:.4g} (frozen)")
    if 0 < abs(value) < 1e-3 or abs(value) >= 1e6:
        power = int(f"{value:e}".partition("e")[2])
        scaled = asymmetric(value / 10.0**power, lower / 10.0**power, upper / 10.0**power)
        # errors have the power too: they stand beside the number by themselves
        text, high, low = (
            f"{part}e{power}" if part else "" for part in (scaled.text, scaled.upper, scaled.lower)
        )
        return Value(text, high, low, value)
    return asymmetric(value, lower, upper)


def png_source(path: Path | None) -> str:
    """Return a PNG file as the ``src`` of an image; empty without one.

    Raises
    ------
    InputError
        It cannot be read.
    """
    if path is None:
        return ""
    try:
        return data_uri(path.read_bytes())
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "make it again") from None
