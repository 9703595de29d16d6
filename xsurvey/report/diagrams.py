"""What the sources are like as a population: their brightness, significance and hardness.

These figures have no background and light ink; the page inverts them where it is light.
"""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from xsurvey.report.numbers import MINUS, en_dashes
from xsurvey.report.plate import (
    GRID,
    INK,
    MARGINAL_COLOUR,
    TEXT_SIZE,
    TRUE_COLOUR,
    dress,
    figure_of,
    new_figure,
)
from xsurvey.report.table import bands_of, hardness_of, is_marginal, source_column

FEWEST = 4
_SIZE = (6.6, 4.3)
_MOST_ERROR_BARS = 300


def significance_figure(sources: Table) -> Figure | None:
    """Return detection likelihood against net counts; None for too few sources."""
    band = next(iter(bands_of(sources)), None)
    if band is None:
        return None
    net = source_column(sources, f"net_counts_{band}")
    likelihood = source_column(sources, "detection_likelihood")
    usable = (net > 0) & (likelihood > 0)
    if usable.sum() < FEWEST:
        return None
    axes = _axes()
    draw_significance(axes, net[usable], likelihood[usable], is_marginal(sources)[usable])
    axes.set_xlabel(f"Net counts, {en_dashes(bands_of(sources)[band])}")
    return figure_of(axes)


def hardness_figure(sources: Table) -> Figure | None:
    """Return hardness ratio against rate, with 68% errors; None for too few sources."""
    band, ratio = next(iter(bands_of(sources)), None), best_hardness(sources)
    if band is None or ratio is None:
        return None
    rate = 1e3 * np.array([source_column(sources, f"rate_{band}{e}") for e in ("", "_lo", "_hi")])
    hardness = np.array(
        [source_column(sources, f"hardness_{ratio}{e}") for e in ("", "_lo", "_hi")]
    )
    usable = (rate[0] > 0) & (rate[1] > 0) & np.isfinite(hardness).all(axis=0)
    if usable.sum() < FEWEST:
        return None
    axes = _axes()
    draw_hardness(axes, rate[:, usable], hardness[:, usable], is_marginal(sources)[usable])
    axes.set_xlabel(f"Rate (count ks⁻¹), {en_dashes(bands_of(sources)[band])}")
    axes.set_ylabel(f"Hardness ratio, {en_dashes(hardness_of(sources)[ratio])}")
    return figure_of(axes)


def best_hardness(sources: Table) -> str | None:
    """Return the hardness ratio with the smallest median error, None where none is measured."""
    errors = {}
    for label in hardness_of(sources):
        low, high = (source_column(sources, f"hardness_{label}_{end}") for end in ("lo", "hi"))
        width = (high - low)[np.isfinite(high - low)]
        if len(width) >= FEWEST:
            errors[label] = float(np.median(width))
    return min(errors, key=errors.__getitem__) if errors else None


def draw_significance(
    axes: Axes, net: np.ndarray, likelihood: np.ndarray, marginal: np.ndarray
) -> Axes:
    """Draw -ln P against net counts, both logarithmic; MARGINAL sources hollow."""
    _points(axes, net, likelihood, marginal)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_power_label))
    axes.set_ylabel(f"Detection likelihood, {MINUS}ln P")
    axes.legend(frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 1, loc="upper left")
    return axes


def draw_hardness(axes: Axes, rate: np.ndarray, hardness: np.ndarray, marginal: np.ndarray) -> Axes:
    """Draw hardness ratios against rates.

    Parameters
    ----------
    axes : Axes
    rate, hardness : ndarray, shape (3, n)
        Values, lower and upper ends of their intervals.
    marginal : ndarray of bool, shape (n,)
    """
    if rate.shape[1] <= _MOST_ERROR_BARS:
        axes.errorbar(
            rate[0], hardness[0], xerr=_lengths(rate), yerr=_lengths(hardness), fmt="none",
            ecolor=INK, alpha=0.28, elinewidth=0.8,
        )  # fmt: skip
    _points(axes, rate[0], hardness[0], marginal)
    axes.set_xscale("log")
    axes.set_ylim(-1.08, 1.08)
    axes.xaxis.set_major_formatter(FuncFormatter(_power_label))
    return axes


def _lengths(interval: np.ndarray) -> np.ndarray:
    return np.maximum([interval[0] - interval[1], interval[2] - interval[0]], 0)


def _points(axes: Axes, x: np.ndarray, y: np.ndarray, marginal: np.ndarray) -> None:
    size = 26 if len(x) < 500 else 10
    for chosen, name, face, edge in (
        (~marginal, "TRUE", TRUE_COLOUR, "none"),
        (marginal, "MARGINAL", "none", MARGINAL_COLOUR),
    ):
        if chosen.any():
            axes.scatter(
                x[chosen], y[chosen], s=size, facecolors=face, edgecolors=edge, linewidths=1.1,
                alpha=0.9, label=name, zorder=3,
            )  # fmt: skip


def _power_label(value: float, _: int | None) -> str:
    return f"{value:g}" if 1e-3 <= value < 1e5 else f"{value:.0e}"


def _axes() -> Axes:
    width, height = _SIZE
    figure = new_figure(width, height, background="none")
    axes = figure.add_axes(
        (0.8 / width, 0.65 / height, (width - 1.0) / width, (height - 0.85) / height)
    )
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return dress(axes)
