"""Numbers of a cluster as tables and lines of its page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.report.brightness_profiles import shown
from xsurvey.report.cluster_figures import ClusterResults
from xsurvey.report.numbers import DASH, Value, asymmetric, fixed, plain
from xsurvey.report.table_text import TableText

_MASS, _TIMES = 1e14, "10¹⁴ M☉"
_FLUX = 1e-15


def key_numbers(results: ClusterResults, failures: int) -> Iterator[tuple[str, str, str]]:
    """Yield label, number and a remark for what a reader asks first."""
    quantities = results.mass.get("quantities") or {}
    m500, r500 = quantities.get("m500") or {}, quantities.get("r500") or {}
    yield "M500", _mass_text(m500), "hydrostatic, 10¹⁴ M☉" if m500 else "not measured"
    yield "R500", _length_text(results, r500), _kpc_text(r500)
    at = (results.brightness.get("radii") or {}).get("r200")
    sigma = at.get("sigma") if at else None
    number = DASH if sigma is None else f"{fixed(float(sigma), 1)} sigma"
    yield "At R200", number, "above the sky background" if sigma is not None else "not measured"
    yield "Failures", f"{failures}", "see below" if failures else "none"


def _mass_text(record: Mapping[str, Any]) -> str:
    value = _interval(record, 1 / _MASS)
    if value is None:
        return DASH
    half = max((value[2] - value[1]) / 2, 0.0)
    return f"{value[0]:.2f} ± {half:.2f}" if math.isfinite(half) else f"{value[0]:.2f}"


def _length_text(results: ClusterResults, record: Mapping[str, Any]) -> str:
    value, scale = _interval(record, 1.0), results.density.get("kpc_per_arcmin")
    if value is None:
        return DASH
    return f"{value[0] / scale:.1f} arcmin" if scale else f"{value[0]:.0f} kpc"


def _kpc_text(record: Mapping[str, Any]) -> str:
    value = _interval(record, 1.0)
    return "not measured" if value is None else f"{value[0]:.0f} kpc"


def _interval(record: Mapping[str, Any], factor: float) -> tuple[float, float, float] | None:
    value = record.get("value")
    if value is None:
        return None
    ends = [record.get(k) for k in ("lower", "upper")]
    lower, upper = (math.nan if e is None else float(e) * factor for e in ends)
    return float(value) * factor, lower, upper


def _value(record: Mapping[str, Any] | None, factor: float = 1.0) -> Value:
    found = _interval(record or {}, factor)
    return Value(DASH) if found is None else asymmetric(*found)


def annuli_table(record: Mapping[str, Any]) -> TableText:
    """Return the annuli of a spectral profile."""
    rows = record.get("annuli") or []
    if not rows:
        return TableText()
    cool = any((r.get("kt_cool") or {}).get("value") is not None for r in rows)
    # shells have norms and fluxes of their own, annuli those of an arcmin2
    area = "" if record.get("deprojected") else " arcmin⁻²"
    columns = [
        ("Region", ""), ("Radius", "arcmin"), ("Counts", ""), ("kT", "keV"),
        *([("kT, cooler", "keV")] if cool else []), ("Abundance", "solar"),
        ("Norm", f"10⁻⁶{area}"), ("Flux", f"10⁻¹⁵ erg s⁻¹ cm⁻²{area}"),
        ("2T gain", ""), ("Flags", ""),
    ]  # fmt: skip
    body: list[list[str | Value]] = []
    for row in rows:
        gain = row.get("two_temperature_gain")
        body.append([
            str(row["name"]).replace("_", " "),
            f"{row['inner_arcmin']:g}{DASH}{row['outer_arcmin']:g}",
            plain(float(row["counts"]), 0), _value(row["kt"]),
            *([_value(row.get("kt_cool"))] if cool else []), _value(row["abundance"]),
            _value(row["norm"], 1e6), _value(row.get("flux"), 1 / _FLUX),
            plain(math.nan if gain is None else float(gain), 1), flag_names(int(row["flags"])),
        ])  # fmt: skip
    return TableText(columns, body)


def sector_table(record: Mapping[str, Any]) -> TableText:
    """Return by how much each sector is brighter than the others, in ranges of radii."""
    ranges = record.get("sector_excess") or []
    if not ranges:
        return TableText()
    columns = [("Sector", "")]
    for one in ranges:
        columns.append((f"{one['inner_arcmin']:.3g}{DASH}{one['outer_arcmin']:.3g}'", "sigma"))
        columns.append(("to the others", ""))
    body: list[list[str | Value]] = []
    for rows in zip(*(one["sectors"] for one in ranges), strict=True):
        first, last = rows[0]["sector"]
        row: list[str | Value] = [f"{first % 360:g}° to {last % 360:g}°"]
        for part in rows:
            for name, digits in (("sigma", 1), ("ratio", 2)):
                value = part[name]
                row.append(plain(math.nan if value is None else float(value), digits))
        body.append(row)
    return TableText(columns, body)


def flag_names(bits: int) -> str:
    """Return the names of flags of a bin.

    Examples
    --------
    >>> flag_names(0)
    ''
    """
    return ", ".join(
        str(f.name).lower().replace("_", " ") for f in BinFlag if bits & f.value
    )  # fmt: skip


def quantity_table(record: Mapping[str, Any]) -> TableText:
    """Return masses, radii and whatever else was fitted to a halo."""
    rows: list[list[str | Value]] = []
    for name, one in (record.get("quantities") or {}).items():
        unit = str(one.get("unit") or "")
        if unit == "solMass":
            rows.append([_quantity_name(name), _value(one, 1 / _MASS), _TIMES])
        else:
            rows.append([_quantity_name(name), shown(one), unit])
    return TableText([("Quantity", ""), ("Value", ""), ("Unit", "")], rows)


def _quantity_name(name: str) -> str:
    known = {
        "m": "M", "r": "R", "c": "Concentration c", "gas_mass": "Gas mass within R",
        "gas_fraction": "Gas fraction within R", "outer_kt": "kT at the outermost radius",
    }  # fmt: skip
    head = name.rstrip("0123456789")
    return known.get(head, f"{head.replace('_', ' ')} ") + name[len(head) :]


def comparison_table(comparisons: Sequence[Mapping[str, Any]]) -> TableText:
    """Return how profiles agree with references."""
    rows: list[list[str | Value]] = []
    for one in comparisons:
        slope = one.get("slope") or {}
        measured, error = slope.get("slope"), slope.get("error")
        shown_slope = Value(DASH)
        if measured is not None:
            spread = math.nan if error is None else float(error)
            shown_slope = asymmetric(float(measured), measured - spread, measured + spread)
        chi2, probability = one.get("chi2"), one.get("p_value")
        remark = str(one.get("reference") or one.get("note") or "")
        rows.append([
            str(one["name"]).replace("_", " "), str(one["quantity"]),
            DASH if chi2 is None else f"{fixed(float(chi2), 1)} / {one['dof']}",
            DASH if probability is None else f"{float(probability):.2g}", shown_slope,
            plain(_number(slope.get("expected")), 2), remark,
        ])  # fmt: skip
    columns = [
        ("Profile", ""), ("Quantity", ""), ("χ² / d.o.f.", ""), ("Probability", ""), ("Slope", ""),
        ("Expected", ""), ("Reference", ""),
    ]  # fmt: skip
    return TableText(columns, rows)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def facts_of(results: ClusterResults) -> list[tuple[str, str]]:
    """Return what is known of the cluster beforehand."""
    target = results.brightness.get("target") or results.spectral.get("target") or {}
    facts = []
    centre = results.brightness.get("center")
    if centre:
        facts.append(("centre (ICRS)", f"{centre['ra']:.5f}, {centre['dec']:.5f}"))
    if target.get("redshift") is not None:
        facts.append(("redshift", f"{target['redshift']:g}"))
    if target.get("nh") is not None:
        facts.append(("absorption", f"{target['nh']:g} 10²² cm⁻²"))
    facts += [(f"corrected for it, {band}", text) for band, text in _corrections(results)]
    if target.get("h0") is not None:
        text = f"H0 = {target['h0']:g} km/s/Mpc, Ωm = {target['omega_m']:g}, flat"
        facts.append(("cosmology", text))
    scale = results.density.get("kpc_per_arcmin")
    if scale:
        facts.append(("scale", f"{scale:.2f} kpc/arcmin"))
    sky = results.brightness.get("sky")
    if sky:
        text = f"{sky['level']:.3g} ± {sky['level_error']:.1g} {sky['unit']}"
        facts.append(("sky background", text))
        area = sky["scatter_area_arcmin2"]
        facts.append(
            ("its scatter", f"{sky['scatter']:.2g}, between regions of {area:.0f} arcmin²")
        )
    error = results.brightness.get("background_error")
    if error is not None:
        facts.append(("particle background", f"known to {100 * float(error):.1f}%"))
    density = results.density.get("method")
    if density:
        facts.append(("deprojection", str(density)))
    return facts


def _corrections(results: ClusterResults) -> Iterator[tuple[str, str]]:
    """Yield bands of images that are corrected for absorption, and by how much."""
    record = results.absorption
    for one in (record.get("bands") or {}).values():
        least, most = float(one["factor_min"]), float(one["factor_max"])
        factor = f"{least:.3f}" if most - least < 5e-4 else f"{least:.3f} to {most:.3f}"
        low, high = one["band"]
        yield f"{low:g} to {high:g} keV", f"{factor} times, as of {record['kt']:g} keV"


def notes_of(results: ClusterResults) -> list[str]:
    """Return the notes of all stages, each once."""
    records = (
        results.brightness,
        results.spectral,
        results.density,
        results.mass,
        results.absorption,
    )
    notes = [str(note) for one in records for note in one.get("notes") or []]
    if results.density and results.density.get("converged") is False:
        notes.append("the chains of the deprojection have not converged")
    if results.mass and results.mass.get("converged") is False:
        notes.append("the chains of the mass have not converged")
    return list(dict.fromkeys(notes))


def spectral_line(record: Mapping[str, Any]) -> str:
    """Return how well spectra are described."""
    statistic, goodness = record.get("statistic"), record.get("goodness")
    if not statistic:
        return ""
    text = f"{statistic['name']} {statistic['value']:.1f} for {statistic['dof']} degrees of freedom"
    if goodness and goodness.get("expected") is not None:
        text += f", where {goodness['expected']:.0f} are expected"
        spread = goodness.get("standard_deviation")
        text += f" ± {spread:.0f}" if spread is not None else ""
    return f"{text}. Intervals are of {100 * record['confidence']:.3g}%."
