"""Surface-brightness profiles drawn: bins with intervals, models, and what these leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from xsurvey.profiles.brightness import Brightness, brightness
from xsurvey.profiles.radial_profile import RadialProfile
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

_WIDTH, _HEIGHT, _RESIDUALS = 9.0, 5.2, 1.7
_LEFT, _RIGHT, _TOP, _BOTTOM, _SPACE = 1.05, 0.3, 0.45, 0.75, 0.12
MODEL_COLOURS = (STAMP_COLOUR, "#f4f1e4", "#b58cff", "#7fdb8a", "#ff7b8b")
SECTOR_COLOURS = ("#ff7b8b", "#ffb648", "#7fdb8a", "#b58cff", "#f4f1e4", "#5f8dd3", "#c98a5e",
                   "#9aa5b8")  # fmt: skip
_LEAST = 1e-3  # of the brightest bin: the axis goes no lower for one faint bin


@dataclass(frozen=True)
class ModelCurve:
    """A fitted model of a profile.

    Attributes
    ----------
    radius, value : ndarray, shape (m,)
        Arcmin; count / (s arcmin2), as it falls on the sky.
    in_bins : ndarray, shape (n,)
        Expected brightness in the bins of the profile, folded with the PSF.
    """

    radius: np.ndarray
    value: np.ndarray
    in_bins: np.ndarray


def profile_figure(
    profiles: Sequence[RadialProfile], title: str, models: Mapping[str, ModelCurve] | None = None,
    unit: str = "count s⁻¹ arcmin⁻²", names: Sequence[str] = (),
) -> Figure:  # fmt: skip
    """Return a figure of profiles: the first with its models, those of sectors behind it.

    Parameters
    ----------
    profiles : sequence of RadialProfile
    title : str
    models : mapping of str to ModelCurve, optional
        Of the first profile; their residuals are a panel of their own.
    unit : str
        Of the brightness.
    names : sequence of str
        Of the sectors; their angles without them.
    """
    models = models or {}
    below = _RESIDUALS + _SPACE if models else 0.0
    height = _HEIGHT + below
    figure = new_figure(_WIDTH, height)
    across = (_WIDTH - _LEFT - _RIGHT) / _WIDTH
    tall = _HEIGHT - _TOP - _BOTTOM
    axes = figure.add_axes(
        (_LEFT / _WIDTH, (_BOTTOM + below) / height, across, tall / height)
    )  # fmt: skip
    for number, profile in enumerate(profiles[1:]):
        colour = SECTOR_COLOURS[number % len(SECTOR_COLOURS)]
        first, last = profile.sector or (0, 360)
        angles = f"{first % 360:g}° to {last % 360:g}°"
        label = f"{names[number]} ({angles})" if number < len(names) else angles
        draw_profile(axes, profile, label, colour, faint=True)
    draw_profile(axes, profiles[0], "all angles" if len(profiles) > 1 else "", TRUE_COLOUR)
    for number, (name, curve) in enumerate(models.items()):
        colour = MODEL_COLOURS[number % len(MODEL_COLOURS)]
        axes.plot(curve.radius, curve.value, color=colour, linewidth=1.4,
                  label=name.replace("_", " "))  # fmt: skip
    _finish(axes, profiles[0], unit)
    axes.set_title(title, loc="left", color=INK, size=TEXT_SIZE)
    if len(profiles) > 1 or models:
        axes.legend(frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2.5, ncols=2)
    if models:
        lower = figure.add_axes(
            (_LEFT / _WIDTH, _BOTTOM / height, across, _RESIDUALS / height), sharex=axes
        )
        draw_residuals(lower, profiles[0], models)
        axes.tick_params(labelbottom=False, which="both")
        axes.set_xlabel("")
    return figure


def draw_profile(
    axes: Axes, profile: RadialProfile, label: str = "", colour: str = TRUE_COLOUR, *,
    faint: bool = False,
) -> Axes:  # fmt: skip
    """Draw the brightness of bins with their intervals; arrows where the interval reaches zero.

    Parameters
    ----------
    axes : Axes
    profile : RadialProfile
    label : str
        For the legend.
    colour : str
    faint : bool
        Thinner, for profiles that are drawn behind another one.
    """
    light = brightness(profile)
    half = profile.width / 2
    # a logarithmic axis does not show what is not above zero
    shown = np.isfinite(light.value) & (light.lower > 0)
    limit = np.isfinite(light.value) & ~shown & (light.upper > 0)
    style: dict[str, Any] = {"color": colour, "alpha": 0.55 if faint else 0.95, "elinewidth": 0.9}
    ends = np.maximum([light.value - light.lower, light.upper - light.value], 0)
    axes.errorbar(
        profile.radius[shown], light.value[shown], yerr=ends[:, shown], xerr=half[shown],
        fmt="o", ms=2.5 if faint else 4, label=label or None, **style,
    )  # fmt: skip
    if limit.any():
        axes.errorbar(
            profile.radius[limit], light.upper[limit], xerr=half[limit],
            yerr=0.3 * light.upper[limit], uplims=True, fmt="none", capsize=2, **style,
        )  # fmt: skip
    return axes


def draw_residuals(
    axes: Axes, profile: RadialProfile, models: Mapping[str, ModelCurve]
) -> Axes:  # fmt: skip
    """Draw what models leave of each bin, in units of the errors of the bins."""
    light = brightness(profile)
    dress(axes)
    axes.axhline(0, color=FAINT_INK, linewidth=0.8)
    largest = 3.0
    for number, curve in enumerate(models.values()):
        pulls = (light.value - curve.in_bins) / light.error
        colour = MODEL_COLOURS[number % len(MODEL_COLOURS)]
        axes.plot(profile.radius, pulls, "o", ms=4, color=colour, alpha=0.9)
        largest = max(largest, float(np.nanmax(np.abs(pulls), initial=0)) * 1.15)
    axes.set_ylim(-largest, largest)
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    axes.set_ylabel("(data - model) / error")
    axes.set_xlabel("Radius (arcmin)")
    return dress(axes)


def _finish(axes: Axes, profile: RadialProfile, unit: str) -> None:
    """Set scales, limits and labels."""
    light: Brightness = brightness(profile)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    inner = profile.radius[0] * 0.7
    axes.set_xlim(max(inner, 1e-6), profile.edges[-1] * 1.05)
    positive = light.value[np.isfinite(light.value) & (light.lower > 0)]
    if len(positive):
        axes.set_yscale("log")
        low = np.nanmin(light.lower[light.lower > 0])
        axes.set_ylim(max(low, _LEAST * positive.max()) * 0.6, np.nanmax(light.upper) * 1.8)
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("Radius (arcmin)")
    axes.set_ylabel(f"Brightness ({unit})")
    dress(axes)
