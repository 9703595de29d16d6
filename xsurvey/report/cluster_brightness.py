"""Figures of a cluster's surface brightness: models, sectors, significance, scatter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xsurvey.profiles.brightness_models import parse_model
from xsurvey.report.cluster_axes import (
    draw_band,
    draw_marks,
    draw_points,
    legend,
    log_axis,
    numbers,
    panels,
    radius_axis,
    zero_line,
)
from xsurvey.report.numbers import en_dashes
from xsurvey.report.plate import FAINT_INK, MARGINAL_COLOUR, TRUE_COLOUR
from xsurvey.report.profile_axes import MODEL_COLOURS, SECTOR_COLOURS

_UNIT = "Brightness (count s⁻¹ arcmin⁻²)"
_LEAST = 1e-5


def brightness_figure(record: Mapping[str, Any], marks: Mapping[str, float]) -> Figure:
    """Return the profile of all angles with its models, what they leave, and the sky's level.

    Parameters
    ----------
    record : mapping
        As ``xsurvey profile --json`` writes it; in bins where it is below the sky's level net
        brightness has its own points.
    marks : mapping of str to float
        Radii to name, arcmin.
    """
    fits = record.get("fits") or {}
    figure, axes = panels([4.3, 1.6] if fits else [4.3], _title(record))
    inner, outer = _edges(record)
    value, lower, upper = _light(record)
    draw_points(axes[0], inner, outer, value, lower, upper, TRUE_COLOUR, "background subtracted")
    shown = [value, upper]
    sky = record.get("sky")
    if sky:
        level, error = float(sky["level"]), float(sky["level_error"])
        spread = np.hypot(error, float(sky.get("scatter") or 0.0))
        axes[0].axhspan(level - spread, level + spread, color=FAINT_INK, alpha=0.25, linewidth=0)
        axes[0].axhline(level, color=FAINT_INK, linewidth=1.2, label="sky background")
        draw_points(
            axes[0], inner, outer, value - level, lower - level, upper - level, MARGINAL_COLOUR,
            "less the sky", faint=True,
        )  # fmt: skip
        shown += [np.array([level]), np.maximum(value - level, 0.1 * error)]
    radii = np.geomspace(max(0.25 * outer[0], 1e-3), outer[-1], 400)
    for number, (name, fit) in enumerate(fits.items()):
        colour = MODEL_COLOURS[number % len(MODEL_COLOURS)]
        curve, in_bins = _model(name, fit, radii, np.r_[inner[0], outer])
        axes[0].plot(radii, curve, color=colour, linewidth=1.5, label=name.replace("_", " "))
        pulls = (value - in_bins) / numbers(record["brightness_err"])
        axes[1].plot(_middle(inner, outer), pulls, "o", ms=4, color=colour, alpha=0.9)
    log_axis(axes[0], [np.where(s > _LEAST * np.nanmax(value), s, np.nan) for s in shown])
    axes[0].set_ylabel(_UNIT)
    legend(axes[0], 2, "lower left")
    if fits:
        zero_line(axes[1])
        axes[1].set_ylabel("Pulls")
    _finish(axes, inner, outer, marks)
    return figure


def sectors_figure(record: Mapping[str, Any], marks: Mapping[str, float]) -> Figure | None:
    """Return the profiles of sectors over that of all angles, and their scatter; None without."""
    sectors = record.get("sectors") or []
    if not sectors:
        return None
    scatter = record.get("azimuthal_scatter")
    figure, axes = panels(
        [3.6, 2.4] + ([1.5] if scatter else []), f"Sectors, {_title(record)}".rstrip(", ")
    )
    inner, outer = _edges(record)
    whole = _light(record)
    draw_points(axes[0], inner, outer, *whole, TRUE_COLOUR, "all angles")
    shown = [whole[0]]
    for number, part in enumerate(sectors):
        colour = SECTOR_COLOURS[number % len(SECTOR_COLOURS)]
        value, lower, upper = _light(part)
        first, last = part["sector"]
        name = part.get("name") or f"{first % 360:g}° to {last % 360:g}°"
        draw_points(axes[0], inner, outer, value, lower, upper, colour, name, faint=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            part_to, low, high = (v / whole[0] for v in (value, lower, upper))
        draw_points(axes[1], inner, outer, part_to, low, high, colour, faint=True)
        shown.append(value)
    log_axis(axes[0], [np.where(s > _LEAST * np.nanmax(whole[0]), s, np.nan) for s in shown])
    axes[0].set_ylabel(_UNIT)
    legend(axes[0], 2, "lower left")
    zero_line(axes[1], 1.0)
    axes[1].set_ylim(0, 2.5)
    axes[1].set_ylabel("To all angles")
    if scatter:
        value, noise = numbers(scatter["value"]), numbers(scatter["statistical"])
        middle = _middle(inner, outer)
        axes[2].plot(middle, value, "o-", ms=4, color=TRUE_COLOUR, label="intrinsic")
        axes[2].plot(middle, noise, color=FAINT_INK, linestyle="dotted", label="of the counts")
        axes[2].set_ylim(0, min(3.0, 1.2 * float(np.nanmax(np.r_[value, 0.1]))))
        axes[2].set_ylabel("Scatter")
        legend(axes[2], 2)
    _finish(axes, inner, outer, marks)
    return figure


def significance_figure(record: Mapping[str, Any], marks: Mapping[str, float]) -> Figure | None:
    """Return the significance of every bin above the sky's level; None where it is not known."""
    if "significance" not in record or not np.isfinite(numbers(record["significance"])).any():
        return None
    figure, (axes,) = panels([3.4], f"Significance above the sky, {_title(record)}".rstrip(", "))
    inner, outer = _edges(record)
    parts = [("all angles", record, TRUE_COLOUR)]
    for number, part in enumerate(record.get("sectors") or []):
        if "significance" in part:
            first, last = part["sector"]
            name = part.get("name") or f"{first % 360:g}° to {last % 360:g}°"
            parts.append((name, part, SECTOR_COLOURS[number % len(SECTOR_COLOURS)]))
    for name, part, colour in reversed(parts):
        sigma = numbers(part["significance"])
        whole = part is record
        axes.plot(
            _middle(inner, outer), sigma, "o-" if whole else ".-", color=colour, label=name,
            ms=5 if whole else 3, linewidth=1.5 if whole else 0.8, alpha=1 if whole else 0.6,
        )  # fmt: skip
    zero_line(axes)
    axes.axhline(3, color=FAINT_INK, linewidth=1.0, linestyle="dotted")
    for name, at in (record.get("radii") or {}).items():
        if at and name != "whole":
            axes.plot([at["inner_arcmin"], at["outer_arcmin"]], [at["sigma"]] * 2,
                      color=MARGINAL_COLOUR, linewidth=4, label=f"around {name.upper()}: "
                      f"{at['sigma']:.1f} sigma", solid_capstyle="butt")  # fmt: skip
    if max(float(np.nanmax(numbers(part["significance"]))) for _, part, _ in parts) > 40:
        axes.set_yscale("symlog", linthresh=10)
    axes.set_ylabel("Sigma")
    legend(axes, 2, "center")
    if (box := axes.get_legend()) is not None:
        box.set_bbox_to_anchor((0.34, 0.66))  # between the whole cluster's curve and its sectors'
    _finish([axes], inner, outer, marks)
    return figure


