"""Spectra drawn: counts with the folded model, residuals, and unfolded spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from xsurvey.report.plate import (
    GRID,
    INK,
    STAMP_COLOUR,
    TEXT_SIZE,
    TRUE_COLOUR,
    dress,
    new_figure,
)
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.fit import Fit

_WIDTH, _HEIGHT = 9.0, 6.0
_COUNTS_A_POINT = 15.0
"""Groups are joined for display until they hold so many counts, or are a tenth of the energy."""
_POINTS = 100
"""More points would hide the model: of many counts each has this part of them."""
_WIDEST = 0.1
_RANGE = 1e5  # of the axis of rates, at most
_COLOURS = (TRUE_COLOUR, "#ff9d6f", "#a7e57a", "#d9a6ff", "#f4e36a")


@dataclass(frozen=True)
class DisplayBins:
    """Groups joined so that points can be seen; display only.

    Attributes
    ----------
    energy_low, energy_high : ndarray, shape (d,)
        keV.
    rate, rate_error : ndarray, shape (d,)
        count / s / keV, background subtracted where the spectrum has one.
    model : ndarray, shape (d,)
        The same of the folded model.
    residual : ndarray, shape (d,)
        (data - model) / error of the model's counts.
    """

    energy_low: np.ndarray
    energy_high: np.ndarray
    rate: np.ndarray
    rate_error: np.ndarray
    model: np.ndarray
    residual: np.ndarray


def display_bins(
    dataset: Dataset, model: np.ndarray, counts_a_point: float | None = None
) -> DisplayBins:
    """Join neighbouring groups for display, in the order of their energies.

    Parameters
    ----------
    dataset : Dataset
    model : ndarray, shape (m,)
        Expected source counts.
    counts_a_point : float, optional
        Joined until there are so many: 15, or a hundredth of all counts where that is more.
    """
    order = np.argsort(dataset.energy_low, kind="stable")
    lows, highs = dataset.energy_low[order], dataset.energy_high[order]
    if counts_a_point is None:
        counts_a_point = max(_COUNTS_A_POINT, float(dataset.counts.sum()) / _POINTS)
    first = _joined(lows, highs, dataset.counts[order], counts_a_point)

    def total(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values[order], first)

    low, high = lows[first], np.maximum.reduceat(highs, first)
    scale = dataset.exposure * np.maximum(high - low, 1e-12)
    counts, expected = total(dataset.counts), total(model)
    background = np.zeros(len(first))
    variance = np.zeros(len(first))
    if dataset.background is not None:
        background = total(dataset.background_scale * dataset.background.counts)
        variance = total(dataset.background_scale**2 * dataset.background.counts)
    if dataset.poisson or dataset.statistical_error is None:
        data_variance = np.maximum(counts, 1.0)
        model_variance = np.maximum(expected + background, 1e-10) + variance
    else:
        data_variance = total(dataset.statistical_error**2)
        model_variance = data_variance + variance
    return DisplayBins(
        low, high, (counts - background) / scale, np.sqrt(data_variance + variance) / scale,
        expected / scale, (counts - background - expected) / np.sqrt(model_variance),
    )  # fmt: skip


def _joined(
    low: np.ndarray, high: np.ndarray, counts: np.ndarray, counts_a_point: float
) -> np.ndarray:
    """Return the first group of each point."""
    first, held = [0], 0.0
    apart = _apart(low, high)
    for i in range(1, len(counts)):
        held += float(counts[i - 1])
        begin = low[first[-1]]
        wide = high[i] - begin > _WIDEST * max(begin, 1e-3)
        if held >= counts_a_point or wide or apart[i - 1]:
            first.append(i)
            held = 0.0
    return np.array(first)


def _apart(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Tell after which bins there is a gap, shape (n - 1,)."""
    return np.asarray(low[1:] > high[:-1] * (1 + 1e-6) + 1e-9)


def draw_spectrum(
    axes: Axes, dataset: Dataset, model: np.ndarray, *, colour: str = TRUE_COLOUR,
    label: str | None = None, counts_a_point: float | None = None,
) -> Axes:  # fmt: skip
    """Draw counts over energy with the folded model.

    Parameters
    ----------
    axes : Axes
    dataset : Dataset
    model : ndarray, shape (m,)
        Expected source counts of the groups.
    colour, label : str
    counts_a_point : float, optional
        As in `display_bins`.

    Returns
    -------
    Axes
    """
    bins = display_bins(dataset, model, counts_a_point)
    _prepare(axes)
    _points(axes, bins, bins.rate, bins.rate_error, colour, label or dataset.name)
    _steps(axes, bins, bins.model, colour)
    positive = np.concatenate((bins.rate[bins.rate > 0], bins.model[bins.model > 0]))
    if len(positive):
        axes.set_yscale("log")
        measured = bins.rate[bins.rate > bins.rate_error]  # is never cut off
        # a model that falls far below them would leave them no room
        lowest = measured.min() if len(measured) else np.percentile(positive, 1)
        top = float(positive.max())
        axes.set_ylim(max(0.4 * float(lowest), top / _RANGE), 2.5 * top)
    axes.set_ylabel("count s⁻¹ keV⁻¹")
    return axes


