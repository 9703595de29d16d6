"""Polarization maps drawn: intensity with vectors, and the significance of every pixel beside."""

from __future__ import annotations

import numpy as np
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.polarization.space.maps import PolarizationMap
from xsurvey.report.display import Viewport, viewport
from xsurvey.report.plate import (
    FAINT_INK,
    HALO,
    INK,
    PLATE,
    TEXT_SIZE,
    TRUE_COLOUR,
    new_figure,
)
from xsurvey.report.sky_axes import colour_bar, draw_scale_bar, sky_ticks

_WIDTH = 12.0
_LEFT, _BAR, _GAP, _BOTTOM, _TOP = 0.95, 0.95, 0.7, 0.7, 0.4
_COLOURS = LinearSegmentedColormap.from_list(
    "significance", ["#141a26", "#27405c", "#3f7291", "#86b3c4", "#f4f1e4", "#ffb648"]
)
_MASKED = "#05060a"
_LEAST_TOP = 5.0  # sigma: the colours of noise alone stay dark
_KEYS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)


def map_figure(found: PolarizationMap, vectors: float = 3.0) -> Figure:
    """Return a figure of a polarization map, a row an energy bin.

    Parameters
    ----------
    found : PolarizationMap
    vectors : float
        Sigma of a pixel by itself above which it has a vector: along the angle, as long as the
        degree.
    """
    counts = found.image(found.bins.counts, masked=False)
    view = viewport(np.nan_to_num(counts.sum(axis=0)), 10_000)
    rows = len(counts)
    across = (_WIDTH - _LEFT - 2 * _BAR - _GAP) / 2
    x0, x1, y0, y1 = view.extent
    high = float(np.clip(across * (y1 - y0) / (x1 - x0), 0.4 * across, 1.3 * across))
    height = rows * (high + _BOTTOM + _TOP)
    figure = new_figure(_WIDTH, height)
    for row in range(rows):
        bottom = height - (row + 1) * (high + _BOTTOM + _TOP) + _BOTTOM
        low, up = found.bins.energy_min[row], found.bins.energy_max[row]
        for column in range(2):
            left = _LEFT + column * (across + _BAR + _GAP)
            box = (left / _WIDTH, bottom / height, across / _WIDTH, high / height)
            axes = _sky_axes(figure, box, found, view, first=column == 0)
            bar = figure.add_axes(((left + across + 0.1) / _WIDTH, box[1], 0.13 / _WIDTH, box[3]))
            if column:
                draw_significance(axes, bar, found, row)
            else:
                draw_intensity(axes, bar, found, row, counts[row])
                draw_vectors(axes, found, row, vectors)
            what = (f"{low:g}-{up:g} keV, vectors above {vectors:g} sigma",
                    f"{low:g}-{up:g} keV")[column]  # fmt: skip
            axes.set_title(what, loc="left", color=INK, size=TEXT_SIZE)
    return figure


def _sky_axes(
    figure: Figure, box: tuple[float, float, float, float], found: PolarizationMap, view: Viewport,
    *, first: bool,
) -> WCSAxes:  # fmt: skip
    axes = WCSAxes(figure, box, wcs=found.grid.wcs)
    figure.add_axes(axes)
    axes.set_facecolor(_MASKED)
    x0, x1, y0, y1 = view.extent
    width, height = figure.get_size_inches()
    ratio = box[3] * height / (box[2] * width)  # square pixels, room beside what is long
    wide, tall = max(x1 - x0, (y1 - y0) / ratio), max(y1 - y0, (x1 - x0) * ratio)
    axes.set_xlim((x0 + x1 - wide) / 2, (x0 + x1 + wide) / 2)
    axes.set_ylim((y0 + y1 - tall) / 2, (y0 + y1 + tall) / 2)
    axes.set_aspect("auto")
    coordinates = sky_ticks(axes, found.grid.wcs)
    for coordinate in coordinates:
        coordinate.set_ticks(color=FAINT_INK, size=4, number=4)
    if not first:
        coordinates[1].set_axislabel("")
        coordinates[1].set_auto_axislabel(False)
    return axes


def draw_intensity(
    axes: WCSAxes, bar: Axes, found: PolarizationMap, energy_bin: int, counts: np.ndarray
) -> None:
    """Draw counts by solid angle, smoothed or in blocks as the map is."""
    pixels = np.ones(counts.shape)
    if found.kernel is not None:
        pixels = pixels * found.kernel.weight.sum()
    elif found.label is not None:
        sizes = np.bincount(found.label[found.label >= 0], minlength=len(found.used))
        pixels = np.where(found.label >= 0, sizes[found.label], 1).reshape(counts.shape)
    brightness = counts / pixels / (found.grid.pixel_size / 60) ** 2
    lit = brightness[np.isfinite(brightness) & (brightness > 0)]
    top = float(np.percentile(lit, 99.8)) if lit.size else 1.0
    picture = axes.imshow(
        np.ma.masked_invalid(brightness), origin="lower", cmap="inferno",
        norm=PowerNorm(0.5, 0, top), aspect="auto", interpolation="nearest",
        extent=_extent(counts.shape),
    )  # fmt: skip
    colour_bar(bar, picture, "Brightness (count arcmin⁻²)")
    draw_scale_bar(axes, SkyImage(counts, found.grid, "count"))


