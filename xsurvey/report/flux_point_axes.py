"""Flux points of spectra drawn, with the model without absorption that they were made with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from xsurvey.report.plate import INK, STAMP_COLOUR, TEXT_SIZE, figure_of, new_figure
from xsurvey.report.sed_style import MARKERS, POINT_COLOURS, prepare, shown
from xsurvey.sed.flux_points.points import FluxPoints

_WIDTH, _HEIGHT = 9.0, 6.0
_MARGIN = 1.6


Curve = tuple[np.ndarray, np.ndarray]
"""Energies in keV and E^2 dN/dE."""


def draw_flux_points(
    axes: Axes, points: Sequence[FluxPoints], curves: Sequence[Curve] = ()
) -> Axes:
    """Draw E^2 dN/dE with errors and upper limits over energy, and curves of the model."""
    prepare(axes)
    axes.set_yscale("log")
    for number, (energy, flux) in enumerate(curves):
        axes.plot(
            energy, flux, color=STAMP_COLOUR, linewidth=1.3, zorder=4,
            label="model, unabsorbed" if number == 0 else None,
        )  # fmt: skip
    for number, own in enumerate(points):
        _draw(axes, own, number, own.of_counts(np.ones(len(own))))
    measured = [own.of_counts(own.net.value)[~own.is_limit] for own in points]
    limits = [own.of_counts(own.net.limit)[own.is_limit] for own in points]
    every = np.concatenate([*measured, *limits, *(own.model for own in points)])
    axes.set_ylim(every.min() / _MARGIN, every.max() * _MARGIN)
    axes.set_ylabel(r"$E^2\,dN/dE$ (erg cm⁻² s⁻¹)")
    return axes


def draw_ratios(axes: Axes, points: Sequence[FluxPoints]) -> Axes:
    """Draw the points over the model."""
    prepare(axes)
    axes.axhline(1, color=STAMP_COLOUR, linewidth=1.0)
    for number, own in enumerate(points):
        _draw(axes, own, number, 1 / own.bins.expected)
    axes.set_ylabel("point / model")
    axes.set_xlabel("Energy (keV)")
    return axes


def flux_point_figure(
    points: Sequence[FluxPoints], curves: Sequence[Curve] = (), title: str = ""
) -> Figure:
    """Return the figure of points: fluxes with the model, and their ratio below.

    Parameters
    ----------
    points : sequence of FluxPoints
        Of each spectrum.
    curves : sequence of pairs of ndarray
        The model of each spectrum without absorption: keV, erg / cm2 / s.
    title : str
    """
    figure = new_figure(_WIDTH, _HEIGHT)
    upper = figure.add_axes((0.11, 0.36, 0.86, 0.57))
    lower = figure.add_axes((0.11, 0.10, 0.86, 0.23), sharex=upper)
    draw_flux_points(upper, points, curves)
    draw_ratios(lower, points)
    upper.tick_params(labelbottom=False, which="both")
    lower.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    lower.xaxis.set_minor_formatter(FuncFormatter(_some))
    upper.set_title(shown(title).lstrip(), loc="left", color=INK, size=TEXT_SIZE)
    upper.legend(frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2)
    return figure_of(upper)


def _some(value: float, _: int) -> str:
    """Return the labels of minor ticks that do not crowd an axis."""
    return f"{value:g}" if f"{value:e}"[0] in "235" else ""


def _draw(axes: Axes, points: FluxPoints, number: int, factor: np.ndarray) -> None:
    """Draw net counts times a factor, with the channels' energies as horizontal bars."""
    bins, net = points.bins, points.net
    x = bins.energy
    wide = np.maximum([x - bins.energy_min, bins.energy_max - x], 0.0)
    colour = POINT_COLOURS[number % len(POINT_COLOURS)]
    marker = MARKERS[(number // len(POINT_COLOURS)) % len(MARKERS)]
    own, limits = ~points.is_limit, points.is_limit
    axes.errorbar(
        x[own], (net.value * factor)[own], xerr=wide[:, own],
        yerr=[(net.error_low * factor)[own], (net.error_high * factor)[own]], fmt=marker,
        color=colour, markersize=3.5, elinewidth=0.9, label=shown(points.instrument),
    )  # fmt: skip
    height = (net.limit * factor)[limits]
    axes.errorbar(
        x[limits], height, xerr=wide[:, limits], yerr=0.4 * height, uplims=True, fmt="none",
        ecolor=colour, elinewidth=1.0, capsize=3,
    )  # fmt: skip
