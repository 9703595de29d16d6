"""Figures of a cluster's spectra: profiles of the gas, spectra with their parts, the sky."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from xsurvey.report.cluster_axes import (
    draw_marks,
    draw_points,
    legend,
    log_axis,
    numbers,
    panels,
    radius_axis,
    zero_line,
)
from xsurvey.report.plate import (
    FAINT_INK,
    GRID,
    INK,
    MARGINAL_COLOUR,
    STAMP_COLOUR,
    TEXT_SIZE,
    TRUE_COLOUR,
    dress,
    new_figure,
)
from xsurvey.report.profile_axes import SECTOR_COLOURS

_QUANTITIES = {"kt": "kT (keV)", "abundance": "Z (solar)", "norm": "Norm arcmin⁻²"}
_REFERENCE_COLOURS = ("#b58cff", "#7fdb8a", "#f4f1e4", "#ff7b8b")
_OF_REFERENCES = {"temperature": "kt", "abundance": "abundance", "norm": "norm"}
_MOST_SPECTRA = 12
_LEAST_PER_BIN = 12.0


def spectral_profile_figure(
    record: Mapping[str, Any], marks: Mapping[str, float],
    comparisons: Sequence[Mapping[str, Any]] = (), deprojected: Mapping[str, Any] | None = None,
) -> Figure:  # fmt: skip
    """Return temperature, abundance and norm of annuli against radius.

    Parameters
    ----------
    record : mapping
        Of a `xsurvey.profiles.spectral_profile.SpectralProfile`. Sectors have their own colours;
        a second, cooler plasma has squares.
    marks : mapping of str to float
        Radii to name, arcmin.
    comparisons : sequence of mapping
        Reference profiles of the stage ``mass``; those of temperature, abundance, norm.
    deprojected : mapping, optional
        A record of the same cluster in shells.
    """
    kind = "Shells, deprojected" if record["deprojected"] else "Annuli, projected"
    title = f"{kind}, {100 * record['confidence']:.3g}% intervals"
    figure, axes = panels([2.8, 2.0, 2.4], title)
    records = [(record, "")]
    if deprojected is not None:
        records.append((deprojected, "deprojected"))
    limits: dict[str, list[np.ndarray]] = {name: [] for name in _QUANTITIES}
    for which, (one, label) in enumerate(records):
        groups = _by_sector(one["annuli"])
        for number, (sector, rows) in enumerate(groups.items()):
            several = len(groups) > 1
            colour = _colour(number, several, bool(which))
            name = label or (sector if several else "")
            inner, outer = (numbers(r[k] for r in rows) for k in ("inner_arcmin", "outer_arcmin"))
            for axis, quantity in zip(axes, _QUANTITIES, strict=True):
                ends = _ends(rows, quantity)
                marker = "D" if which else "o"
                draw_points(axis, inner, outer, *ends, colour, name, marker=marker)
                limits[quantity] += [ends[0], ends[1], ends[2]]
                cool = f"{quantity}_cool"
                if cool in rows[0] and np.isfinite(_ends(rows, cool)[0]).any():
                    draw_points(
                        axis, inner, outer, *_ends(rows, cool), STAMP_COLOUR, "cooler plasma",
                        marker="s", faint=True,
                    )  # fmt: skip
                    limits[quantity].append(_ends(rows, cool)[0])
    _draw_references(dict(zip(_QUANTITIES, axes, strict=True)), comparisons)
    for axis, (quantity, label) in zip(axes, _QUANTITIES.items(), strict=True):
        of_shells = quantity == "norm" and record["deprojected"]
        axis.set_ylabel("Norm of a shell" if of_shells else label)
        if quantity == "norm":
            log_axis(axis, limits[quantity])
        else:
            _linear(axis, limits[quantity][::3])
        legend(axis, 2)
    edges = [r["outer_arcmin"] for r in record["annuli"]]
    first = min(r["inner_arcmin"] or 0.4 * r["outer_arcmin"] for r in record["annuli"])
    radius_axis(axes[-1], 0.9 * first, 1.05 * max([*edges, *marks.values()]))
    for number, axis in enumerate(axes):
        draw_marks(axis, marks, named=number == 0)
    return figure


def annulus_spectra_figure(record: Mapping[str, Any]) -> Figure | None:
    """Return the spectra of regions with what the best fit has of gas, sky and particles.

    Parameters
    ----------
    record : mapping
        With ``spectra``: mappings with region, group, exposure_s, energy_low, energy_high (keV),
        counts, model, sky, particles (counts). Counts are binned for the eye.
    """
    spectra = list(record.get("spectra") or [])[:_MOST_SPECTRA]
    if not spectra:
        return None
    columns = min(3, len(spectra))
    rows = -(-len(spectra) // columns)
    width, tall, gap, foot = 4.4, 2.7, 0.75, 0.2
    upper, lower = 0.75, 0.22
    size = (columns * width + 0.3, rows * (tall + gap) + foot)
    figure = new_figure(*size)
    for number, one in enumerate(spectra):
        row, column = divmod(number, columns)
        bottom = size[1] - row * (tall + gap) - 0.35 - upper * tall
        axes = figure.add_axes(
            ((column * width + 0.75) / size[0], bottom / size[1], (width - 0.9) / size[0],
             upper * tall / size[1])
        )  # fmt: skip
        left = figure.add_axes(
            ((column * width + 0.75) / size[0], (bottom - lower * tall - 0.04) / size[1],
             (width - 0.9) / size[0], lower * tall / size[1])
        )  # fmt: skip
        _draw_spectrum(axes, left, one)
        if number == 0:
            legend(axes, 2, "upper right")
        if column == 0:
            axes.set_ylabel("count s⁻¹ keV⁻¹", color=INK, size=TEXT_SIZE - 1)
        if row == rows - 1 or number + columns >= len(spectra):
            left.set_xlabel("Energy (keV)", color=INK, size=TEXT_SIZE - 1)
    return figure


def sky_figure(record: Mapping[str, Any]) -> Figure | None:
    """Return the parameters of the sky and the particles, each with its interval and prior."""
    parameters = record.get("background") or {}
    groups: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for name, one in parameters.items():
        head, _, tail = name.partition(".")
        # the same parameter in several sectors of the sky is one group: lhb_1.norm, lhb_2.norm
        several = head in ("sky_scatter", "particles")
        kind = head if several else f"{re.sub(r'_[0-9]+$', '', head)}.{tail}"
        groups.setdefault(kind, []).append((tail if several else head, one))
    groups = {k: v for k, v in groups.items() if any(p["value"] is not None for _, p in v)}
    if not groups:
        return None
    lines = sum(len(v) for v in groups.values())
    height = 0.6 + 0.68 * len(groups) + 0.28 * lines
    figure = new_figure(9.0, height)
    top = height - 0.35
    for kind, entries in groups.items():
        tall = 0.28 * len(entries) + 0.1
        axes = figure.add_axes((0.24, (top - tall) / height, 0.7, tall / height))
        axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
        _draw_levels(axes, entries)
        dress(axes)
        unit = str(entries[0][1].get("unit") or "")
        axes.set_title(
            f"{kind.replace('_', ' ')}{f' ({unit})' if unit else ''}", loc="left", color=INK,
            size=TEXT_SIZE - 2, pad=3,
        )  # fmt: skip
        top -= tall + 0.58
    return figure


def _draw_levels(axes: Axes, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Draw values with intervals, one a line; the width of Gaussian priors behind them."""
    for place, (_, one) in enumerate(entries):
        if one["value"] is None:
            continue
        prior = _prior(one.get("prior"))
        if prior is not None:
            axes.plot([prior[0] - prior[1], prior[0] + prior[1]], [place] * 2, color=FAINT_INK,
                      linewidth=7, alpha=0.35, solid_capstyle="butt")  # fmt: skip
        value = float(one["value"])
        ends = numbers([one.get("lower"), one.get("upper")])
        known = bool(np.isfinite(ends).all())
        if known:
            axes.plot(ends, [place] * 2, color=TRUE_COLOUR, linewidth=1.4)
        frozen = bool(one.get("frozen"))
        axes.plot(
            value, place, "s" if frozen else "o", ms=5, color=TRUE_COLOUR,
            markerfacecolor=TRUE_COLOUR if known or frozen else "none",
        )  # fmt: skip
    axes.set_yticks(range(len(entries)), [name for name, _ in entries])
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))
    axes.xaxis.get_offset_text().set_color(INK)
    axes.xaxis.get_offset_text().set_fontsize(TEXT_SIZE - 3)


