"""Figures of a cluster's gas and halo: thermodynamic profiles, masses, temperatures predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from xsurvey.report.cluster_axes import (
    draw_band,
    draw_marks,
    draw_points,
    interval_of,
    legend,
    log_axis,
    numbers,
    panels,
    radius_axis,
)
from xsurvey.report.cluster_spectral import draw_reference
from xsurvey.report.plate import MARGINAL_COLOUR, STAMP_COLOUR, TRUE_COLOUR

_LABELS = {
    "density": "nₑ (cm⁻³)", "entropy": "K (keV cm²)", "pressure": "Pₑ (keV cm⁻³)",
    "cooling_time": "Cooling time (Gyr)",
}  # fmt: skip
_REFERENCE_COLOURS = ("#b58cff", "#7fdb8a", "#f4f1e4", "#ff7b8b")


def thermodynamics_figure(
    record: Mapping[str, Any], marks: Mapping[str, float],
    comparisons: Sequence[Mapping[str, Any]] = (),
) -> Figure:  # fmt: skip
    """Return density, entropy, pressure and cooling time with their intervals, and references.

    Parameters
    ----------
    record : mapping
        Of the stage ``mass``: ``profiles``.
    marks : mapping of str to float
        Radii to name, arcmin.
    comparisons : sequence of mapping
        Those of these quantities are drawn.
    """
    profiles = record["profiles"]
    names = [name for name in _LABELS if name in profiles]
    figure, axes = panels([2.3] * len(names), "Gas in hydrostatic equilibrium, 68% intervals")
    radius = numbers(profiles["radius_arcmin"])
    for axis, name in zip(axes, names, strict=True):
        value, lower, upper = interval_of(profiles[name])
        draw_band(axis, radius, value, lower, upper, TRUE_COLOUR)
        shown = [lower, upper]
        own = [c for c in comparisons if c["quantity"] == name and c.get("expected")]
        for number, one in enumerate(own):
            if number == 0 and name == "entropy":
                at, error = numbers(one["value"]), numbers(one["error"])
                middle = numbers(one["radius_arcmin"])
                draw_points(
                    axis, middle, middle, at, at - error, at + error, MARGINAL_COLOUR,
                    "of measured temperatures",
                )  # fmt: skip
            draw_reference(axis, one, _REFERENCE_COLOURS[number % len(_REFERENCE_COLOURS)])
            shown.append(numbers(one["expected"]))
        log_axis(axis, shown, 1.3)
        axis.set_ylabel(_LABELS[name])
        legend(axis)
    _radii(axes, radius, marks)
    return figure


def mass_figure(record: Mapping[str, Any], marks: Mapping[str, float]) -> Figure:
    """Return masses inside radii, their ratio, and measured against predicted temperatures.

    Parameters
    ----------
    record : mapping
        Of the stage ``mass``: ``profiles`` and ``temperatures``.
    marks : mapping of str to float
        Radii to name, arcmin.
    """
    profiles, points = record["profiles"], record["temperatures"]
    figure, axes = panels([2.8, 1.8, 2.4], "NFW halo in hydrostatic equilibrium, 68% intervals")
    radius = numbers(profiles["radius_arcmin"])
    shown = []
    for name, label, colour in (
        ("mass", "halo", STAMP_COLOUR), ("gas_mass", "gas", TRUE_COLOUR),
    ):  # fmt: skip
        value, lower, upper = interval_of(profiles[name])
        draw_band(axes[0], radius, value, lower, upper, colour, label)
        shown += [lower, upper]
    log_axis(axes[0], shown, 1.3)
    axes[0].set_ylabel("Mass inside (M☉)")
    legend(axes[0])
    total, gas = numbers(profiles["mass"]["value"]), numbers(profiles["gas_mass"]["value"])
    axes[1].plot(radius, gas / total, color=TRUE_COLOUR, linewidth=1.5)
    axes[1].set_ylim(0, 1.3 * float(np.nanmax(gas / total)))
    axes[1].set_ylabel("Gas fraction")
    inner, outer = numbers(points["inner_arcmin"]), numbers(points["outer_arcmin"])
    kt, error = numbers(points["kt"]), numbers(points["kt_error"])
    value, lower, upper = (
        numbers(points[k]) for k in ("predicted", "predicted_lower", "predicted_upper")
    )
    gas_kt = interval_of(profiles["temperature"])
    draw_band(axes[2], radius, *gas_kt, STAMP_COLOUR, "kT of the gas")
    kind = "in shells" if points.get("deprojected") else "in annuli"
    draw_points(axes[2], inner, outer, kt, kt - error, kt + error, TRUE_COLOUR, f"measured {kind}")
    draw_points(
        axes[2], inner, outer, value, lower, upper, MARGINAL_COLOUR, f"predicted {kind}",
        marker="D", faint=True,
    )  # fmt: skip
    top = float(np.nanmax(np.r_[kt + error, gas_kt[0]]))
    axes[2].set_ylim(0, 1.4 * top)
    axes[2].set_ylabel("kT (keV)")
    legend(axes[2])
    _radii(axes, radius, marks)
    return figure


def _radii(axes: list[Any], radius: np.ndarray, marks: Mapping[str, float]) -> None:
    radius_axis(axes[-1], 0.9 * radius[0], 1.05 * radius[-1])
    for number, axis in enumerate(axes):
        axis.set_xlim(0.9 * radius[0], 1.05 * radius[-1])
        draw_marks(axis, marks, named=number == 0)
