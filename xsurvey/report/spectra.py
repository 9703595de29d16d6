"""The spectra of the page: a table of fits, and figures of some of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xsurvey.errors import InputError
from xsurvey.report.data import SpectrumReport
from xsurvey.report.numbers import (
    DASH,
    MINUS,
    RAISED,
    TIMES,
    Value,
    decimals_of,
    en_dashes,
    fixed,
    plain,
)
from xsurvey.report.plate import data_uri

_ROWS = 300
_SOURCES = 8  # whose figures are shown beside those of regions
_POOR = 3.0  # as the flag spectrum_poor_fit
_UNITS = {"10^22": "10²² cm⁻²", "cm^-3": "cm⁻³", "Angstrom": "Å"}
_STATUS = {"failed": "failed", "piled_up": "piled up"}


@dataclass(frozen=True)
class SpectrumRow:
    """A fit, or why there is none.

    Attributes
    ----------
    label : str
    number : int
        Of a source; 0 for regions.
    parameters : list of (str, Value, str)
        Name, value with errors, unit: the free ones.
    flux : Value
        Unabsorbed, 1e-12 erg / (s cm2).
    statistic : str
    problem : str
        Empty where there is a fit.
    poor : str
        By how much the statistic is too large, where the model does not describe the spectrum.
    """

    label: str
    number: int
    model: str
    counts: Value
    parameters: list[tuple[str, Value, str]]
    flux: Value
    statistic: str
    poor: str
    problem: str
    cause: str
    approximate: bool


@dataclass(frozen=True)
class SpectrumPicture:
    """A figure with what stands below it."""

    src: str
    alt: str
    label: str
    caption: str
    notes: Sequence[str]


@dataclass(frozen=True)
class SpectraPage:
    """The spectra of one target.

    Attributes
    ----------
    rows : list of SpectrumRow
    total : int
        Of which ``rows`` are the first.
    pictures : list of SpectrumPicture
    confidence : str
        Of all intervals, ``68.27%``; empty where there is no fit.
    sampled : int
        Fits whose values are medians and quantiles of a posterior.
    flux_band : str
        Of all fluxes.
    approximate : list of str
        In what responses are approximate.
    """

    rows: list[SpectrumRow]
    total: int
    pictures: list[SpectrumPicture]
    confidence: str
    sampled: int
    flux_band: str
    approximate: list[str]


def spectra_page(spectra: Sequence[SpectrumReport], figures: int) -> SpectraPage | None:
    """Return what is shown of spectra, at most some figures of them; None if there are none.

    Raises
    ------
    InputError
        A figure cannot be read.
    """
    if not spectra:
        return None
    fits = [s.fit for s in spectra if s.fit is not None]
    confidences = [f"{100 * fit['confidence']:.4g}%" for fit in fits]
    bands = [fit["flux"]["unabsorbed"] for fit in fits]
    energies = [en_dashes(f"{b['energy_min']:g}-{b['energy_max']:g} keV") for b in bands]
    drawable = [s for s in spectra if s.figure is not None]
    late = {s.number for s in [s for s in drawable if s.number][_SOURCES:]}
    drawn = [(s, s.figure) for s in drawable if s.figure and s.number not in late][:figures]
    approximate = {t for s in spectra if s.approximate for t in s.responses.values()
                   if "(approximate: " in t}  # fmt: skip
    return SpectraPage(
        [_row(s) for s in spectra[:_ROWS]], len(spectra),
        [_picture(s, figure) for s, figure in drawn],
        next(iter(confidences), ""), sum(fit.get("method") == "mcmc" for fit in fits),
        next(iter(energies), ""),
        sorted({t.partition("(approximate: ")[2].removesuffix(")") for t in approximate}),
    )  # fmt: skip


def _label(spectrum: SpectrumReport) -> str:
    return f"source {spectrum.number}" if spectrum.number else spectrum.name


def _row(spectrum: SpectrumReport) -> SpectrumRow:
    fit = spectrum.fit
    parameters, flux, statistic, poor = [], Value(DASH), "", ""
    if fit is not None:
        parameters = [
            (name.rpartition(".")[2] if _unique(name, fit) else name, interval(p, 1.0),
             _UNITS.get(p["unit"], p["unit"]))
            for name, p in fit["parameters"].items() if not p["frozen"] and "link" not in p
        ]  # fmt: skip
        flux = interval(fit["flux"]["unabsorbed"], 1e12)
        statistic = _statistic(fit)
        poor = _poor(fit)
    counts = plain(math.nan if spectrum.net_counts is None else spectrum.net_counts, 0)
    return SpectrumRow(
        _label(spectrum), spectrum.number, spectrum.model, counts, parameters, flux,
        statistic, poor, _STATUS.get(spectrum.status, ""), spectrum.cause, spectrum.approximate,
    )  # fmt: skip


def _unique(name: str, fit: Mapping[str, Any]) -> bool:
    ending = name.rpartition(".")[2]
    return sum(other.rpartition(".")[2] == ending for other in fit["parameters"]) == 1


def _statistic(fit: Mapping[str, Any]) -> str:
    found = fit["statistic"]
    return f"{found['name']} {found['value']:.1f} / {found['dof']}"


def _poor(fit: Mapping[str, Any]) -> str:
    sigma = (fit.get("goodness") or {}).get("sigma")
    return f"{sigma:.1f} sigma too large" if sigma is not None and sigma > _POOR else ""


def interval(record: Mapping[str, Any], factor: float) -> Value:
    """Return a value with its errors, of small ones with a power of ten."""
    value = factor * float(record["value"])
    ends = [record["lower"], record["upper"]]
    low, high = (math.nan if end is None else factor * float(end) for end in ends)
    if not math.isfinite(value):
        return Value(DASH)
    power = 0
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        power = math.floor(math.log10(abs(value)))
    value, low, high = (v / 10.0**power for v in (value, low, high))
    tail = f" {TIMES} 10{_raised(power)}" if power else ""
    up, down = high - value, value - low
    if not (math.isfinite(up) and math.isfinite(down)):
        return Value(fixed(value, 3) + tail, sort=value * 10.0**power)
    decimals = decimals_of(up, down)
    return Value(
        fixed(value, decimals) + tail, f"+{fixed(max(up, 0), decimals)}",
        f"{MINUS}{fixed(max(down, 0), decimals)}", sort=value * 10.0**power,
    )  # fmt: skip


def _raised(power: int) -> str:
    return str(power).translate(RAISED)


def _picture(spectrum: SpectrumReport, figure: Path) -> SpectrumPicture:
    label = _label(spectrum)
    try:
        png = figure.read_bytes()
    except OSError as error:
        raise InputError(figure, f"cannot be read ({error})", "run again with --fresh") from error
    parts = [spectrum.model]
    if spectrum.fit is not None:
        parts.append(_statistic(spectrum.fit))
    if spectrum.net_counts is not None and spectrum.counts is not None:
        parts.append(f"{spectrum.net_counts:.0f} net of {spectrum.counts:.0f} counts")
    if spectrum.area is not None:
        parts.append(f"{3600 * spectrum.area:.3g} arcmin²")
    if spectrum.cause:
        parts.append(f"not used: {spectrum.cause}")
    return SpectrumPicture(
        data_uri(png), f"Spectrum of {label} with the folded model and residuals", label,
        "; ".join(parts), spectrum.notes,
    )  # fmt: skip