def _prior(text: Any) -> tuple[float, float] | None:
    """Return mean and sigma of a Gaussian prior."""
    words = str(text or "").partition("normal:")[2].split(",")
    try:
        return float(words[0]), float(words[1])
    except (ValueError, IndexError):
        return None


def _by_sector(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        sector = row.get("sector")
        name = f"{sector[0] % 360:g}° to {sector[1] % 360:g}°" if sector else "all angles"
        found.setdefault(name, []).append(row)
    return found


def _colour(number: int, several: bool, second: bool) -> str:
    if several:
        return SECTOR_COLOURS[number % len(SECTOR_COLOURS)]
    return MARGINAL_COLOUR if second else TRUE_COLOUR


def _ends(
    rows: Sequence[Mapping[str, Any]], quantity: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    value, lower, upper = (
        numbers(row[quantity][key] for row in rows) for key in ("value", "lower", "upper")
    )
    return value, lower, upper


def _linear(axes: Axes, values: Sequence[np.ndarray]) -> None:
    """Set limits from zero to what is measured: one long interval does not squeeze the others."""
    every = np.concatenate(values) if values else np.empty(0)
    top = float(np.nanmax(every, initial=0.0)) if np.isfinite(every).any() else 1.0
    axes.set_ylim(0, 1.5 * top if top > 0 else 1.0)


def _draw_references(
    axes: Mapping[str, Axes], comparisons: Sequence[Mapping[str, Any]]
) -> None:  # fmt: skip
    drawn = [c for c in comparisons if c["quantity"] in _OF_REFERENCES and c.get("expected")]
    for number, one in enumerate(drawn):
        axis = axes[_OF_REFERENCES[one["quantity"]]]
        draw_reference(axis, one, _REFERENCE_COLOURS[number % len(_REFERENCE_COLOURS)])


def draw_reference(axes: Axes, comparison: Mapping[str, Any], colour: str) -> None:
    """Draw a reference at the radii where it was compared, with its error and chi2."""
    radius, expected, error = (
        numbers(comparison[k]) for k in ("radius_arcmin", "expected", "expected_error")
    )
    known = np.isfinite(expected)
    if not known.any():
        return
    error = np.nan_to_num(error)
    axes.fill_between(
        radius[known], (expected - error)[known], (expected + error)[known], color=colour,
        alpha=0.2, linewidth=0,
    )  # fmt: skip
    name = str(comparison["name"]).replace("_", " ")
    chi2 = comparison.get("chi2")
    label = name if chi2 is None else f"{name}: chi² {chi2:.1f} / {comparison['dof']}"
    axes.plot(radius[known], expected[known], color=colour, linewidth=1.3, linestyle="dashdot",
              label=label)  # fmt: skip


def _draw_spectrum(axes: Axes, below: Axes, one: Mapping[str, Any]) -> None:
    """Draw counts and the parts of the model, and what is left in units of errors."""
    low, high = numbers(one["energy_low"]), numbers(one["energy_high"])
    columns = [numbers(one[k]) for k in ("counts", "model", "sky", "particles")]
    starts = _bins(columns[1])
    counts, model, sky, particles = (np.add.reduceat(v, starts) for v in columns)
    first, last = low[starts], np.append(high[starts[1:] - 1], high[-1])
    unit = (last - first) * float(one["exposure_s"] or 1.0)
    edges = np.append(first, last[-1])
    gas = model - sky - particles
    for values, colour, name, style in (
        (model, MARGINAL_COLOUR, "model", "solid"), (gas, STAMP_COLOUR, "gas", "solid"),
        (sky, "#7fdb8a", "sky", "dashed"), (particles, "#b58cff", "particles", "dotted"),
    ):  # fmt: skip
        if (values > 1e-6 * max(float(model.max()), 1e-30)).any():
            axes.stairs(values / unit, edges, color=colour, linewidth=1.2, linestyle=style,
                        label=name, baseline=None)  # fmt: skip
    middle, error = np.sqrt(first * last), np.sqrt(np.maximum(counts, 1.0))
    axes.errorbar(
        middle, counts / unit, yerr=error / unit, xerr=[middle - first, last - middle], fmt=".",
        color=TRUE_COLOUR, ms=3, elinewidth=0.8, label="counts", zorder=3,
    )  # fmt: skip
    log_axis(axes, [(counts / unit)[counts > 0], model / unit], 2.0)
    below.plot(middle, (counts - model) / np.sqrt(np.maximum(model, 1e-9)), ".", ms=3,
               color=TRUE_COLOUR)  # fmt: skip
    zero_line(below)
    below.set_ylim(-4.5, 4.5)
    for part in (axes, below):
        part.set_xscale("log")
        part.set_xlim(edges[0], edges[-1])
        part.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        part.set_xticks([e for e in (0.3, 0.5, 1, 2, 5, 8) if edges[0] <= e <= edges[-1]])
        part.xaxis.set_minor_formatter(NullFormatter())
        part.grid(color=GRID, alpha=0.10, linewidth=0.8)
        dress(part).tick_params(labelsize=TEXT_SIZE - 3)
    axes.tick_params(labelbottom=False)
    title = f"{str(one['region']).replace('_', ' ')}, {one['group']}"
    axes.set_title(title, loc="left", color=INK, size=TEXT_SIZE - 1)


def _bins(model: np.ndarray) -> np.ndarray:
    """Return where groups of channels begin that hold enough expected counts for the eye."""
    starts, total = [0], 0.0
    for i, expected in enumerate(model[:-1]):
        total += float(expected)
        if total >= _LEAST_PER_BIN and math.isfinite(total):
            starts.append(i + 1)
            total = 0.0
    return np.array(starts)
