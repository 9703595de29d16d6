"""Figures of surface-brightness profiles."""

import numpy as np

from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.report.plate import png_bytes
from xsurvey.report.profile_axes import ModelCurve, profile_figure


def profile(
    counts: list[float], background: float = 0.0, sector: tuple[float, float] | None = None
) -> RadialProfile:
    n = len(counts)
    return RadialProfile(
        np.arange(n + 1.0), np.array(counts, float), np.full(n, 100.0), np.ones(n), np.ones(n),
        np.full(n, background), np.zeros(n), np.zeros((2, 2), int), np.zeros(n, int), sector,
    )  # fmt: skip


def test_sectors_models_and_residuals_are_drawn() -> None:
    whole = profile([900, 100, 25, 9])
    curve = ModelCurve(
        np.array([0.5, 3.5]), np.array([10.0, 0.1]), np.array([8.4, 1.0, 0.25, 0.15])
    )
    parts = [
        profile([450, 50, 12, 4], sector=(0, 180)),
        profile([450, 50, 13, 5], sector=(180, 360)),
    ]
    figure = profile_figure([whole, *parts], "a cluster", {"double_beta": curve})
    upper, lower = figure.axes
    labels = [text.get_text() for text in upper.get_legend().get_texts()]
    assert sorted(labels) == sorted(["0° to 180°", "180° to 0°", "all angles", "double beta"])
    pulls = lower.lines[-1].get_ydata()
    assert pulls[0] == (9.0 - 8.4) / 0.3
    assert np.allclose(pulls[1:], [0, 0, -2])
    assert lower.get_xlabel() == "Radius (arcmin)" and upper.get_xlabel() == ""
    assert upper.get_yscale() == "log"
    assert png_bytes(figure) == png_bytes(figure)


def test_bins_that_reach_zero_are_limits() -> None:
    figure = profile_figure([profile([400, 40, 10, 0], background=9.5)], "")
    (axes,) = figure.axes
    points = axes.containers[0].lines[0].get_xdata()
    assert points.tolist() == [0.5, 1.5]
    assert len(axes.containers) == 2  # and arrows for the others


def test_nothing_measured_is_an_empty_figure() -> None:
    figure = profile_figure([profile([0, 0], background=50.0)], "")
    assert png_bytes(figure).startswith(b"\x89PNG")
