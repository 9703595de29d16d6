"""Polarization of a spectral energy distribution drawn: degree and angle by frequency."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from xsurvey.inference.chains import Chains
from xsurvey.inference.intervals import equal_tailed
from xsurvey.report.plate import FAINT_INK, INK, STAMP_COLOUR, TEXT_SIZE
from xsurvey.report.sed_style import MARKERS, POINT_COLOURS, prepare, shown
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.polarization.measurements import Kind, PolarizationMeasurements
from xsurvey.sed.polarization.stokes import StokesFluxes

_DRAWS = 200
"""Of the posterior, for its band."""
_BAND = 0.6827
_HEADROOM = 1.25
_LEAST_SPAN = 10.0
"""Degrees that the axis of angles has to each side at least."""


def draw_degrees(
    axes: Axes, likelihood: JointLikelihood, theta: np.ndarray, frequencies: np.ndarray,
    chains: Chains | None = None,
) -> Axes:  # fmt: skip
    """Draw measured degrees, limits as arrows, and the model's degree with its posterior band.

    Parameters
    ----------
    axes : Axes
    likelihood : JointLikelihood
    theta : ndarray, shape (k,)
        Of the model.
    frequencies : ndarray, shape (f,)
        Of its curve, Hz.
    chains : Chains, optional
        Draws the central 68.27 % of the posterior.

    Returns
    -------
    Axes
    """
    prepare(axes)
    measured = likelihood.measurements
    light = likelihood.stokes(theta[None, :], frequencies)
    if chains is not None:
        _band(axes, frequencies, 100 * _drawn(likelihood, frequencies, chains).degree)
    axes.plot(frequencies, 100 * light.degree[0], color=STAMP_COLOUR, linewidth=1.5)
    top = draw_measured_degrees(axes, measured)
    finish_degrees(axes, max(top, float(np.nanmax(light.degree[0]))))
    return axes


def draw_measured_degrees(axes: Axes, measured: PolarizationMeasurements) -> float:
    """Draw measured degrees in per cent, limits as arrows; return the largest with its error."""
    value, error, _, _ = measured.degrees_and_angles()
    alone = measured.rows(Kind.DEGREE)
    value[alone], error[alone] = measured.degree[alone], measured.degree_error[alone]
    limits = np.array([k in (Kind.LIMIT, Kind.UNDETECTED) for k in measured.kinds])
    for number, name in enumerate(dict.fromkeys(measured.instruments)):
        colour = POINT_COLOURS[number % len(POINT_COLOURS)]
        own = np.array([n == name for n in measured.instruments])
        rows = own & ~limits
        axes.errorbar(
            measured.frequency[rows], 100 * value[rows], yerr=100 * error[rows],
            fmt=MARKERS[number % len(MARKERS)], color=colour, markersize=4.5, elinewidth=1.0,
            label=shown(name or "measured"),
        )  # fmt: skip
        rows = own & limits
        axes.errorbar(
            measured.frequency[rows], 100 * measured.limit[rows],
            yerr=30 * measured.limit[rows], uplims=True, fmt="none", color=colour,
            elinewidth=1.2, capsize=3,
        )  # fmt: skip
    return float(np.nanmax(np.concatenate([value + error, measured.limit])))


def finish_degrees(axes: Axes, top: float) -> None:
    """Give axes of degrees (%) their range, up to a fraction and some room, label and legend."""
    axes.set_ylim(0, 100 * min(_HEADROOM * top, 1.0))
    axes.set_ylabel("degree (%)")
    axes.legend(
        frameon=False, labelcolor=INK, fontsize=TEXT_SIZE - 3, loc="upper left",
        bbox_to_anchor=(1.01, 1.02), borderaxespad=0.0,
    )  # fmt: skip


def draw_angles(
    axes: Axes, likelihood: JointLikelihood, theta: np.ndarray, frequencies: np.ndarray,
    chains: Chains | None = None,
) -> Axes:  # fmt: skip
    """Draw measured angles, and the model's with its posterior band; parameters as of degrees.

    Angles are drawn within 90 degrees of the model's at the first measurement.
    """
    prepare(axes)
    measured = likelihood.measurements
    rows = measured.rows(Kind.STOKES)
    middle = float(likelihood.stokes(theta[None, :], measured.frequency[rows[:1]]).angle_deg[0, 0])
    model = near_angle(likelihood.stokes(theta[None, :], frequencies).angle_deg, middle)[0]
    if chains is not None:
        _band(
            axes, frequencies, near_angle(_drawn(likelihood, frequencies, chains).angle_deg, middle)
        )
    axes.plot(frequencies, model, color=STAMP_COLOUR, linewidth=1.5)
    draw_measured_angles(axes, measured, middle)
    return axes


def draw_measured_angles(axes: Axes, measured: PolarizationMeasurements, middle: float) -> None:
    """Draw measured angles within 90 degrees of a middle, and give the axes range and label."""
    rows = measured.rows(Kind.STOKES)
    _, _, angle, error = measured.degrees_and_angles()
    angle, error = near_angle(angle[rows], middle), error[rows]
    names = list(dict.fromkeys(measured.instruments))
    for row, value, sigma in zip(rows, angle, error, strict=True):
        number = names.index(measured.instruments[row])
        axes.errorbar(
            measured.frequency[row], value, yerr=sigma, fmt=MARKERS[number % len(MARKERS)],
            color=POINT_COLOURS[number % len(POINT_COLOURS)], markersize=4.5, elinewidth=1.0,
        )  # fmt: skip
    ends = np.concatenate([angle - error, angle + error, [middle - _LEAST_SPAN,
                                                          middle + _LEAST_SPAN]])  # fmt: skip
    axes.set_ylim(ends.min() - _LEAST_SPAN / 2, ends.max() + _LEAST_SPAN / 2)
    axes.set_ylabel("angle (deg)")
    axes.axhline(middle, color=FAINT_INK, linewidth=0.6, alpha=0.5)


def _drawn(likelihood: JointLikelihood, frequencies: np.ndarray, chains: Chains) -> StokesFluxes:
    draws = chains.draws(_DRAWS, np.random.default_rng(chains.seed))
    return likelihood.stokes(draws, frequencies)


def _band(axes: Axes, frequencies: np.ndarray, values: np.ndarray) -> None:
    ends = np.array([equal_tailed(column, _BAND) for column in values.T])
    axes.fill_between(
        frequencies, ends[:, 0], ends[:, 1], color=STAMP_COLOUR, alpha=0.25, linewidth=0
    )


def near_angle(angle: np.ndarray, middle: float) -> np.ndarray:
    """Return the same angles within 90 degrees of another."""
    return middle + (angle - middle + 90) % 180 - 90
