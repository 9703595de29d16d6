"""How faint sources may be, drawn: a map of the limits, and the area against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from xsurvey.report.display import Viewport
from xsurvey.report.numbers import en_dashes
from xsurvey.report.plate import (
    GRID,
    INK,
    MARGINAL_COLOUR,
    STAMP_COLOUR,
    TEXT_SIZE,
    TRUE_COLOUR,
    dress,
    figure_of,
    new_figure,
)
from xsurvey.report.sky_axes import colour_bar

_SIZE = (6.6, 4.3)
_COLOURS = (TRUE_COLOUR, STAMP_COLOUR, MARGINAL_COLOUR, "#c38cff", "#8ee37f")
_RANGE = 30.0  # of limits that are told apart: the last pixels at an edge see nothing
_UNITS = {"count / s": ("Rate", "count ks⁻¹", 1e3), "count": ("Counts", "count", 1.0)}
_FLUX = ("Flux", "erg s⁻¹ cm⁻²", 1.0)
_NEARLY_ALL = 0.995  # of the area: what the last pixels at an edge need is of no interest


def limit_label(unit: str) -> str:
    """Return the label of an axis of limits in a unit; rates are shown for 1000 s.

    Examples
    --------
    >>> limit_label("count / s")
    'Rate (count ks⁻¹)'
    """
    name, text, _ = _UNITS.get(unit, _FLUX)
    return f"{name} ({text})"


def limit_factor(unit: str) -> float:
    """Return what limits in a unit are multiplied by where they are shown."""
    return _UNITS.get(unit, _FLUX)[2]


def limit_bar(axes: Axes, picture: AxesImage, unit: str) -> Axes:
    """Fill axes with the colour bar of a map of limits."""
    bar = colour_bar(axes, picture, limit_label(unit))
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    return axes


def draw_limits(axes: WCSAxes, data: np.ndarray, view: Viewport) -> AxesImage:
    """Draw a map of limits on a logarithmic scale, the deepest bright; what is NaN is dark."""
    part = data[view.y0 : view.y1, view.x0 : view.x1]
    ny, nx = view.shape
    padded = np.full((ny * view.block, nx * view.block), np.nan)
    padded[: part.shape[0], : part.shape[1]] = np.where(part > 0, part, np.nan)
    blocks = padded.reshape(ny, view.block, nx, view.block).swapaxes(1, 2).reshape(ny, nx, -1)
    known = np.isfinite(blocks)
    total, number = np.where(known, blocks, 0).sum(axis=2), known.sum(axis=2)
    values = np.divide(total, number, out=np.full((ny, nx), np.nan), where=number > 0)
    low = float(np.nanmin(values)) if number.any() else 1.0
    high = min(float(np.nanmax(values)), _RANGE * low) if number.any() else 10.0
    picture: AxesImage = axes.imshow(
        np.ma.masked_invalid(values), origin="lower", extent=view.extent, cmap="viridis_r",
        norm=LogNorm(low, max(high, 1.001 * low)), aspect="auto",
        interpolation="nearest" if max(view.shape) < 300 else "auto",
    )  # fmt: skip
    return picture


def sensitivity_figure(
    curves: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> Figure | None:
    """Return the area over which sources are found against how bright they are.

    Parameters
    ----------
    curves : mapping of str to mapping
        By band, each with ``unit``, ``values`` and ``area`` in deg2; all of one unit.
    names : sequence of str
        Of the bands, for the legend.

    Returns
    -------
    Figure or None
        On no ground, for pages that are light or dark; None where no curve has points.
    """
    filled = [
        (one, name) for one, name in zip(curves.values(), names, strict=True) if one["values"]
    ]
    if not filled:
        return None
    width, height = _SIZE
    figure = new_figure(width, height, background="none")
    axes = figure.add_axes(
        (0.85 / width, 0.65 / height, (width - 1.05) / width, (height - 0.85) / height)
    )
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    axes.set_axisbelow(True)
    draw_curves(axes, filled)
    axes.set_xlabel(limit_label(filled[0][0]["unit"]))
    axes.set_ylabel("Area searched that deep (deg²)")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure_of(dress(axes))


def draw_curves(axes: Axes, curves: Sequence[tuple[Mapping[str, Any], str]]) -> Axes:
    """Draw areas against limits, both with their names; the horizontal axis is logarithmic."""
    ends = []
    for i, (one, name) in enumerate(curves):
        values = limit_factor(one["unit"]) * np.asarray(one["values"])
        area = np.asarray(one["area"])
        ends.append(values[np.argmax(area >= _NEARLY_ALL * area[-1])])
        axes.plot(
            values, area, color=_COLOURS[i % len(_COLOURS)], linewidth=2.0,
            label=en_dashes(name), linestyle="solid" if i < len(_COLOURS) else "dashed",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(right=2 * max(ends))
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 1, loc="lower right")
    return axes