def draw_significance(axes: WCSAxes, bar: Axes, found: PolarizationMap, energy_bin: int) -> None:
    """Draw the significance of pixels by themselves, and frame the most significant one."""
    sigma = found.image(found.bins.significance)[energy_bin]
    top = max(float(np.nanmax(sigma, initial=0.0)), _LEAST_TOP)
    picture = axes.imshow(
        np.ma.masked_invalid(sigma), origin="lower", cmap=_COLOURS, norm=Normalize(0, top),
        aspect="auto", interpolation="nearest", extent=_extent(sigma.shape),
    )  # fmt: skip
    colour_bar(bar, picture, "Significance of a pixel (sigma)")
    trials = found.trials
    if trials.cell < 0 or trials.bin != energy_bin:
        return
    own = trials.cell if found.label is None else np.flatnonzero(found.label == trials.cell)
    y, x = np.unravel_index(np.atleast_1d(own), found.grid.shape)
    corner = x.min() - 0.5, y.min() - 0.5
    axes.add_patch(Rectangle(
        corner, float(np.ptp(x)) + 1, float(np.ptp(y)) + 1, fill=False, edgecolor=TRUE_COLOUR,
        linewidth=1.6,
    ))  # fmt: skip
    p = trials.simulated_p if trials.simulations else float(np.exp(trials.log_p))
    limit = "≤ " if trials.simulations and not trials.exceeding else ""
    how = "simulated" if trials.simulations else f"{trials.effective:.0f} trials"
    axes.text(
        0.975, 0.965, f"largest: p {limit or '= '}{p:.2g} ({how})", transform=axes.transAxes,
        ha="right", va="top", size=TEXT_SIZE - 1.5, color=TRUE_COLOUR, path_effects=HALO,
    )  # fmt: skip


def draw_vectors(axes: WCSAxes, found: PolarizationMap, energy_bin: int, threshold: float) -> int:
    """Draw a line for each significant pixel, and a key of their length; return their number.

    Of smoothed maps one pixel a beam has a line, of blocks their middles.
    """
    bins = found.bins
    sigma = np.where(found.used, bins.significance, np.nan)[:, energy_bin]
    x, y, spacing = _places(found)
    shown = np.isfinite(sigma) & (sigma >= threshold) & np.isfinite(x)
    if not shown.any():
        return 0
    degree = np.minimum(bins.pd[shown, energy_bin], 1.0)
    angle = np.radians(bins.pa_deg[shown, energy_bin])
    unit = 0.95 * spacing / float(degree.max())
    step = _on_pixels(found, angle) * (degree * unit / 2)[:, None]
    middle = np.column_stack([x[shown], y[shown]])
    for width, colour, alpha in ((3.2, PLATE, 0.7), (1.5, "white", 1.0)):
        axes.add_collection(
            LineCollection(
                list(np.stack([middle - step, middle + step], axis=1)), colors=colour,
                linewidths=width, alpha=alpha, capstyle="round",
            ),
            autolim=False,
        )  # fmt: skip
    _key(axes, unit, float(degree.max()))
    return int(shown.sum())


def _places(found: PolarizationMap) -> tuple[np.ndarray, np.ndarray, float]:
    """Return where the lines of cells are (NaN for none), and how far apart, in pixels."""
    ny, nx = found.grid.shape
    row, column = np.divmod(np.arange(ny * nx), nx)
    if found.label is not None:
        inside = found.label >= 0
        size = np.bincount(found.label[inside], minlength=len(found.used))
        x, y = (
            np.bincount(found.label[inside], v[inside], len(found.used)) / size
            for v in (column, row)
        )
        used = found.used.any(axis=1)
        return x, y, float(np.sqrt(np.median(size[used]))) if used.any() else 1.0
    every = 1 if found.kernel is None else max(1, round(np.sqrt(found.kernel.beam)))
    kept = (row % every == every // 2) & (column % every == every // 2)
    return np.where(kept, column, np.nan), np.where(kept, row, np.nan), float(every)


def _on_pixels(found: PolarizationMap, angle: np.ndarray) -> np.ndarray:
    """Return unit vectors (dx, dy) in pixels along position angles, shape (m, 2)."""
    inverse = np.linalg.inv(found.grid.wcs.pixel_scale_matrix)
    step = np.column_stack([np.sin(angle), np.cos(angle)]) @ inverse.T  # east, north
    return np.asarray(step / np.linalg.norm(step, axis=1, keepdims=True))


def _key(axes: WCSAxes, unit: float, largest: float) -> None:
    """Draw a line of a round degree at the upper left."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    fitting = [k for k in _KEYS if k * unit <= 0.25 * (x1 - x0) and k <= largest * 1.01]
    degree = fitting[0] if fitting else _KEYS[-1]
    left, level = x0 + 0.04 * (x1 - x0), y1 - 0.05 * (y1 - y0)
    axes.plot([left, left + degree * unit], [level, level], color="white", linewidth=1.8,
              path_effects=HALO, solid_capstyle="round")  # fmt: skip
    axes.text(
        left, level - 0.02 * (y1 - y0), f"{100 * degree:g} %", color="white", va="top",
        size=TEXT_SIZE - 1.5, path_effects=HALO,
    )  # fmt: skip
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)


def _extent(shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    return -0.5, shape[1] - 0.5, -0.5, shape[0] - 0.5
