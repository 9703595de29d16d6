"""Polarization against energy: degrees with intervals or limits and MDP99, and angles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from xsurvey.polarization.measurement import within_half_turn
from xsurvey.report.plate import (
    FAINT_INK,
    GRID,
    INK,
    STAMP_COLOUR,
    TEXT_SIZE,
    TRUE_COLOUR,
    dress,
    new_figure,
)
from xsurvey.report.profile_axes import SECTOR_COLOURS

SERIES_COLOURS = (TRUE_COLOUR, *(c for c in SECTOR_COLOURS if c != STAMP_COLOUR))
"""Of observations, in their order; none is that of an assumed angle."""
_WIDTH, _UPPER, _LOWER = 6.6, 3.0, 2.4
_LEFT, _RIGHT, _TOP, _BOTTOM, _SPACE = 0.85, 0.25, 0.2, 0.7, 0.15
_LINE, _COLUMNS = 0.24, 3


@dataclass(frozen=True)
class Place:
    """Where within energy bins the points of a series are: one of several, side by side."""

    number: int = 0
    series: int = 1

    def of(self, one: Mapping[str, Any]) -> tuple[float, float]:
        """Return the middle and half the width of the part of a bin, keV."""
        low, high = float(one["energy_min"]), float(one["energy_max"])
        part = (high - low) * (0.9 if self.series > 1 else 1.0)
        first = (low + high - part) / 2
        return first + (self.number + 0.5) / self.series * part, part / self.series / 2


_ALONE = Place()


def polarization_energy_figure(
    series: Mapping[str, Sequence[Mapping[str, Any]]],
    known_angle: Mapping[str, Any] | None = None, curve: Mapping[str, Any] | None = None,
) -> Figure | None:  # fmt: skip
    """Return a figure of degree and angle against energy, None where nothing was measured.

    Parameters
    ----------
    series : mapping of str to sequence of mapping
        Energy bins, as `xsurvey.polarization.records.records_of_bins` makes them, by their name
        in the legend.
    known_angle : mapping, optional
        ``angle_deg`` and ``error_deg`` of an angle that is assumed.
    curve : mapping, optional
        ``energy_kev``, ``pd`` and ``pa_deg`` of a fitted model.
    """
    measured = {name: [b for b in bins if _value(b, "pd_err") > 0] for name, bins in series.items()}
    measured = {name: bins for name, bins in measured.items() if bins}
    if not measured:
        return None
    entries = (len(measured) if len(measured) > 1 else 0) + 1
    entries += (known_angle is not None) + bool(curve)
    lines = -(-entries // _COLUMNS)
    height = _TOP + _LINE * lines + _UPPER + _SPACE + _LOWER + _BOTTOM
    figure = new_figure(_WIDTH, height)
    across = (_WIDTH - _LEFT - _RIGHT) / _WIDTH
    lower = figure.add_axes((_LEFT / _WIDTH, _BOTTOM / height, across, _LOWER / height))
    upper = figure.add_axes(
        (_LEFT / _WIDTH, (_BOTTOM + _LOWER + _SPACE) / height, across, _UPPER / height),
        sharex=lower,
    )
    middle = _reference_angle(measured)
    for number, (name, bins) in enumerate(measured.items()):
        colour = SERIES_COLOURS[number % len(SERIES_COLOURS)]
        place = Place(number, len(measured))
        label = name if len(measured) > 1 else ""
        draw_degrees(upper, bins, colour, place, label)
        draw_angles(lower, bins, middle, colour, place)
    if curve:
        _draw_curve(upper, lower, curve, middle)
    if known_angle is not None:
        _draw_known_angle(lower, known_angle, middle)
    _finish(upper, lower, measured, middle)
    upper.plot([], [], color=FAINT_INK, linewidth=1.4, linestyle=(0, (4, 3)), label="MDP99")
    handles, labels = upper.get_legend_handles_labels()
    more = lower.get_legend_handles_labels()
    figure.legend(
        [*handles, *more[0]], [*labels, *more[1]], frameon=False, labelcolor=INK,
        fontsize=TEXT_SIZE - 2, ncols=_COLUMNS, loc="upper left", borderaxespad=0,
        bbox_to_anchor=(_LEFT / _WIDTH - 0.01, 1 - 0.05 / height), handlelength=1.8,
    )  # fmt: skip
    return figure


def draw_degrees(
    axes: Axes, bins: Sequence[Mapping[str, Any]], colour: str = TRUE_COLOUR,
    place: Place = _ALONE, label: str = "",
) -> Axes:  # fmt: skip
    """Draw degrees with their intervals where they exceed MDP99, else limits at 99 %.

    Parameters
    ----------
    axes : Axes
    bins : sequence of mapping
    colour : str
    place : Place
    label : str
    """
    for number, one in enumerate(bins):
        x, half = place.of(one)
        mdp, limit = 100 * _value(one, "mdp99"), 100 * _value(one, "pd_upper_99")
        degree = 100 * _value(one, "pd")
        ends = [100 * _value(one, n) for n in ("pd_lower", "pd_upper")]
        if not np.isfinite(ends).all():
            ends = [degree + s * 100 * _value(one, "pd_err") for s in (-1, 1)]
        detected = not degree <= mdp
        axes.errorbar(
            x, degree, yerr=np.maximum([[degree - ends[0]], [ends[1] - degree]], 0), fmt="o", ms=5,
            xerr=half, color=colour, elinewidth=1.2,
            markerfacecolor=colour if detected else "#0b0d12", alpha=1.0 if detected else 0.75,
            label=label if number == 0 and label else None, zorder=4,
        )  # fmt: skip
        if not detected and np.isfinite(limit):
            axes.errorbar(
                x, limit, yerr=0.05 * _top(bins), uplims=True, fmt="_", ms=9, capsize=2.5,
                color=colour, elinewidth=1.2, zorder=3,
            )  # fmt: skip
        if np.isfinite(mdp):
            axes.plot([x - half, x + half], [mdp, mdp], color=colour, alpha=0.75,
                      linewidth=1.2, linestyle=(0, (4, 3)))  # fmt: skip
    return axes


def draw_angles(
    axes: Axes, bins: Sequence[Mapping[str, Any]], middle: float, colour: str = TRUE_COLOUR,
    place: Place = _ALONE,
) -> Axes:  # fmt: skip
    """Draw angles with their 68.3 % intervals, those within half a turn about a middle one.

    Angles of degrees below MDP99 are hollow.
    """
    for one in bins:
        angle = _value(one, "pa_deg")
        error = _value(one, "pa_half_width_deg")
        if not np.isfinite(error):
            error = min(_value(one, "pa_err_deg"), 90.0)
        if not np.isfinite(angle):
            continue
        detected = not _value(one, "pd") <= _value(one, "mdp99")
        x, half = place.of(one)
        axes.errorbar(
            x, _near(angle, middle), yerr=error if np.isfinite(error) else None, fmt="o", ms=5,
            xerr=half, color=colour, elinewidth=1.2,
            markerfacecolor=colour if detected else "#0b0d12", alpha=1.0 if detected else 0.6,
            zorder=4,
        )  # fmt: skip
    return axes


def _draw_curve(upper: Axes, lower: Axes, curve: Mapping[str, Any], middle: float) -> None:
    energy = np.asarray(curve["energy_kev"], float)
    degree = 100 * np.asarray(curve["pd"], float)
    angle = _near(np.asarray(curve["pa_deg"], float), middle)
    style: dict[str, Any] = {"color": "#f4f1e4", "linewidth": 1.3, "alpha": 0.9, "zorder": 2}
    upper.plot(energy, degree, label="joint fit", **style)
    jump = np.abs(np.diff(angle, append=angle[-1])) > 90
    lower.plot(energy, np.where(jump, np.nan, angle), **style)


def _draw_known_angle(axes: Axes, known: Mapping[str, Any], middle: float) -> None:
    angle, error = float(known["angle_deg"]), float(known.get("error_deg") or 0.0)
    angle = float(_near(angle, middle))
    axes.axhline(angle, color=STAMP_COLOUR, linewidth=1.4, zorder=2, label="assumed angle")
    if error > 0:
        axes.axhspan(angle - error, angle + error, color=STAMP_COLOUR, alpha=0.15, linewidth=0)


def _finish(
    upper: Axes, lower: Axes, measured: Mapping[str, Sequence[Mapping[str, Any]]], middle: float
) -> None:
    every = [b for bins in measured.values() for b in bins]
    low, high = min(b["energy_min"] for b in every), max(b["energy_max"] for b in every)
    margin = 0.03 * (high - low)
    lower.set_xlim(low - margin, high + margin)
    upper.set_ylim(0, 1.06 * max(_top(bins) for bins in measured.values()))
    # half a turn is all that there is; a part of it where intervals are small
    away = [
        abs(float(_near(_value(b, "pa_deg"), middle)) - middle)
        + np.nan_to_num(_value(b, "pa_half_width_deg"), nan=90.0)
        for b in every if np.isfinite(_value(b, "pa_deg"))
    ]  # fmt: skip
    low_line, high_line = lower.get_ylim()
    lines = [abs(v - middle) for v in (low_line, high_line)]
    reach = min(1.15 * max([*away, 5.0]), 95.0) if away else 95.0
    reach = min(max(reach, *lines), 95.0)
    lower.set_ylim(middle - reach, middle + reach)
    lower.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 1.5, 2, 3, 4.5, 6, 10]))
    lower.yaxis.set_major_formatter(FuncFormatter(lambda v, _: _angle_text(v)))
    for axes, label in ((upper, "Degree (%)"), (lower, "Angle (deg)")):
        axes.set_ylabel(label)
        axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
        axes.set_axisbelow(True)
        dress(axes)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("Energy (keV)")
    for axes in (upper, lower):
        axes.yaxis.set_label_coords(-0.105, 0.5)


def _angle_text(value: float) -> str:
    """Return an angle between -90 and 90: axes go on beyond."""
    return f"{float(within_half_turn(value)) + 0.0:g}".replace("-", "\N{MINUS SIGN}")


def _reference_angle(measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> float:
    """Return the angle of the most significant bin: no angle is farther than half a turn."""
    best = max(
        (b for bins in measured.values() for b in bins),
        key=lambda b: np.nan_to_num(_value(b, "significance"), nan=-1.0),
    )
    angle = _value(best, "pa_deg")
    return angle if np.isfinite(angle) else 0.0


def _near(angle: Any, middle: float) -> Any:
    """Return angles of the same directions within half a turn about a middle one."""
    return middle + within_half_turn(np.asarray(angle, float) - middle)


def _top(bins: Sequence[Mapping[str, Any]]) -> float:
    """Return the largest of what is drawn of degrees, per cent."""
    names = ("pd", "pd_upper", "mdp99", "pd_upper_99")
    values = [100 * _value(b, n) for b in bins for n in names]
    return float(np.nanmax([v for v in values if np.isfinite(v)], initial=1.0))


def _value(record: Mapping[str, Any], name: str) -> float:
    value = record.get(name)
    return float("nan") if value is None else float(value)
