"""Degree and angle of polarization against time, beside those of an optical companion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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

_OPTICAL = "#a7e57a"
_FOUND = 0.01
"""Probability without rotation below which a rotation is drawn."""
_WIDTH, _HEIGHT = 9.0, 6.6
_LINE = 400


def angle_figure(
    behaviour: Mapping[str, Any], companion: Mapping[str, Any] | None = None, title: str = ""
) -> Figure:
    """Return a figure of polarization degree and angle against time.

    Half turns of X-ray angles are those nearest to the rotation, where there is one; else to the
    optical angles or to a constant one, whichever is nearer to all of them. Bins whose degree is
    below MDP99 are faint, for their angles are no measurements. A rotation is drawn where its
    probability by chance is below 1 %, with the band of its 68.3 % errors.

    Parameters
    ----------
    behaviour : mapping
        As ``behaviour.json``: ``time_bins`` and ``rotation``. Values may be None.
    companion : mapping, optional
        As ``companion.json``: ``points``.
    title : str
        Of the source.
    """
    figure = new_figure(_WIDTH, _HEIGHT)
    upper = figure.add_axes((0.1, 0.55, 0.87, 0.37))
    lower = figure.add_axes((0.1, 0.1, 0.87, 0.41), sharex=upper)
    bins = [b for b in behaviour["time_bins"] if _known(b, "mjd", "mjd_half_width")]
    points = list(companion["points"]) if companion is not None else []
    begin = float(np.floor(_first(bins, points)))
    for axes in (upper, lower):
        dress(axes)
        axes.grid(color=GRID, alpha=0.10, linewidth=0.8)
        axes.set_axisbelow(True)
    draw_degrees(upper, bins, points, begin)
    rotation = behaviour["rotation"]
    draw_angles(lower, bins, points, rotation, begin)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel(f"Time, 0 at MJD {begin:.0f} (d, UTC)", color=INK, size=TEXT_SIZE)
    upper.set_title(title, loc="left", color=INK, size=TEXT_SIZE)
    upper.set_title(_verdict(behaviour), loc="right", color=FAINT_INK, size=TEXT_SIZE - 1)
    if not bins:
        upper.text(
            0.5, 0.5, "too few events for time bins", color=FAINT_INK, size=TEXT_SIZE, ha="center",
            transform=upper.transAxes,
        )  # fmt: skip
    return figure


def draw_degrees(
    axes: Axes, bins: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]],
    begin: float,
) -> None:  # fmt: skip
    """Draw degrees with their errors, and what is below MDP99 shaded.

    Parameters
    ----------
    axes : Axes
    bins, points : sequence of mapping
        Of ``time_bins`` and of the companion.
    begin : float
        MJD of the zero of time.
    """
    limited = [b for b in bins if _known(b, "mdp99")]
    for i, one in enumerate(limited):
        left = one["mjd"] - one["mjd_half_width"] - begin
        axes.fill_between(
            [left, left + 2 * one["mjd_half_width"]], 0, 100 * one["mdp99"], color=FAINT_INK,
            alpha=0.25, linewidth=0, label="below MDP99" if i == 0 else None,
        )  # fmt: skip
    if points:
        time, pd, error = (np.array([p[n] for p in points]) for n in ("mjd", "pd", "pd_err"))
        _bars(axes, time - begin, 100 * pd, 100 * error, _OPTICAL, "optical")
    shown = [b for b in bins if _known(b, "pd", "pd_err")]
    if shown:
        time, half, pd, error = _columns(shown, "mjd", "mjd_half_width", "pd", "pd_err")
        _bars(axes, time - begin, 100 * pd, 100 * error, TRUE_COLOUR, "X-rays, 68.3 % errors", half)
    axes.set_ylabel("Degree (%)", color=INK, size=TEXT_SIZE)
    axes.set_ylim(bottom=0)
    axes.set_ylim(top=1.22 * axes.get_ylim()[1])  # the legend's room
    if points or bins:
        axes.legend(
            frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2, loc="upper right", ncols=3
        )


def draw_angles(
    axes: Axes, bins: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]],
    rotation: Mapping[str, Any] | None, begin: float,
) -> None:  # fmt: skip
    """Draw angles, the companion's as a continuous line, and the rotation that was found.

    Parameters are those of `draw_degrees`, and the record of the rotation.
    """
    shown = [b for b in bins if _known(b, "pa_deg", "pa_err_deg")]
    found = rotation if rotation is not None and _is_found(rotation) else None
    references: list[tuple[np.ndarray, np.ndarray]] = []
    if points:
        time, angle, error = _columns(points, "mjd", "pa_resolved_deg", "pa_err_deg")
        _bars(axes, time - begin, angle, error, _OPTICAL, "optical, half turns resolved")
        axes.plot(time - begin, angle, color=_OPTICAL, linewidth=0.8, alpha=0.5)
        references.append((time, angle))
    if found is not None and bins:
        ends = [b["mjd"] + s * b["mjd_half_width"] for b in bins for s in (-1, 1)]
        mjd = np.linspace(min(ends), max(ends), _LINE)
        line, band = _line(found, mjd)
        if references:
            line += _half_turns(line[[_LINE // 2]], mjd[[_LINE // 2]], references[0])
        text = f"{found['rate_deg_per_day']:.3g} ± {found['rate_err']:.2g} deg/day"
        axes.plot(mjd - begin, line, color=STAMP_COLOUR, linewidth=1.4, zorder=1.5,
                  label=f"rotation, {text}")  # fmt: skip
        axes.fill_between(
            mjd - begin, line - band, line + band, color=STAMP_COLOUR, alpha=0.25, linewidth=0
        )
        references = [(mjd, line)]
    reference = _nearest(shown, references)
    for strong, label in ((True, "X-rays"), (False, "X-rays, below MDP99")):
        some = [b for b in shown if (b["pd"] > (b["mdp99"] or np.inf)) == strong]
        if some:
            time, half, angle, error = _columns(some, "mjd", "mjd_half_width", "pa_deg",
                                                "pa_err_deg")  # fmt: skip
            if reference is not None:
                angle += _half_turns(angle, time, reference)
            error = np.minimum(error, 90.0)  # all angles
            _bars(axes, time - begin, angle, error, TRUE_COLOUR, label, half,
                  0.95 if strong else 0.35)  # fmt: skip
    axes.set_ylabel("Angle (deg, north through east)", color=INK, size=TEXT_SIZE)
    if shown or points:
        axes.legend(frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2, loc="best")


def _line(rotation: Mapping[str, Any], mjd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the angle of the rotation and its error, which are independent of the rate's."""
    since = mjd - rotation["reference_mjd"]
    line = rotation["pa_deg"] + rotation["rate_deg_per_day"] * since
    return line, np.hypot(rotation["pa_err_deg"], rotation["rate_err"] * since)


