"""Fits of Stokes spectra drawn: I, Q and U with the folded model, contours of degree and angle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from xsurvey.polarization.spectra.stokes_likelihood import StokesMember, members_of
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
from xsurvey.report.spectrum_axes import draw_residuals, draw_spectrum
from xsurvey.spectra.fit import Fit

_COLOURS = (
    TRUE_COLOUR, "#ff9d6f", "#a7e57a", "#d9a6ff", "#f4e36a", "#ff7fb6", "#7de3cf", "#8ea3ff",
    "#d0d4dc",
)  # fmt: skip
"""Of units, those of several observations among them."""
_WIDTH, _HEIGHT = 9.0, 9.6
_POINTS = 24
"""Of Q and U a unit, at most: channels have errors far larger than their values."""
_LABELLED = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
_BOTTOMS = {"I": (0.66, 0.56), "Q": (0.38, 0.31), "U": (0.13, 0.06)}
_HEIGHTS = {"I": (0.28, 0.09), "Q": (0.165, 0.065), "U": (0.165, 0.065)}


def draw_stokes(
    upper: Axes, lower: Axes, member: StokesMember, model: np.ndarray, *,
    colour: str = TRUE_COLOUR,
) -> None:  # fmt: skip
    """Draw Q or U of a unit with the folded model, and the residuals below.

    Neighbouring groups are joined for display.

    Parameters
    ----------
    upper, lower : Axes
        Of count / s / keV, and of (data - model) / error.
    member : StokesMember
    model : ndarray, shape (m,)
        Expected counts.
    """
    data = member.dataset
    order = np.argsort(data.energy_low, kind="stable")
    first = np.arange(0, len(order), max(-(-len(order) // _POINTS), 1))
    net, error = member.net

    def total(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values[order], first)

    low = data.energy_low[order][first]
    high = np.maximum.reduceat(data.energy_high[order], first)
    scale = data.exposure * total(data.energy_high - data.energy_low)
    sigma = np.sqrt(total(error**2))
    middle = np.sqrt(np.maximum(low, 1e-6) * high)
    across = [middle - low, high - middle]
    value, expected = total(net), total(model)
    for axes, shown, bars in (
        (upper, value / scale, sigma / scale), (lower, (value - expected) / sigma, 1.0),
    ):  # fmt: skip
        _prepare(axes)
        axes.axhline(0, color=FAINT_INK, linewidth=0.8)
        axes.errorbar(
            middle, shown, yerr=bars, xerr=across, fmt="none", ecolor=colour, elinewidth=1.1,
            alpha=0.9,
        )  # fmt: skip
    upper.plot(middle, expected / scale, color=colour, linewidth=1.3, drawstyle="steps-mid")


def stokes_fit_figure(fit: Fit, title: str = "") -> Figure:
    """Return a figure of I, Q and U of all units, each with the model and residuals.

    Parameters
    ----------
    fit : Fit
        Of a likelihood of `StokesMember`.
    title : str
    """
    figure = new_figure(_WIDTH, _HEIGHT)
    panels: dict[str, tuple[Axes, Axes]] = {}
    shared: Axes | None = None
    for stokes, (top, bottom) in _BOTTOMS.items():
        tall, flat = _HEIGHTS[stokes]
        upper = figure.add_axes((0.12, top, 0.85, tall), sharex=shared)
        lower = figure.add_axes((0.12, bottom, 0.85, flat), sharex=upper)
        shared = shared or upper
        panels[stokes] = (upper, lower)
    models = dict(zip(
        map(id, fit.likelihood.members), fit.likelihood.source_by_member(fit.theta[None, :]),
        strict=True,
    ))  # fmt: skip
    for stokes, (upper, lower) in panels.items():
        limits = []
        for number, member in enumerate(members_of(fit.likelihood, stokes)):  # type: ignore[arg-type]
            colour = _COLOURS[number % len(_COLOURS)]
            model = models[id(member)][0]
            if stokes == "I":
                draw_spectrum(upper, member.dataset, model, colour=colour, label=member.unit)
                draw_residuals(lower, member.dataset, model, colour=colour)
                limits.append(upper.get_ylim())
            else:
                draw_stokes(upper, lower, member, model, colour=colour)
        if limits:
            upper.set_ylim(min(a for a, _ in limits), max(b for _, b in limits))
        upper.set_ylabel(f"{stokes} (count s⁻¹ keV⁻¹)", color=INK, size=TEXT_SIZE - 1)
        lower.set_ylabel("residual\n/ error", color=INK, size=TEXT_SIZE)
        lower.set_xlabel("Energy (keV)" if stokes == "U" else "", color=INK, size=TEXT_SIZE)
        upper.tick_params(labelbottom=False, which="both")
        lower.tick_params(labelbottom=stokes == "U", which="both")
        _label_energies(lower)
    panels["I"][0].set_title(title, loc="left", color=INK, size=TEXT_SIZE)
    panels["I"][0].legend(frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2)
    return figure


def draw_contours(axes: Axes, row: dict[str, Any], colour: str = TRUE_COLOUR) -> Axes:
    """Draw the contours of degree and angle of a component.

    Parameters
    ----------
    axes : Axes
        With angles as abscissa, degrees as ordinate.
    row : dict
        As `xsurvey.polarization.spectra.spectropolarimetry_result.polarization_records` makes it.

    Returns
    -------
    Axes
    """
    dress(axes)
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    best = row["pa_deg"].get("best_fit", row["pa_deg"]["value"])
    degree = row["pd"].get("best_fit", row["pd"]["value"])
    for number, contour in enumerate(row["contours"]):
        axes.plot(
            *_way_around(contour, best), color=colour, linewidth=1.6,
            alpha=1 - 0.2 * number, label=f"{row['component']}, {100 * contour['level']:g} %",
        )  # fmt: skip
    axes.plot(best, 100 * degree, marker="+", color=STAMP_COLOUR, markersize=9)
    axes.set_xlabel("Angle (deg, north through east)")
    axes.set_ylabel("Degree (%)")
    axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))
    return axes


def _way_around(contour: dict[str, Any], best: float) -> tuple[np.ndarray, np.ndarray]:
    """Return angles and degrees (%) of a contour as it is drawn, next to the best angle.

    One that has no polarization inside goes through all angles: there is no way back below it.
    """
    angle, pd = np.array(contour["pa_deg"]), 100 * np.array(contour["pd"])
    step = np.diff(np.append(angle, angle[0]))
    turned = (step - 180 * np.round(step / 180)).sum()
    angle += 180 * np.round((best - angle) / 180)
    if abs(turned) < 90:  # degrees, of none or half a turn
        return np.append(angle, angle[0]), np.append(pd, pd[0])
    order = np.argsort(angle)
    angle, pd = angle[order], pd[order]
    return np.concatenate([angle[-1:] - 180, angle, angle[:1] + 180]), pd[[-1, *range(len(pd)), 0]]


def contour_figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """Return a figure of the contours of one component or several.

    Parameters
    ----------
    rows : sequence of dict
        As of `draw_contours`.
    """
    figure = new_figure(6.4, 5.2)
    axes = figure.add_axes((0.12, 0.12, 0.85, 0.84))
    for number, row in enumerate(rows):
        draw_contours(axes, row, _COLOURS[number % len(_COLOURS)])
    axes.legend(frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2)
    return figure


def _prepare(axes: Axes) -> None:
    dress(axes)
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xscale("log")
    _label_energies(axes)


def _label_energies(axes: Axes) -> None:
    axes.xaxis.set_major_locator(LogLocator(subs=_LABELLED))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
