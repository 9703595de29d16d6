"""The plane of Q/I and U/I: measurements with confidence ellipses, among degrees and angles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Polygon
from matplotlib.ticker import MultipleLocator

from xsurvey.polarization.contours import LEVELS, stokes_ellipses
from xsurvey.report.numbers import DASH
from xsurvey.report.plate import (
    FAINT_INK,
    GRID,
    HALO,
    INK,
    STAMP_COLOUR,
    TEXT_SIZE,
    TRUE_COLOUR,
    dress,
    new_figure,
)

BIN_COLOURS = (TRUE_COLOUR, "#ff7b8b", "#7fdb8a", "#b58cff", "#f4f1e4", "#5f8dd3", "#c98a5e",
               "#9aa5b8")  # fmt: skip
"""Of energy bins, in their order; none is that of an assumed angle."""
_WIDTH, _AXES, _LEFT, _BOTTOM, _TOP = 6.6, 5.5, 0.85, 0.7, 0.2
_LINE, _COLUMNS = 0.24, 2
_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_RAYS = np.arange(-75.0, 91.0, 15.0)  # position angles, deg
_ROOM = 1.14  # from the outermost of a measurement to the frame
_OFF_CENTRE = 0.75  # of the frame about the origin: a smaller one is not about it
_MOST_RINGS = 9
_WHOLE = 100.0  # per cent: no source has more


@dataclass(frozen=True)
class PlaneBins:
    """Measurements as they are drawn, per cent; arrays of the bins that were measured.

    Attributes
    ----------
    labels, colours : list of str
    q, u : ndarray, shape (n,)
    covariance : ndarray, shape (n, 2, 2)
    mdp99 : ndarray, shape (n,)
        NaN where there is none.
    """

    labels: list[str] = field(default_factory=list)
    colours: list[str] = field(default_factory=list)
    q: np.ndarray = field(default_factory=lambda: np.zeros(0))
    u: np.ndarray = field(default_factory=lambda: np.zeros(0))
    covariance: np.ndarray = field(default_factory=lambda: np.zeros((0, 2, 2)))
    mdp99: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Frame:
    """The square that is shown: its middle and half its side, per cent."""

    x0: float
    y0: float
    half: float

    @property
    def x(self) -> tuple[float, float]:
        """Its ends."""
        return self.x0 - self.half, self.x0 + self.half

    @property
    def y(self) -> tuple[float, float]:
        """Its ends."""
        return self.y0 - self.half, self.y0 + self.half

    def holds(self, places: np.ndarray, margin: float) -> np.ndarray:
        """Tell which places (m, 2) are inside, but for a margin in halves of the side."""
        away = np.abs(places - [self.x0, self.y0]).max(axis=-1)
        return np.asarray(away < (1 - margin) * self.half)

    def exit(self, direction: np.ndarray, margin: float) -> float:
        """Return how far it is from the origin, which is inside, to the margin of the frame."""
        half = (1 - margin) * self.half
        middle = np.array([self.x0, self.y0])
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.where(direction > 0, middle + half, middle - half) / direction
        return float(np.nanmin(np.where(np.abs(direction) > 1e-9, ends, np.inf)))


def energy_label(record: Mapping[str, Any]) -> str:
    """Return the energies of a bin."""
    return f"{record['energy_min']:g}{DASH}{record['energy_max']:g} keV"


def plane_bins(records: Sequence[Mapping[str, Any]]) -> PlaneBins:
    """Return the energy bins that have a polarization with errors."""
    rows = []
    for number, one in enumerate(records):
        values = [one.get(n) for n in (
            "q_norm", "u_norm", "q_norm_variance", "u_norm_variance", "qu_norm_covariance",
        )]  # fmt: skip
        q, u, qq, uu, qu = (np.nan if v is None else float(v) for v in values)
        if np.isfinite([q, u, qq, uu, qu]).all() and qq > 0 and qq * uu - qu**2 > 0:
            mdp = one.get("mdp99")
            rows.append((
                energy_label(one), BIN_COLOURS[number % len(BIN_COLOURS)], q, u,
                [[qq, qu], [qu, uu]], np.nan if mdp is None else float(mdp),
            ))  # fmt: skip
    if not rows:
        return PlaneBins()
    labels, colours, q_all, u_all, covariance, mdp99 = zip(*rows, strict=True)
    return PlaneBins(
        list(labels), list(colours), 100 * np.array(q_all), 100 * np.array(u_all),
        1e4 * np.array(covariance), 100 * np.array(mdp99),
    )  # fmt: skip


def stokes_plane_figure(
    records: Sequence[Mapping[str, Any]], known_angle: Mapping[str, Any] | None = None
) -> Figure | None:
    """Return a figure of energy bins in the plane of Q/I and U/I, None where none was measured.

    Parameters
    ----------
    records : sequence of mapping
        As `xsurvey.polarization.records.records_of_bins` makes them; null where not measured.
    known_angle : mapping, optional
        ``angle_deg`` and ``error_deg`` of an angle that is assumed.
    """
    bins = plane_bins(records)
    if not bins.labels:
        return None
    entries = len(bins.labels) + 2 + (known_angle is not None)
    lines = -(-entries // _COLUMNS)
    height = _BOTTOM + _AXES + _TOP + _LINE * lines
    figure = new_figure(_WIDTH, height)
    axes = figure.add_axes(
        (_LEFT / _WIDTH, _BOTTOM / height, _AXES / _WIDTH, _AXES / height), aspect="equal"
    )
    draw_plane(axes, bins, known_angle)
    handles = _handles(bins, known_angle)
    figure.legend(
        handles=handles, frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 2, ncols=_COLUMNS,
        loc="upper left", bbox_to_anchor=(_LEFT / _WIDTH - 0.01, 1 - 0.05 / height),
        borderaxespad=0, handlelength=1.8, columnspacing=1.6,
    )  # fmt: skip
    return figure


def draw_plane(
    axes: Axes, bins: PlaneBins, known_angle: Mapping[str, Any] | None = None
) -> Axes:  # fmt: skip
    """Draw measurements about the origin, with rings of degree and rays of angle.

    Parameters
    ----------
    axes : Axes
    bins : PlaneBins
        One or more.
    known_angle : mapping, optional
    """
    points = stokes_ellipses(bins.q, bins.u, bins.covariance, LEVELS).points()
    frame = _frame(points.reshape(-1, 2), bins.mdp99)
    axes.set_xlim(*frame.x)
    axes.set_ylim(*frame.y)
    dress(axes)
    axes.set_xlabel("Q/I (%)")
    axes.set_ylabel("U/I (%)")
    taken = points[:, -1].reshape(-1, 2)
    rings = _draw_rings(axes, frame)
    _draw_rays(axes, frame)
    if known_angle is not None:
        taken = np.concatenate([taken, _draw_known_angle(axes, known_angle, frame)])
    for number, colour in enumerate(bins.colours):
        if np.isfinite(bins.mdp99[number]):
            axes.add_patch(Circle((0, 0), bins.mdp99[number], fill=False, edgecolor=colour,
                                  linestyle=(0, (4, 3)), linewidth=1.1, alpha=0.8))  # fmt: skip
    # the widest first, so that small ones lie above it
    for number in np.argsort(-bins.covariance[:, 0, 0] - bins.covariance[:, 1, 1]):
        colour = bins.colours[number]
        for level in range(len(LEVELS) - 1, -1, -1):
            curve = points[number, level]
            axes.add_patch(Polygon(curve, closed=True, facecolor=colour, alpha=0.13, zorder=3,
                                   edgecolor="none"))  # fmt: skip
            axes.plot(*curve.T, color=colour, linewidth=1.1, alpha=0.95 - 0.18 * level, zorder=4)
    for q, u, colour in zip(bins.q, bins.u, bins.colours, strict=True):
        axes.plot(q, u, "o", ms=4.5, color=colour, markeredgecolor="#0b0d12", zorder=6)
    for ring in rings:
        _label_ring(axes, ring, frame, taken)
    return axes


def _frame(outline: np.ndarray, mdp99: np.ndarray) -> Frame:
    """Return a square that holds the outlines of measurements (m, 2), and circles of MDP99."""
    circle = float(np.nanmax(np.append(mdp99, 0.0)))
    ends = np.clip([
        np.minimum(outline.min(axis=0), -circle), np.maximum(outline.max(axis=0), circle),
    ], -_WHOLE, _WHOLE)  # fmt: skip
    reach, side = float(np.abs(ends).max()), float(np.ptp(ends, axis=0).max())
    if side > _OFF_CENTRE * 2 * reach:
        return Frame(0.0, 0.0, _ROOM * reach)
    x, y = ends.mean(axis=0)
    return Frame(float(x), float(y), _ROOM * side / 2)


def _draw_rings(axes: Axes, frame: Frame) -> list[float]:
    """Draw rings of constant degree, per cent, ticks at the same, and return the rings."""
    step = next((s for s in _STEPS if 2 * frame.half / s <= _MOST_RINGS), _STEPS[-1])
    farthest = float(np.hypot(abs(frame.x0) + frame.half, abs(frame.y0) + frame.half))
    rings = [float(r) for r in np.arange(step, farthest, step) if r <= _WHOLE + 1e-9]
    for ring in rings:
        axes.add_patch(Circle((0, 0), ring, fill=False, edgecolor=GRID, alpha=0.16, linewidth=0.8))
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.yaxis.set_major_locator(MultipleLocator(step))
    return rings


def _draw_rays(axes: Axes, frame: Frame) -> None:
    """Draw rays of constant angle, with their angles at the frame where rays are long."""
    for angle in _RAYS:
        direction = np.array(_direction(float(angle)))
        far = 4 * _WHOLE * direction
        axes.plot([0, far[0]], [0, far[1]], color=GRID, alpha=0.16, linewidth=0.8, zorder=1)
        end = frame.exit(direction, 0.065)
        if end < 0.5 * frame.half:
            continue
        x, y = (float(v) for v in end * direction)
        axes.text(
            x, y, f"{angle:g}°".replace("-", "\N{MINUS SIGN}"), color=FAINT_INK,
            size=TEXT_SIZE - 2.5, ha="center", va="center", path_effects=HALO, zorder=2,
        )  # fmt: skip


def _draw_known_angle(axes: Axes, known: Mapping[str, Any], frame: Frame) -> np.ndarray:
    """Draw an assumed angle and its error of 1 sigma, and return places along it."""
    angle, error = float(known["angle_deg"]), float(known.get("error_deg") or 0.0)
    far = 4 * _WHOLE
    if error > 0:
        turns = np.linspace(-min(error, 90.0), min(error, 90.0), 61)
        edge = far * np.array([_direction(angle + t) for t in turns])
        axes.add_patch(Polygon(np.concatenate([[[0.0, 0.0]], edge]), facecolor=STAMP_COLOUR,
                               alpha=0.13, edgecolor="none", zorder=2))  # fmt: skip
    x, y = _direction(angle)
    axes.plot([0, far * x], [0, far * y], color=STAMP_COLOUR, linewidth=1.5, zorder=2)
    return np.linspace(0, frame.exit(np.array([x, y]), 0.0), 30)[:, None] * np.array([x, y])


def _label_ring(axes: Axes, ring: float, frame: Frame, taken: np.ndarray) -> None:
    """Write the degree of a ring between two rays, apart from measurements and the frame."""
    turns = np.radians(np.arange(15.0, 360.0, 30.0))
    places = ring * np.column_stack([np.cos(turns), np.sin(turns)])
    inside = frame.holds(places, 0.13)
    places, turns = places[inside], turns[inside]
    if not len(places) or ring < 0.1 * frame.half:
        return
    away = np.linalg.norm(places[:, None] - taken, axis=2).min(axis=1)
    # of places that are far enough those in one direction, so that labels line up
    good = np.flatnonzero(away > 0.09 * frame.half)
    wanted = np.radians(225.0)
    if not len(good):
        return  # ticks tell
    best = good[np.argmax(np.cos(turns[good] - wanted))]
    x, y = (float(v) for v in places[best])
    axes.text(
        x, y, f"{ring:g}%", color=FAINT_INK, size=TEXT_SIZE - 2.5, ha="center",
        va="center", path_effects=HALO, zorder=5,
    )  # fmt: skip


def _direction(angle: float) -> tuple[float, float]:
    """Return where a position angle points in the plane: at twice the angle."""
    turn = np.radians(2 * angle)
    return float(np.cos(turn)), float(np.sin(turn))


def _handles(bins: PlaneBins, known_angle: Mapping[str, Any] | None) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, marker="o", markersize=4.5, linewidth=1.2, label=label)
        for label, colour in zip(bins.labels, bins.colours, strict=True)
    ]
    levels = ", ".join(f"{100 * level:g}" for level in LEVELS)
    handles.append(Line2D([], [], color=FAINT_INK, linewidth=1.2, label=f"probability {levels} %"))
    handles.append(Line2D([], [], color=FAINT_INK, linewidth=1.2, linestyle=(0, (4, 3)),
                          label="MDP99"))  # fmt: skip
    if known_angle is not None:
        error = float(known_angle.get("error_deg") or 0.0)
        text = f"assumed angle {known_angle['angle_deg']:g}°" + (f" ± {error:g}°" if error else "")
        handles.append(Line2D([], [], color=STAMP_COLOUR, linewidth=1.5,
                              label=text.replace("-", "\N{MINUS SIGN}")))  # fmt: skip
    return handles
