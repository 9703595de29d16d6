"""Degree and angle against time drawn, from the JSON of the stages."""

from typing import Any

import numpy as np
import pytest

from xsurvey.report.plate import png_bytes
from xsurvey.report.polarization_time import angle_figure

EMPTY: dict[str, Any] = {"time_bins": [], "constancy": None, "rotation": None}


def time_bin(day: float, angle: float | None, degree: float = 0.3) -> dict[str, Any]:
    error = None if angle is None else 5.0
    return {
        "mjd": 60000.0 + day, "mjd_half_width": 0.4, "pd": degree, "pd_err": 0.05, "pa_deg": angle,
        "pa_err_deg": error, "mdp99": 0.2,
    }  # fmt: skip


def rotation(p: float) -> dict[str, Any]:
    return {
        "rate_deg_per_day": 50.0, "rate_err": 2.0, "pa_deg": 0.0, "pa_err_deg": 3.0,
        "reference_mjd": 60002.0, "p": p, "trials": 999,
    }  # fmt: skip


def companion(rate: float = 50.0) -> dict[str, Any]:
    t = np.linspace(-1, 5, 20)
    return {"points": [
        {"mjd": 60000 + x, "pd": 0.1, "pd_err": 0.01, "pa_resolved_deg": rate * x - 460,
         "pa_err_deg": 2.0} for x in t
    ]}  # fmt: skip


def behaviour(rate: float, **more: Any) -> dict[str, Any]:
    bins = [time_bin(d, float((rate * (d - 2) + 90) % 180 - 90)) for d in range(5)]
    return EMPTY | {"time_bins": bins} | more


def drawn(figure: Any, label: str) -> np.ndarray:
    """Return the ordinates of the lower panel with a label."""
    (found,) = [c for c in figure.axes[1].containers if c.get_label() == label]
    return np.asarray(found.lines[0].get_ydata())


def test_half_turns_follow_the_rotation_that_was_found() -> None:
    figure = angle_figure(behaviour(50, rotation=rotation(0.001)))
    np.testing.assert_allclose(np.diff(drawn(figure, "X-rays")), 50)
    labels = [t.get_text() for t in figure.axes[1].get_legend().get_texts()]
    assert "rotation, 50 ± 2 deg/day" in labels
    figure = angle_figure(behaviour(50, rotation=rotation(0.3)))
    assert len(figure.axes[1].lines) < 5
    assert not any("rotation" in t.get_text() for t in figure.axes[1].get_legend().get_texts())


def test_half_turns_follow_the_companion_or_a_constant_angle() -> None:
    figure = angle_figure(behaviour(50), companion())
    np.testing.assert_allclose(np.diff(drawn(figure, "X-rays")), 50)
    away = drawn(figure, "X-rays") - np.interp(
        range(5), *[[p[k] - o for p in companion()["points"]]
                    for k, o in (("mjd", 60000), ("pa_resolved_deg", 0))]
    )  # fmt: skip
    assert np.all(np.abs(away) <= 90)
    figure = angle_figure(behaviour(0), companion())
    np.testing.assert_allclose(np.diff(drawn(figure, "X-rays")), 0, atol=1e-9)


def test_angles_below_mdp99_are_faint() -> None:
    bins = [time_bin(0, 10.0), time_bin(1, 12.0, 0.1)]
    figure = angle_figure(EMPTY | {"time_bins": bins})
    assert len(drawn(figure, "X-rays")) == len(drawn(figure, "X-rays, below MDP99")) == 1


@pytest.mark.parametrize("series", [None, companion(), {"points": []}])
def test_what_is_not_there_is_not_drawn(series: dict[str, Any] | None) -> None:
    missing = [time_bin(0, None, 0.3), time_bin(1, None) | {"pd": None, "pd_err": None}]
    missing[1]["mdp99"] = None
    broken = rotation(0.001) | {"rate_err": None}
    for record in (
        EMPTY, EMPTY | {"time_bins": missing, "rotation": broken},
        EMPTY | {"rotation": rotation(0.001), "constancy": {"p": None, "trials": None}},
    ):  # fmt: skip
        image = png_bytes(angle_figure(record, series, "source"))
        assert image.startswith(b"\x89PNG")
        assert image == png_bytes(angle_figure(record, series, "source"))
