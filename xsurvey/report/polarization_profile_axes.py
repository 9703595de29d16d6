"""Polarization profiles drawn: along and across the model's directions, against radius."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xsurvey.polarization.space.radial import PolarizationProfile
from xsurvey.report.plate import FAINT_INK, GRID, INK, TEXT_SIZE, TRUE_COLOUR, dress, new_figure
from xsurvey.report.profile_axes import SECTOR_COLOURS

_WIDTH, _PANEL = 9.0, 2.7
_LEFT, _RIGHT, _TOP, _BOTTOM, _SPACE = 1.0, 0.3, 0.3, 0.7, 0.15
_LINE, _COLUMNS = 0.25, 4
_COLOURS = (TRUE_COLOUR, *SECTOR_COLOURS)
_MEANINGS = {
    "radial": ("radial > 0 > tangential", "at 45° to it"),
    "tangential": ("tangential > 0 > radial", "at 45° to it"),
    "constant": ("along the direction", "at 45° to it"),
    "map": ("along the map's angles", "at 45° to them"),
}


def polarization_profile_figure(profile: PolarizationProfile, model: str = "radial") -> Figure:
    """Return a figure of Q'/I and U'/I against radius, a series an energy bin and sector.

    Parameters
    ----------
    profile : PolarizationProfile
    model : str
        What the directions are, for the labels.
    """
    series = profile.used.shape[1] * profile.annuli.sectors
    title = _title(profile)
    lines = title.count("\n") + 1
    legend = -(-series // _COLUMNS) if series > 1 else 0
    height = 2 * _PANEL + _TOP + _BOTTOM + _SPACE + _LINE * (lines + legend)
    figure = new_figure(_WIDTH, height)
    box = (_WIDTH - _LEFT - _RIGHT) / _WIDTH
    lower = figure.add_axes((_LEFT / _WIDTH, _BOTTOM / height, box, _PANEL / height))
    upper = figure.add_axes(
        (_LEFT / _WIDTH, (_BOTTOM + _PANEL + _SPACE) / height, box, _PANEL / height), sharex=lower
    )
    along, across = _MEANINGS[model]
    draw_component(upper, profile, 0)
    draw_component(lower, profile, 1)
    reach = max(np.max(np.abs(axes.get_ylim())) for axes in (upper, lower))
    for axes, label in ((upper, f"Q'/I ({along})"), (lower, f"U'/I ({across})")):
        axes.set_ylim(-reach, reach)
        axes.set_ylabel(label)
        axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
        axes.set_axisbelow(True)
        dress(axes)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("Radius (arcmin)")
    lower.set_xlim(profile.annuli.edges[0] / 60, profile.annuli.edges[-1] / 60)
    upper.set_title(title, loc="left", color=INK, size=TEXT_SIZE)
    handles, labels = upper.get_legend_handles_labels()
    if len(handles) > 1:
        upper.legend(
            handles, labels, frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2.5,
            ncols=_COLUMNS, loc="lower left", borderaxespad=0,
            bbox_to_anchor=(0, 1 + (_LINE * lines + 0.08) / _PANEL),
        )  # fmt: skip
    return figure


def draw_component(axes: Axes, profile: PolarizationProfile, component: int) -> Axes:
    """Draw Q'/I (0) or U'/I (1) of the cells that have enough events, with errors of 1 sigma."""
    axes.axhline(0, color=FAINT_INK, linewidth=0.9)
    annuli, bins = profile.annuli, profile.aligned
    edges = annuli.edges / 60
    middle, half = (edges[:-1] + edges[1:]) / 2, np.diff(edges) / 2
    values = (bins.q_norm, bins.u_norm)[component]
    errors = np.sqrt(bins.covariance[..., component, component])
    energies = len(bins.energy_min)
    series = annuli.sectors * energies
    bounds = annuli.bounds()
    for number in range(series):
        sector, energy = divmod(number, energies)
        own = slice(sector, None, annuli.sectors)
        shown = profile.used[own, energy]
        # side by side within the annulus, so that errors do not hide each other
        shift = half * 0.7 * ((number + 0.5) / series * 2 - 1) if series > 1 else 0 * half
        axes.errorbar(
            (middle + shift)[shown], values[own, energy][shown], yerr=errors[own, energy][shown],
            xerr=half[shown] if series == 1 else None, fmt="o", ms=4, elinewidth=1.1,
            color=_COLOURS[number % len(_COLOURS)], alpha=0.95,
            label=_label(profile, bounds["angle_min"][sector], bounds["angle_max"][sector], energy),
        )  # fmt: skip
    if series > 1:
        for edge in edges[1:-1]:
            axes.axvline(edge, color=FAINT_INK, linewidth=0.6, alpha=0.5)
    return axes


def _label(profile: PolarizationProfile, first: float, last: float, energy: int) -> str:
    bins = profile.aligned
    parts = []
    if profile.annuli.sectors > 1:
        parts.append(f"{first:g}° to {last:g}°")
    if len(bins.energy_min) > 1:
        parts.append(f"{bins.energy_min[energy]:g}-{bins.energy_max[energy]:g} keV")
    return ", ".join(parts) or "all"


def _title(profile: PolarizationProfile) -> str:
    """Return what all cells together have, of each energy bin."""
    total = profile.total
    parts = [
        f"{low:g}-{high:g} keV all: "
        + (f"Q'/I = {q:+.3f} ± {error:.3f} ({sigma:.1f} sigma)" if used else "too few events")
        for low, high, q, error, sigma, used in zip(
            total.energy_min, total.energy_max, total.q_norm[0],
            np.sqrt(total.covariance[0, :, 0, 0]), profile.alignment[-1],
            profile.total_used, strict=True,
        )
    ]  # fmt: skip
    lines = [", ".join(parts[i : i + 2]) for i in range(0, len(parts), 2)]
    return "\n".join(lines[:2])
