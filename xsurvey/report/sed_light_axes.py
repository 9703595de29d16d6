"""Fitted models of one source drawn together: spectra, and polarization below, with their bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xsurvey.report.plate import INK, STAMP_COLOUR, TEXT_SIZE, figure_of
from xsurvey.report.sed_axes import draw_left_out, draw_points, flux_range, stacked_panels
from xsurvey.report.sed_polarization_axes import (
    draw_measured_angles,
    draw_measured_degrees,
    finish_degrees,
    near_angle,
)
from xsurvey.report.sed_style import prepare, shown
from xsurvey.sed.fitting.predicted_light import Curve, PredictedLight
from xsurvey.sed.polarization.measurements import PolarizationMeasurements
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.tables.points import SedPoints

_SED, _DEGREES, _ANGLES = 4.4, 2.1, 1.4
"""Heights of panels, inches."""
_COLOURS = (STAMP_COLOUR, "#7ad7e5", "#c3e57a", "#e57ad1", "#f4e36a", "#8fa8ff")
_DASHES = ("solid", "dashed", "dashdot", "dotted")
_PROCESSES = ("dashed", "dotted", "dashdot", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 3)), (0, (1, 3)))
_DARK, _FAINT = 0.30, 0.16
_MARGIN = 4.0


def models_figure(
    models: Mapping[str, PredictedLight], sed: SpectralEnergyDistribution, points: SedPoints,
    measured: PolarizationMeasurements | None = None, title: str = "",
) -> Figure:  # fmt: skip
    """Return the figure of models of one source: points, best fits and bands of the posterior.

    Of one model its processes are drawn too, and the bands of all levels; of several the band of
    the lowest level of each. With measured polarization degrees are below, and angles if there are
    any.

    Parameters
    ----------
    models : mapping of str to PredictedLight
        By name.
    sed : SpectralEnergyDistribution
        All points.
    points : SedPoints
        Those that were fitted.
    measured : PolarizationMeasurements, optional
    title : str
    """
    heights = [_SED]
    with_angles = measured is not None and measured.angle_deg() is not None
    if measured is not None:
        heights += [_DEGREES] + ([_ANGLES] if with_angles else [])
    drawn = stacked_panels(heights)
    _draw_spectra(drawn[0], models, sed, points)
    if measured is not None:
        _draw_degrees(drawn[1], models, measured)
        if with_angles:
            _draw_angles(drawn[2], models, measured)
    drawn[0].set_title(shown(title).lstrip(), loc="left", color=INK, size=TEXT_SIZE)
    drawn[0].legend(
        frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 3, loc="upper left",
        bbox_to_anchor=(1.01, 1.02), borderaxespad=0.0,
    )  # fmt: skip
    for axes in drawn[:-1]:
        axes.tick_params(labelbottom=False, which="both")
    drawn[-1].set_xlabel("Frequency (Hz)")
    return figure_of(drawn[0])


def _draw_spectra(
    axes: Axes, models: Mapping[str, PredictedLight], sed: SpectralEnergyDistribution,
    points: SedPoints,
) -> None:  # fmt: skip
    prepare(axes)
    axes.set_yscale("log")
    draw_left_out(axes, sed, points)
    draw_points(axes, points)
    _draw_models(axes, models, "flux", 1.0)
    if len(models) == 1:
        (light,) = models.values()
        # one process alone is the model itself
        processes = light.components if len(light.components) > 1 else {}
        for number, (process, flux) in enumerate(processes.items()):
            axes.plot(
                light.frequency, np.where(flux > 0, flux, np.nan), color=INK, linewidth=1.0,
                alpha=0.9, linestyle=_PROCESSES[number % len(_PROCESSES)],
                label=process.replace("_", " "),
            )  # fmt: skip
    low = min(float(light.frequency[0]) for light in models.values())
    high = max(float(light.frequency[-1]) for light in models.values())
    axes.set_xlim(low, high)
    total = np.concatenate([light.flux.best for light in models.values()])
    bottom, top = flux_range(sed.flux, total)
    axes.set_ylim(bottom / _MARGIN, top * _MARGIN)
    axes.set_ylabel(r"$\nu F_\nu$ (erg cm⁻² s⁻¹)")


def _draw_degrees(
    axes: Axes, models: Mapping[str, PredictedLight], measured: PolarizationMeasurements
) -> None:
    prepare(axes)
    largest = [draw_measured_degrees(axes, measured)]
    _draw_models(axes, models, "degree", 100.0)
    largest += [
        float(np.nanmax(light.degree.best)) for light in models.values() if light.degree is not None
    ]
    finish_degrees(axes, max(largest))


def _draw_angles(
    axes: Axes, models: Mapping[str, PredictedLight], measured: PolarizationMeasurements
) -> None:
    prepare(axes)
    middle = measured.angle_deg() or 0.0
    _draw_models(axes, models, "angle", 1.0, middle)
    draw_measured_angles(axes, measured, middle)


def _draw_models(
    axes: Axes, models: Mapping[str, PredictedLight], quantity: str, factor: float,
    middle: float | None = None,
) -> None:  # fmt: skip
    """Draw a quantity of all models: bands, then lines above them."""
    for number, (name, light) in enumerate(models.items()):
        curve: Curve | None = getattr(light, quantity)
        if curve is None:
            continue
        if middle is not None:
            curve = _about(curve, middle)
        colour = _COLOURS[number % len(_COLOURS)]
        levels = light.levels if len(models) == 1 else light.levels[:1]
        if light.draws:
            for i in reversed(range(len(levels))):
                axes.fill_between(
                    light.frequency, factor * curve.lower[i], factor * curve.upper[i],
                    color=colour, alpha=_FAINT if i else _DARK, linewidth=0,
                )  # fmt: skip
        axes.plot(
            light.frequency, factor * curve.best, color=colour, linewidth=1.5, zorder=4,
linestyle=_DASHES[number % len(_DASHES)],
            label=shown(name) if quantity == "flux" else None,
        )  # fmt: skip


def _about(curve: Curve, middle: float) -> Curve:
    """Return angles whose best fit is within 90 degrees of a middle."""
    turned = near_angle(curve.best, middle) - curve.best
    return Curve(*(values + turned for values in curve))
