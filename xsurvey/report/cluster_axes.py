"""What figures of a cluster share: stacked panels against radius, points, bands, marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from xsurvey.report.plate import FAINT_INK, GRID, INK, STAMP_COLOUR, TEXT_SIZE, dress, new_figure

Place = Literal["best", "lower left", "upper right", "center"]
WIDTH = 9.0
_LEFT, _RIGHT, _TOP, _BOTTOM, _SPACE = 1.1, 0.3, 0.5, 0.75, 0.12


def numbers(values: Any) -> np.ndarray:
    """Return JSON numbers as an array; None is NaN."""
    return np.array([np.nan if v is None else v for v in values], float)


def interval_of(record: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return value, lower and upper end of columns of a record."""
    value, lower, upper = (numbers(record[k]) for k in ("value", "lower", "upper"))
    return value, lower, upper


def panels(
    heights: Sequence[float], title: str = "", width: float = WIDTH
) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels above each other that share their horizontal axis.

    Parameters
    ----------
    heights : sequence of float
        Of the panels, inches, the uppermost first.
    title : str
    width : float
        Inches.
    """
    height = _TOP + _BOTTOM + sum(heights) + _SPACE * (len(heights) - 1)
    figure = new_figure(width, height)
    found: list[Axes] = []
    top = height - _TOP
    for tall in heights:
        axes = figure.add_axes(
            (_LEFT / width, (top - tall) / height, (width - _LEFT - _RIGHT) / width, tall / height),
            sharex=found[0] if found else None,
        )  # fmt: skip
        axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
        axes.set_axisbelow(True)
        found.append(dress(axes))
        top -= tall + _SPACE
    for axes in found[:-1]:
        axes.tick_params(labelbottom=False, which="both")
    if title:
        found[0].set_title(title, loc="left", color=INK, size=TEXT_SIZE)
    return figure, found


def radius_axis(axes: Axes, inner: float, outer: float, label: str = "Radius (arcmin)") -> None:
    """Make the horizontal axis one of radii, logarithmic."""
    axes.set_xscale("log")
    axes.set_xlim(inner, outer)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)
    dress(axes)


def log_axis(axes: Axes, values: Sequence[np.ndarray], room: float = 1.6) -> None:
    """Make the vertical axis logarithmic around positive values; linear if there are none."""
    every = np.concatenate([np.ravel(v) for v in values]) if values else np.empty(0)
    good = every[np.isfinite(every) & (every > 0)]
    if not len(good):
        return
    axes.set_yscale("log")
    axes.set_ylim(good.min() / room, good.max() * room)
    dress(axes)


def draw_points(
    axes: Axes, inner: np.ndarray, outer: np.ndarray, value: np.ndarray, lower: np.ndarray,
    upper: np.ndarray, colour: str, label: str = "", *, marker: str = "o", faint: bool = False,
) -> None:  # fmt: skip
    """Draw values of radial bins with their intervals; without interval hollow, NaN not at all.

    Parameters
    ----------
    inner, outer : ndarray, shape (n,)
        Edges of the bins.
    value, lower, upper : ndarray, shape (n,)
    colour, label : str
    marker : str
    faint : bool
    """
    inner = np.where(inner > 0, inner, 0.4 * outer)
    middle = np.sqrt(inner * outer)
    known = np.isfinite(value)
    ends = np.isfinite(lower) & np.isfinite(upper)
    style: dict[str, Any] = {"color": colour, "alpha": 0.6 if faint else 0.95, "elinewidth": 1.0}
    for chosen, face in ((known & ends, colour), (known & ~ends, "none")):
        if not chosen.any():
            continue
        down = np.where(ends, value - lower, 0.0)[chosen]
        up = np.where(ends, upper - value, 0.0)[chosen]
        axes.errorbar(
            middle[chosen], value[chosen], yerr=np.maximum([down, up], 0),
            xerr=[(middle - inner)[chosen], (outer - middle)[chosen]], fmt=marker,
            ms=3 if faint else 5, markerfacecolor=face, label=label or None, **style,
        )  # fmt: skip
        label = ""


def draw_band(
    axes: Axes, radius: np.ndarray, value: np.ndarray, lower: np.ndarray, upper: np.ndarray,
    colour: str, label: str = "",
) -> None:  # fmt: skip
    """Draw a curve with its interval as a band."""
    axes.fill_between(radius, lower, upper, color=colour, alpha=0.25, linewidth=0)
    axes.plot(radius, value, color=colour, linewidth=1.5, label=label or None)


def draw_marks(axes: Axes, marks: Mapping[str, float], *, named: bool = True) -> None:
    """Draw radii as vertical lines, their names at the top."""
    low, high = axes.get_xlim()
    for name, radius in marks.items():
        if not low < radius < high:
            continue
        axes.axvline(radius, color=STAMP_COLOUR, linewidth=1.0, linestyle="dashed", alpha=0.8)
        if named:
            axes.text(
                radius, 0.97, f"{name} ", transform=axes.get_xaxis_transform(), va="top",
                ha="right", color=STAMP_COLOUR, size=TEXT_SIZE - 2,
            )  # fmt: skip


def legend(axes: Axes, columns: int = 1, place: Place = "best") -> None:
    """Add a legend if there is anything to tell."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2.5, ncols=columns, loc=place
        )


def zero_line(axes: Axes, level: float = 0.0) -> None:
    """Draw a horizontal line."""
    axes.axhline(level, color=FAINT_INK, linewidth=0.9)
