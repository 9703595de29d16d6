"""Spectral energy distributions drawn: points, limits, model components, residuals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xsurvey.inference.chains import Chains
from xsurvey.inference.intervals import equal_tailed
from xsurvey.report.plate import FAINT_INK, INK, STAMP_COLOUR, TEXT_SIZE, figure_of, new_figure
from xsurvey.report.sed_polarization_axes import draw_angles, draw_degrees
from xsurvey.report.sed_style import MARKERS, POINT_COLOURS, prepare, shown
from xsurvey.sed.fitting.fit import SedFit
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.tables.points import SedPoints

_WIDTH = 11.0
_SED, _RESIDUALS, _DEGREES, _ANGLES = 4.13, 1.61, 1.9, 1.3
"""Heights of panels, inches."""
_BOTTOM, _GAP, _TOP = 0.63, 0.14, 0.49
_DASHES = ("dashed", "dotted", "dashdot", (0, (5, 1, 1, 1, 1, 1)), (0, (9, 3)))
_CURVE = 400
"""Frequencies of curves."""
_DRAWS = 200
"""Of the posterior, for its band."""
_BAND = 0.6827
_MARGIN_X, _MARGIN_Y = 5.0, 4.0
_FARTHEST = 6.0
"""Residuals of limits are drawn at this many sigma at most."""


def draw_sed(axes: Axes, fit: SedFit, sed: SpectralEnergyDistribution,
             chains: Chains | None = None) -> Axes:  # fmt: skip
    """Draw points with their total errors, upper limits, and the model's components and sum.

    Parameters
    ----------
    axes : Axes
    fit : SedFit
    sed : SpectralEnergyDistribution
        All points of the table; those that are not fitted are drawn faintly.
    chains : Chains, optional
        Draws the central 68.27 % of the posterior of the sum.

    Returns
    -------
    Axes
    """
    points = fit.likelihood.points
    prepare(axes)
    axes.set_yscale("log")
    frequencies = _frequencies(fit, sed)
    draw_left_out(axes, sed, points)
    draw_points(axes, points)
    components = fit.likelihood.fluxes(fit.theta[None, :], frequencies)
    if chains is not None:
        band = _posterior_band(fit, chains, frequencies)
        axes.fill_between(frequencies, *band, color=STAMP_COLOUR, alpha=0.25, linewidth=0)
    for number, (name, values) in enumerate(components.items()):
        if len(components) > 1:
            axes.plot(
                frequencies, values[0], color=INK, linewidth=1.0, alpha=0.9,
                linestyle=_DASHES[number % len(_DASHES)], label=name.replace("_", " "),
            )  # fmt: skip
    total = np.sum([v[0] for v in components.values()], axis=0)
    axes.plot(frequencies, total, color=STAMP_COLOUR, linewidth=1.5, label="sum", zorder=4)
    axes.set_xlim(frequencies[0], frequencies[-1])
    bottom, top = flux_range(sed.flux, total)
    axes.set_ylim(bottom / _MARGIN_Y, top * _MARGIN_Y)
    axes.set_ylabel(r"$\nu F_\nu$ (erg cm⁻² s⁻¹)")
    return axes


def draw_sed_residuals(axes: Axes, fit: SedFit) -> Axes:
    """Draw (data - model) / error of the points; of limits how far the model is below them."""
    points = fit.likelihood.points
    prepare(axes)
    z = fit.likelihood.residuals(fit.likelihood.evaluate(fit.theta[None, :]))[0]
    axes.axhline(0, color=STAMP_COLOUR, linewidth=1.0)
    for name, colour, marker in _styles(points.instruments):
        own = np.array([n == name for n in points.instruments]) & ~points.is_limit
        axes.errorbar(
            points.frequency[own], z[own], yerr=1.0, fmt=marker, color=colour, markersize=3.5,
            elinewidth=0.9,
        )  # fmt: skip
        limits = np.array([n == name for n in points.instruments]) & points.is_limit
        axes.plot(
            points.frequency[limits], np.clip(z[limits], -_FARTHEST, _FARTHEST), "v",
            markerfacecolor="none", color=colour, markersize=5,
        )  # fmt: skip
    farthest = float(np.abs(z[~points.is_limit]).max()) + 1.5
    axes.set_ylim(-farthest, farthest)
    axes.set_ylabel("residual / error")
    axes.set_xlabel("Frequency (Hz)")
    return axes


def sed_figure(
    fit: SedFit, sed: SpectralEnergyDistribution, chains: Chains | None = None, title: str = ""
) -> Figure:
    """Return the figure of a fit: the distribution with its model, and residuals below.

    Of a `JointLikelihood` also degrees of polarization by frequency, and angles if there are any.

    Parameters
    ----------
    fit, sed, chains
        As `draw_sed`.
    title : str
    """
    likelihood = fit.likelihood
    heights = [_SED, _RESIDUALS]
    if isinstance(likelihood, JointLikelihood):
        heights.append(_DEGREES)
        if likelihood.measurements.angle_deg() is not None:
            heights.append(_ANGLES)
    panels = stacked_panels(heights)
    upper = panels[0]
    draw_sed(upper, fit, sed, chains)
    draw_sed_residuals(panels[1], fit)
    if isinstance(likelihood, JointLikelihood):
        for axes, draw in zip(panels[2:], (draw_degrees, draw_angles), strict=False):
            draw(axes, likelihood, fit.theta, _frequencies(fit, sed), chains)
    upper.set_title(shown(title).lstrip(), loc="left", color=INK, size=TEXT_SIZE)
    upper.legend(
        frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 3, loc="upper left",
        bbox_to_anchor=(1.01, 1.02), borderaxespad=0.0,
    )  # fmt: skip
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False, which="both")
        axes.set_xlabel("")
    panels[-1].set_xlabel("Frequency (Hz)")
    return figure_of(upper)


def stacked_panels(heights: Sequence[float]) -> list[Axes]:
    """Return panels of a figure, one below the other, of heights in inches."""
    whole = _BOTTOM + sum(heights) + _GAP * (len(heights) - 1) + _TOP
    figure = new_figure(_WIDTH, whole)
    panels: list[Axes] = []
    top = whole - _TOP
    for height in heights:
        # room for labels such as 2 x 10^-10, which axes of less than two decades have
        box = (0.105, (top - height) / whole, 0.68, height / whole)
        panels.append(figure.add_axes(box, sharex=panels[0] if panels else None))
        top -= height + _GAP
    return panels


def _frequencies(fit: SedFit, sed: SpectralEnergyDistribution) -> np.ndarray:
    """Return frequencies of curves, Hz: beyond all points and measured polarization."""
    where = sed.frequency
    if isinstance(fit.likelihood, JointLikelihood):
        where = np.concatenate([where, fit.likelihood.measurements.frequency])
    return np.geomspace(where.min() / _MARGIN_X, where.max() * _MARGIN_X, _CURVE)


def flux_range(flux: np.ndarray, total: np.ndarray) -> tuple[float, float]:
    """Return the least flux to show, of points if one is positive, and the largest."""
    positive = [values[np.isfinite(values) & (values > 0)] for values in (flux, total)]
    known = [values for values in positive if len(values)]
    if not known:
        return 1.0, 1.0
    return float(known[0].min()), float(max(values.max() for values in known))


def _posterior_band(
    fit: SedFit, chains: Chains, frequencies: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the central part of the sums of draws at each frequency."""
    draws = chains.draws(_DRAWS, np.random.default_rng(chains.seed))
    sums = np.sum(list(fit.likelihood.fluxes(draws, frequencies).values()), axis=0)
    ends = np.array([equal_tailed(column, _BAND) for column in sums.T])
    return ends[:, 0], ends[:, 1]