def density_figure(record: Mapping[str, Any], marks: Mapping[str, float]) -> Figure:
    """Return the deprojected density, its slope, and the gas mass inside, with their intervals.

    Parameters
    ----------
    record : mapping
        Of the stage ``deprojection``.
    marks : mapping of str to float
        Radii to name, arcmin.
    """
    percent = f"{100 * record['confidence']:.3g}% intervals"
    figure, axes = panels([3.2, 1.8, 2.2], f"Density of electrons ({record['method']}, {percent})")
    radius = numbers(record["radius_arcmin"])
    labels = {"density": "nₑ (cm⁻³)", "log_slope": "d ln nₑ / d ln r", "gas_mass": "Gas mass (M☉)"}
    for one, (name, label) in zip(axes, labels.items(), strict=True):
        value, lower, upper = (numbers(record[name + end]) for end in ("", "_lower", "_upper"))
        draw_band(one, radius, value, lower, upper, TRUE_COLOUR)
        if name != "log_slope":
            log_axis(one, [lower, upper], 1.3)
        one.set_ylabel(label)
    _finish(axes, radius, radius, marks)
    return figure


def _title(record: Mapping[str, Any]) -> str:
    band = record.get("band")
    return en_dashes(f"{band[0]:g}-{band[1]:g} keV") if band else ""


def _edges(record: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    middle, half = numbers(record["radius_arcmin"]), numbers(record["radius_width_arcmin"]) / 2
    return np.maximum(middle - half, 0.0), middle + half


def _light(record: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    value, lower, upper = (numbers(record[f"brightness{end}"]) for end in ("", "_lower", "_upper"))
    return value, lower, upper


def _middle(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    return np.sqrt(np.where(inner > 0, inner, 0.4 * outer) * outer)


def _model(
    name: str, fit: Mapping[str, Any], radius: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a fitted model at radii, and what is seen of it in bins: blurred, where known."""
    model = parse_model(name)
    theta = np.array([[fit["parameters"][p.name]["value"] for p in model.parameters]], float)
    seen = fit.get("brightness")
    in_bins = model.averages(theta, edges)[0] if seen is None else numbers(seen)
    return model.brightness(theta, radius)[0], in_bins


def _finish(
    axes: list[Axes], inner: np.ndarray, outer: np.ndarray, marks: Mapping[str, float]
) -> None:
    least = inner[0] if inner[0] > 0 else 0.4 * outer[0]
    radius_axis(axes[-1], 0.9 * least, 1.05 * outer[-1])
    for number, one in enumerate(axes):
        one.set_xlim(0.9 * least, 1.05 * outer[-1])
        draw_marks(one, marks, named=number == 0)