def _nearest(
    bins: Sequence[Mapping[str, Any]], references: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return which angle against time, or a constant one, is nearest to those of the bins."""
    if not bins:
        return None
    time, angle, error = _columns(bins, "mjd", "pa_deg", "pa_err_deg")
    weight = 1 / np.maximum(error, 1.0) ** 2
    mean = np.degrees(np.angle((weight * np.exp(2j * np.radians(angle))).sum())) / 2
    constant = np.full(len(time), mean)
    if references:  # the half turn that is next to the other angles
        constant += 180 * np.round((np.interp(time, *references[0]).mean() - mean) / 180)
    every = [*references, (time, constant)]
    away = [
        (weight * np.sin(np.radians(angle - np.interp(time, *one))) ** 2).sum() for one in every
    ]
    return every[int(np.argmin(away))]


def _half_turns(
    angle: np.ndarray, time: np.ndarray, reference: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return half turns that put angles nearest to a line."""
    there = np.interp(time, *reference)
    return 180 * np.round((there - angle) / 180)


def _bars(
    axes: Axes, time: np.ndarray, value: np.ndarray, error: np.ndarray, colour: str, label: str,
    half: np.ndarray | None = None, alpha: float = 0.95,
) -> None:  # fmt: skip
    axes.errorbar(
        time, value, yerr=error, xerr=half, fmt="o", ms=4 if half is not None else 3, color=colour,
        ecolor=colour, elinewidth=1.1, alpha=alpha, label=label,
    )  # fmt: skip


def _is_found(rotation: Mapping[str, Any]) -> bool:
    needed = ("rate_deg_per_day", "rate_err", "pa_deg", "pa_err_deg", "reference_mjd", "p")
    return _known(rotation, *needed) and rotation["p"] <= _FOUND


def _verdict(behaviour: Mapping[str, Any]) -> str:
    said = []
    for name, words in (("constancy", "if constant"), ("rotation", "if at rest")):
        test = behaviour[name]
        if test is not None and test["p"] is not None:
            at_most = test["trials"] and test["p"] <= 1.5 / (1 + test["trials"])
            said.append(f"{words}: p {'≤' if at_most else '='} {test['p']:.2g}")
    return ", ".join(said)


def _first(bins: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]]) -> float:
    begins = [b["mjd"] - b["mjd_half_width"] for b in bins] + [p["mjd"] for p in points]
    return min(begins, default=0.0)


def _columns(rows: Sequence[Mapping[str, Any]], *names: str) -> list[np.ndarray]:
    return [np.array([row[name] for row in rows], float) for name in names]


def _known(row: Mapping[str, Any], *names: str) -> bool:
    return all(row[n] is not None and np.isfinite(row[n]) for n in names)
