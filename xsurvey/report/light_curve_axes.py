"""Light curves drawn: rates with intervals, arrows where there is a limit only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xsurvey.inference.poisson_rate import CONFIDENCE, LIMIT_CONFIDENCE
from xsurvey.report.numbers import en_dashes
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
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.measure import Variability

_WIDTH, _PANEL, _TOP, _BOTTOM = 9.0, 2.3, 0.45, 0.75
_LEFT, _RIGHT, _SPACE = 0.95, 0.3, 0.34
_LONG_GAP = 0.25  # of the whole span: a longer one would leave the axis empty
_UNUSUAL = 5.0  # times the median gap
_DAY = 86400.0


def light_curve_figure(
    curve: LightCurve, measures: Sequence[Variability] = (),
    limit_confidence: float = LIMIT_CONFIDENCE,
) -> Figure:  # fmt: skip
    """Return a light curve with a panel a band, its verdicts above the panels.

    Parameters
    ----------
    curve : LightCurve
    measures : sequence of Variability
        One a band, or none.
    limit_confidence : float
        Of the upper limits drawn as arrows.
    """
    number = len(curve.bands)
    height = _BOTTOM + _TOP + number * _PANEL + (number - 1) * _SPACE
    figure = new_figure(_WIDTH, height)
    first: Axes | None = None
    for i in range(number):
        bottom = _BOTTOM + (number - 1 - i) * (_PANEL + _SPACE)
        axes = figure.add_axes(
            (_LEFT / _WIDTH, bottom / height, (_WIDTH - _LEFT - _RIGHT) / _WIDTH, _PANEL / height),
            sharex=first,
        )  # fmt: skip
        first = first or axes
        draw_light_curve(axes, curve, i, limit_confidence=limit_confidence)
        if measures:
            verdict = measures[i].verdict().replace("<=", "\N{LESS-THAN OR EQUAL TO}")
            axes.set_title(verdict, loc="right", color=FAINT_INK, size=TEXT_SIZE - 1)
        if i < number - 1:
            axes.tick_params(labelbottom=False)
            axes.set_xlabel("")
    return figure


def draw_light_curve(
    axes: Axes, curve: LightCurve, band: int = 0, *, confidence: float = CONFIDENCE,
    limit_confidence: float = LIMIT_CONFIDENCE,
) -> Axes:  # fmt: skip
    """Draw the rates of one band and the mean rate.

    Rates are net counts over exposure with their shortest interval; where that reaches zero, an
    arrow hangs from the upper limit instead. The horizontal axis is time, or the number of the
    bin where gaps would leave most of the time axis empty: long gaps are then dotted lines.

    Parameters
    ----------
    axes : Axes
    curve : LightCurve
    band : int
        Position of the band.
    confidence, limit_confidence : float
        Of the intervals and of the limits.
    """
    dress(axes)
    axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
    axes.set_axisbelow(True)
    place, half, label = _horizontal(axes, curve)
    rate = curve.rate[:, band]
    low, high = (end[:, band] for end in curve.rate_interval(confidence))
    limit = curve.upper_limit(limit_confidence)[:, band]
    seen, unseen = low > 0, low <= 0
    lengths = np.maximum([rate - low, high - rate], 0)
    size = 4.5 if len(curve) < 200 else 2.5
    axes.errorbar(
        place[seen], rate[seen], yerr=lengths[:, seen], xerr=half[seen], fmt="o", ms=size,
        color=TRUE_COLOUR, ecolor=TRUE_COLOUR, elinewidth=1.0, alpha=0.9,
        label=f"rate, {_percent(confidence)} interval",
    )  # fmt: skip
    if unseen.any():
        top = np.nanmax(np.r_[high[seen], limit[unseen]])
        axes.errorbar(
            place[unseen], limit[unseen], xerr=half[unseen], yerr=0.06 * top, uplims=True,
            fmt="none", ecolor=FAINT_INK, elinewidth=1.0, capsize=2.5,
        )  # fmt: skip
        axes.plot(
            [], [], marker=r"$\downarrow$", ms=9, color=FAINT_INK, linestyle="none",
            label=f"{_percent(limit_confidence)} upper limit",
        )  # fmt: skip
    mean = float(curve.summed().rate[0, band])
    axes.axhline(mean, color=STAMP_COLOUR, linewidth=1.0, linestyle="dashed", label="mean rate")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    unit = "count s⁻¹" if curve.exposure_unit == "s" else "count s⁻¹ deg⁻²"
    axes.set_ylabel(f"Rate ({unit})")
    name = str(curve.bands[band])
    energies = f"{en_dashes(name)} keV" if not isinstance(curve.bands[band], str) else name
    axes.set_title(energies, loc="left", color=INK, size=TEXT_SIZE)
    axes.legend(
        frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2.5, loc="upper right", ncols=3,
        borderaxespad=0.1,
    )  # fmt: skip
    axes.set_ylim(top=1.16 * axes.get_ylim()[1])  # the legend's room
    return axes


def _percent(confidence: float) -> str:
    return f"{100 * confidence:.4g}%"


def _horizontal(axes: Axes, curve: LightCurve) -> tuple[np.ndarray, np.ndarray, str]:
    """Return places, half widths, and the label of the axis."""
    begin = float(curve.start[0])
    span = float(curve.stop[-1]) - begin
    gaps = np.maximum(curve.start[1:] - curve.stop[:-1], 0)
    usual = np.median(gaps) if len(gaps) else 0
    long = np.flatnonzero((gaps > _LONG_GAP * span) & (gaps > _UNUSUAL * usual))
    date = curve.reference_mjd + begin / _DAY
    at = f"at MJD {date:.5f}" if np.isfinite(date) else f"at {begin:.0f} s"
    scale = f" {curve.time_scale}" if curve.time_scale else ""
    if len(long):
        for before in long:
            axes.axvline(before + 1.5, color=FAINT_INK, linewidth=0.8, linestyle="dotted")
        number = np.arange(1.0, len(curve) + 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        longest = ", ".join(f"{gaps[i] / _DAY:.3g} d" for i in long)
        return number, np.zeros(len(curve)), f"Bin number, the first {at}{scale}; gaps: {longest}"
    unit, seconds = ("d", _DAY) if span > 2 * _DAY else ("ks", 1e3) if span > 3e3 else ("s", 1.0)
    return (
        (curve.time - begin) / seconds, curve.timedel / 2 / seconds,
        f"Time, 0 {at}{scale} ({unit})",
    )  # fmt: skip