def draw_residuals(
    axes: Axes, dataset: Dataset, model: np.ndarray, *, colour: str = TRUE_COLOUR,
    counts_a_point: float | None = None,
) -> Axes:  # fmt: skip
    """Draw (data - model) / error, the error being that of the counts that the model expects.

    Parameters
    ----------
    axes : Axes
    dataset : Dataset
    model : ndarray, shape (m,)
        Expected source counts of the groups.

    Returns
    -------
    Axes
    """
    bins = display_bins(dataset, model, counts_a_point)
    _prepare(axes)
    axes.axhline(0, color=STAMP_COLOUR, linewidth=1.0)
    _points(axes, bins, bins.residual, np.ones(len(bins.residual)), colour, None)
    axes.set_ylabel("residual / error")
    axes.set_xlabel("Energy (keV)")
    return axes


def draw_unfolded(
    axes: Axes, dataset: Dataset, model: np.ndarray, edges: np.ndarray, flux: np.ndarray, *,
    colour: str = TRUE_COLOUR, label: str | None = None, counts_a_point: float | None = None,
) -> Axes:  # fmt: skip
    """Draw E^2 dN/dE: the model, and data as ratios to the folded model.

    Unfolded points depend on the model; only their ratio to it is measured.

    Parameters
    ----------
    axes : Axes
    dataset : Dataset
    model : ndarray, shape (m,)
        Expected source counts of the groups.
    edges : ndarray, shape (n + 1,)
        keV.
    flux : ndarray, shape (n,)
        photon / cm2 / s in each energy bin.

    Returns
    -------
    Axes
    """
    bins = display_bins(dataset, model, counts_a_point)
    _prepare(axes)
    centre = np.sqrt(edges[1:] * edges[:-1])
    curve = centre**2 * flux / np.diff(edges)
    middle = np.sqrt(np.maximum(bins.energy_low, 1e-6) * bins.energy_high)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.interp(middle, centre, curve) / bins.model
    known = np.isfinite(factor) & (bins.model > 0)
    shown = DisplayBins(*(getattr(bins, n)[known] for n in bins.__dataclass_fields__))
    _points(
        axes, shown, shown.rate * factor[known], shown.rate_error * factor[known], colour,
        label or dataset.name,
    )  # fmt: skip
    inside = (centre >= bins.energy_low.min()) & (centre <= bins.energy_high.max())
    axes.plot(centre[inside], curve[inside], color=STAMP_COLOUR, linewidth=1.2)
    axes.set_yscale("log")
    drawn = curve[inside & (curve > 0)]
    if len(drawn):
        axes.set_ylim(0.2 * float(drawn.min()), 5 * float(drawn.max()))
    axes.set_ylabel("E² dN/dE (keV cm⁻² s⁻¹)")
    axes.set_xlabel("Energy (keV)")
    return axes


def spectrum_figure(
    datasets: Sequence[Dataset], models: Sequence[np.ndarray], title: str = ""
) -> Figure:
    """Return a figure of spectra with folded models, and their residuals below.

    Parameters
    ----------
    datasets : sequence of Dataset
    models : sequence of ndarray, shape (m,)
        Expected source counts of each.
    title : str
    """
    figure = new_figure(_WIDTH, _HEIGHT)
    upper = figure.add_axes((0.1, 0.36, 0.87, 0.57))
    lower = figure.add_axes((0.1, 0.1, 0.87, 0.25), sharex=upper)
    limits = []
    for number, (dataset, model) in enumerate(zip(datasets, models, strict=True)):
        colour = _COLOURS[number % len(_COLOURS)]
        draw_spectrum(upper, dataset, model, colour=colour)
        draw_residuals(lower, dataset, model, colour=colour)
        limits.append(upper.get_ylim())
    upper.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    upper.tick_params(labelbottom=False, which="both")
    upper.set_title(title, loc="left", color=INK, size=TEXT_SIZE)
    upper.legend(frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2)
    return figure


def fit_figure(fit: Fit, title: str = "") -> Figure:
    """Return the figure of all spectra of a fit with the folded models at its best."""
    likelihood = fit.likelihood
    models = [m[0] for m in likelihood.source_by_member(fit.theta[None, :])]
    return spectrum_figure([m.dataset for m in likelihood.members], models, title)


def _prepare(axes: Axes) -> None:
    dress(axes)
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _points(
    axes: Axes, bins: DisplayBins, value: np.ndarray, error: np.ndarray, colour: str,
    label: str | None,
) -> None:  # fmt: skip
    middle = np.sqrt(np.maximum(bins.energy_low, 1e-6) * bins.energy_high)
    axes.errorbar(
        middle, value, yerr=error, xerr=[middle - bins.energy_low, bins.energy_high - middle],
        fmt="none", ecolor=colour, elinewidth=1.1, alpha=0.9, label=label,
    )  # fmt: skip


def _steps(axes: Axes, bins: DisplayBins, value: np.ndarray, colour: str) -> None:
    gaps = np.flatnonzero(_apart(bins.energy_low, bins.energy_high)) + 1
    for part in np.split(np.arange(len(value)), gaps):
        edges = np.append(bins.energy_low[part], bins.energy_high[part[-1]])
        axes.stairs(
            value[part], edges, color=STAMP_COLOUR if colour == TRUE_COLOUR else colour,
            linewidth=1.3, baseline=None, zorder=3,
        )  # fmt: skip
