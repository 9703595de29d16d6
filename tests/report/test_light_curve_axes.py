import numpy as np
import pytest

from xsurvey.report.light_curve_axes import draw_light_curve, light_curve_figure
from xsurvey.report.plate import new_figure, png_bytes
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.measure import measure_variability
from xsurvey.timing.parameters import VariabilityParameters
from xsurvey.units import EnergyBand


def make_curve(times: np.ndarray, counts: list[float], unit: str = "s") -> LightCurve:
    shape = (len(times), 1)
    return LightCurve(
        times, np.full(len(times), 40.0), (EnergyBand(0.2, 2.3),), np.reshape(counts, shape),
        np.full(shape, 10.0), np.full(shape, 0.02), np.full(shape, 30.0), 51543.875, "TT",
        exposure_unit=unit,
    )  # fmt: skip


def texts(axes) -> list[str]:  # type: ignore[no-untyped-def]
    return [t.get_text() for t in axes.get_legend().get_texts()]


def test_it_draws_on_the_axes_it_is_given() -> None:
    curve = make_curve(14400.0 * np.arange(4), [9.0, 0, 30, 12])
    axes = new_figure(6, 3).add_subplot()
    assert draw_light_curve(axes, curve) is axes
    assert axes.get_xlabel() == "Time, 0 at MJD 51543.87477 TT (ks)"
    assert axes.get_ylabel() == "Rate (count s\u207b\u00b9)"
    assert set(texts(axes)) == {"rate, 68.27% interval", "95% upper limit", "mean rate"}
    assert axes.get_ylim()[0] == 0
    # three points and one limit; their values are the rates
    points = axes.containers[0].lines[0]
    assert np.allclose(points.get_ydata(), curve.rate[[0, 2, 3], 0])
    assert axes.get_ylim()[1] > curve.rate_interval()[1].max()


def test_without_limits_there_is_no_arrow() -> None:
    axes = new_figure(6, 3).add_subplot()
    draw_light_curve(axes, make_curve(14400.0 * np.arange(3), [90.0, 80, 30]))
    assert "95% upper limit" not in texts(axes)


def test_long_gaps_are_left_out_of_the_axis() -> None:
    times = np.r_[np.arange(3), 1000 + np.arange(3)] * 14400.0
    axes = new_figure(6, 3).add_subplot()
    draw_light_curve(axes, make_curve(times, [9.0, 8, 30, 12, 9, 8]))
    assert axes.get_xlabel().startswith("Bin number, the first at MJD")
    assert "166 d" in axes.get_xlabel()
    assert np.array_equal(axes.containers[0].lines[0].get_xdata(), np.arange(1.0, 7))


@pytest.mark.parametrize("counts", [[0.0, 0, 0], [5.0]])
def test_faint_and_short_light_curves(counts: list[float]) -> None:
    curve = make_curve(14400.0 * np.arange(len(counts)), counts, "s deg2")
    figure = light_curve_figure(curve, measure_variability(curve, VariabilityParameters()))
    assert "deg" in figure.axes[0].get_ylabel()
    assert png_bytes(figure) == png_bytes(figure)