def draw_left_out(axes: Axes, sed: SpectralEnergyDistribution, points: SedPoints) -> None:
    """Draw points of a table that are not fitted, faintly."""
    fitted = (sed.frequency >= points.frequency[0]) & (sed.frequency <= points.frequency[-1])
    rest = ~fitted & ~sed.is_limit
    if rest.any():
        axes.errorbar(
            sed.frequency[rest], sed.flux[rest], yerr=[sed.error_low[rest], sed.error_high[rest]],
            fmt="o", color=FAINT_INK, markersize=3, elinewidth=0.8, alpha=0.6,
            label="not fitted",
        )  # fmt: skip


def draw_points(axes: Axes, points: SedPoints) -> None:
    """Draw points with their total errors, and upper limits, by instrument."""
    for name, colour, marker in _styles(points.instruments):
        own = np.array([n == name for n in points.instruments])
        measured, limits = own & ~points.is_limit, own & points.is_limit
        axes.errorbar(
            points.frequency[measured], points.flux[measured], yerr=points.sigma[measured],
            fmt=marker, color=colour, markersize=3.5, elinewidth=0.9, label=shown(name),
        )  # fmt: skip
        axes.errorbar(
            points.frequency[limits], points.flux[limits], yerr=0.4 * points.flux[limits],
            uplims=True, fmt="none", ecolor=colour, elinewidth=1.0, capsize=3,
        )  # fmt: skip


def _styles(instruments: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return each instrument, in the order of frequency, with a colour and a marker."""
    return [
        (
            name,
            POINT_COLOURS[i % len(POINT_COLOURS)],
            MARKERS[(i // len(POINT_COLOURS)) % len(MARKERS)],
        )
        for i, name in enumerate(dict.fromkeys(instruments))
    ]
