"""Figures of polarized sources: what is drawn is what was measured, and nothing is cut off."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle

from xsurvey.polarization.contours import LEVELS, delta_chi2
from xsurvey.report.numbers import DASH
from xsurvey.report.plate import GRID, png_bytes
from xsurvey.report.polarization_energy_axes import polarization_energy_figure
from xsurvey.report.stokes_plane import BIN_COLOURS, Frame, plane_bins, stokes_plane_figure

from . import polarization_records as records

KNOWN = {"angle_deg": -20.0, "error_deg": 3.0}


def curves_of(axes, colour):
    return [
        np.array(line.get_xydata()) for line in axes.lines
        if line.get_color() == colour and len(line.get_xdata()) > 100
    ]  # fmt: skip


def test_ellipses_are_those_of_the_covariance() -> None:
    bins = records.bins()
    axes = stokes_plane_figure(bins, KNOWN).axes[0]
    for number, one in enumerate(bins):
        curves = curves_of(axes, BIN_COLOURS[number])
        assert len(curves) == len(LEVELS)
        covariance = 1e4 * np.array([
            [one["q_norm_variance"], one["qu_norm_covariance"]],
            [one["qu_norm_covariance"], one["u_norm_variance"]],
        ])  # fmt: skip
        away = np.stack(curves) - 100 * np.array([one["q_norm"], one["u_norm"]])
        chi2 = np.einsum("lni,ij,lnj->ln", away, np.linalg.inv(covariance), away)
        np.testing.assert_allclose(sorted(chi2.mean(axis=1)), delta_chi2(LEVELS))
        np.testing.assert_allclose(np.ptp(chi2, axis=1), 0, atol=1e-9)


@pytest.mark.parametrize(
    ("q", "u", "error"),
    [((0.01,), (0.0,), (0.02,)), ((0.2,), (-0.03,), (0.002,)),
     ((-0.1, 0.3), (0.1, 0.0), (0.02, 0.03)),
     ((0.0,), (0.7,), (0.4,))],
)  # fmt: skip
def test_all_is_inside_of_the_frame(q, u, error) -> None:
    bins = records.bins(q=q, u=u, error=error)
    axes = stokes_plane_figure(bins).axes[0]
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    assert x1 - x0 == pytest.approx(y1 - y0)
    assert x0 < 0 < x1 and y0 < 0 < y1
    for colour in BIN_COLOURS[: len(bins)]:
        outline = np.clip(np.concatenate(curves_of(axes, colour)), -100, 100)
        assert (outline >= [x0, y0]).all() and (outline <= [x1, y1]).all()
    mdp = [
        p.radius for p in axes.patches
        if isinstance(p, Circle) and p.get_edgecolor()[:3] != to_rgba(GRID)[:3]
    ]  # fmt: skip
    assert sorted(mdp) == pytest.approx(sorted(303 * np.array(error)))


def test_texts_of_the_plane_do_not_overlap() -> None:
    for given in ({}, {"q": (0.2, 0.19), "u": (-0.03, -0.02), "error": (0.004, 0.008)}):
        figure = stokes_plane_figure(records.bins(**given), KNOWN)
        png_bytes(figure)
        renderer = figure.canvas.get_renderer()
        axes = figure.axes[0]
        boxes = [t.get_window_extent(renderer) for t in axes.texts if t.get_text()]
        assert len(boxes) > 6
        frame = axes.get_window_extent(renderer)
        for i, box in enumerate(boxes):
            assert frame.x0 <= box.x0 and box.x1 <= frame.x1
            assert frame.y0 <= box.y0 and box.y1 <= frame.y1
            assert not [other for other in boxes[:i] if box.overlaps(other)]


def test_exit_of_a_ray() -> None:
    frame = Frame(5.0, 0.0, 10.0)
    assert frame.exit(np.array([1.0, 0.0]), 0.0) == 15
    assert frame.exit(np.array([-1.0, 0.0]), 0.0) == 5
    assert frame.exit(np.array([0.0, 1.0]), 0.1) == 9


def test_what_was_not_measured_is_not_drawn() -> None:
    nothing = records.unmeasured(records.polarization())
    assert stokes_plane_figure(nothing["bins"]) is None
    assert polarization_energy_figure({"all": nothing["bins"]}) is None
    assert polarization_energy_figure({}) is None
    mixed = [nothing["bins"][0], *records.bins()[1:]]
    assert plane_bins(mixed).labels == [f"4{DASH}8 keV"]
    # colours are those of the energies, whatever else was measured
    assert plane_bins(mixed).colours == [BIN_COLOURS[1]]
    assert polarization_energy_figure({"all": mixed}) is not None
    singular = {**records.bins()[0], "qu_norm_covariance": 1.0}
    assert plane_bins([singular]).labels == []


def test_degrees_and_limits_against_energy() -> None:
    bins = records.bins(q=(0.05, 0.01), u=(0.06, 0.0), error=(0.01, 0.02))
    figure = polarization_energy_figure({"all": bins}, KNOWN)
    lower, upper = figure.axes
    points = [line.get_xydata()[0] for line in upper.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points, [[3, 100 * np.hypot(0.05, 0.06)], [6, 1]])
    faces = [
        line.get_markerfacecolor() for line in upper.lines if line.get_marker() == "o"
    ]  # fmt: skip
    assert faces[0] != faces[1]
    limits = [line for line in upper.lines if line.get_marker() == "_"]
    assert limits[0].get_ydata()[0] == pytest.approx(100 * bins[1]["pd_upper_99"])
    assert upper.get_ylim()[0] == 0 and upper.get_ylim()[1] > 100 * bins[1]["pd_upper_99"]
    low, high = lower.get_ylim()
    assert low < -20 < high


def test_angles_are_drawn_on_the_near_side() -> None:
    """An angle of -88 deg is 4 deg from one of 88, not 176."""
    bins = records.bins(
        q=(-0.1, -0.1), u=tuple(0.1 * np.sin(np.radians(2 * a)) for a in (88, -88)),
        error=(0.005, 0.01),
    )  # fmt: skip
    lower = polarization_energy_figure({"all": bins}).axes[0]
    angles = [line.get_ydata()[0] for line in lower.lines if line.get_marker() == "o"]
    assert angles[0] == pytest.approx(90 - 0.5 * np.degrees(np.arctan(np.sin(np.radians(4)))))
    assert angles[1] == pytest.approx(180 - angles[0])
    low, high = lower.get_ylim()
    assert low < min(angles) and max(angles) < high


def test_series_are_side_by_side_and_named() -> None:
    curve = {"energy_kev": [2.0, 8.0], "pd": [0.08, 0.08], "pa_deg": [31.0, 31.0]}
    one = records.bins()
    figure = polarization_energy_figure({"all": one, "01": one, "02": one}, None, curve)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"all", "01", "02", "joint fit", "MDP99"} == set(labels)
    places = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert len(set(places)) == 6
