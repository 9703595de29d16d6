"""Spectra drawn: groups joined for display, whatever their order, and figures of odd data."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from xsurvey.report.plate import new_figure, png_bytes
from xsurvey.report.spectrum_axes import (
    display_bins,
    draw_residuals,
    draw_spectrum,
    draw_unfolded,
    spectrum_figure,
)
from xsurvey.spectra.dataset import BackgroundCounts, Dataset
from xsurvey.spectra.grouping import Grouping

EDGES = np.linspace(1.0, 3.0, 21)


def make_dataset(
    counts: np.ndarray, background: np.ndarray | None = None, **fields: object
) -> Dataset:
    number = len(counts)
    of_background = None
    if background is not None:
        of_background = BackgroundCounts(
            "back", background, np.full(number, 40.0), 10.0, np.sqrt(background), background,
            np.full(number, 0.25), np.arange(number),
        )  # fmt: skip
    given: dict[str, object] = {
        "name": "drawn", "energy_low": EDGES[:-1], "energy_high": EDGES[1:], "counts": counts,
        "time": np.full(number, 10.0), "exposure": 10.0, "folding": None,
        "systematic_error": np.zeros(number), "channel_first": np.arange(number),
        "channel_last": np.arange(number),
        "grouping": Grouping(np.arange(number), np.arange(1, number + 1)),
        "channel_low": EDGES[:-1], "channel_high": EDGES[1:], "background": of_background,
    }  # fmt: skip
    return Dataset(**given | fields)  # type: ignore[arg-type]


FLAT = make_dataset(np.full(20, 5.0))
MODEL = np.full(20, 4.0)


def test_groups_are_joined_until_points_can_be_seen() -> None:
    bins = display_bins(FLAT, MODEL, counts_a_point=15)
    assert (bins.energy_low[0], bins.energy_high[-1]) == (1, 3)
    assert (bins.energy_low[1:] == bins.energy_high[:-1]).all()
    width = bins.energy_high - bins.energy_low
    # a tenth of the energy, or three groups of five counts
    assert width == pytest.approx(np.minimum(width, 0.3))
    assert (width <= np.maximum(0.1 * bins.energy_low, 0.1) + 1e-9).all()
    assert bins.rate == pytest.approx(5 / 0.1 / 10)
    assert bins.model == pytest.approx(4 / 0.1 / 10)
    assert (bins.rate * width * 10).sum() == pytest.approx(100)
    number = np.round(width / 0.1)
    assert bins.residual == pytest.approx(number / np.sqrt(4 * number))


def test_a_background_is_subtracted_with_its_error() -> None:
    data = make_dataset(np.full(20, 5.0), np.full(20, 8.0))
    bins = display_bins(data, MODEL, counts_a_point=0)
    assert bins.rate == pytest.approx(3 / 0.1 / 10)
    assert bins.rate_error == pytest.approx(np.sqrt(5 + 8 / 16) / 0.1 / 10)
    assert bins.residual == pytest.approx(-1 / np.sqrt(4 + 2 + 8 / 16))
    errors = replace(data, poisson=False, statistical_error=np.full(20, 3.0))
    assert display_bins(errors, MODEL, 0).residual == pytest.approx(-1 / np.sqrt(9 + 8 / 16))


def test_groups_in_descending_energies_are_the_same() -> None:
    counts = np.arange(20.0)
    turned = make_dataset(counts[::-1], energy_low=EDGES[:-1][::-1], energy_high=EDGES[1:][::-1])
    one, other = display_bins(make_dataset(counts), counts), display_bins(turned, counts[::-1])
    for name in one.__dataclass_fields__:
        assert getattr(other, name) == pytest.approx(getattr(one, name)), name


def test_gaps_are_not_bridged() -> None:
    kept = np.r_[0:5, 12:20]
    data = make_dataset(np.full(13, 0.5), energy_low=EDGES[:-1][kept], energy_high=EDGES[1:][kept])
    bins = display_bins(data, np.full(13, 0.5))
    assert not ((bins.energy_low < EDGES[5] - 1e-9) & (bins.energy_high > EDGES[5] + 1e-9)).any()
    axes = new_figure(6, 3).add_subplot()
    draw_spectrum(axes, data, np.full(13, 0.5))
    assert len(axes.patches) == 2  # the model's steps, before and after the gap


def test_axes_are_those_given() -> None:
    axes = new_figure(6, 3).add_subplot()
    assert draw_spectrum(axes, FLAT, MODEL, label="me", colour="#ff0000") is axes
    assert axes.get_legend_handles_labels()[1] == ["me"]
    assert axes.get_yscale() == axes.get_xscale() == "log"
    assert to_hex(axes.patches[0].get_edgecolor()) == "#ff0000"
    axes = new_figure(6, 3).add_subplot()
    assert draw_residuals(axes, FLAT, MODEL) is axes
    assert axes.get_xlabel() == "Energy (keV)"


def test_unfolded_points_are_ratios_to_the_model() -> None:
    edges = np.geomspace(0.5, 5, 101)
    flux = np.diff(edges)  # one photon / keV
    axes = new_figure(6, 3).add_subplot()
    assert draw_unfolded(axes, FLAT, MODEL, edges, flux, counts_a_point=0) is axes
    bins = display_bins(FLAT, MODEL, 0)
    middle = np.sqrt(bins.energy_low * bins.energy_high)
    vertical = axes.collections[1].get_segments()
    found = np.array([segment[:, 1].mean() for segment in vertical])
    assert found == pytest.approx(5 / 4 * middle**2, rel=1e-3)


@pytest.mark.parametrize(
    ("counts", "model"),
    [
        (np.zeros(20), np.zeros(20)),
        (np.zeros(20), np.full(20, 1e-6)),
        (np.full(20, -2.0), np.full(20, 0.1)),
        (np.r_[1e6, np.zeros(19)], np.r_[1e6, np.zeros(19)]),
    ],
)  # fmt: skip
def test_odd_data_are_drawn(counts: np.ndarray, model: np.ndarray) -> None:
    for data in (make_dataset(counts), make_dataset(counts, np.full(20, 3.0))):
        png = png_bytes(spectrum_figure([data], [model], "a*b"))
        assert png.startswith(b"\x89PNG")


def test_spectra_of_different_brightness_are_all_in_sight() -> None:
    faint = make_dataset(np.full(20, 2.0), exposure=1e5)
    figure = spectrum_figure([FLAT, faint], [MODEL, np.full(20, 2.0)])
    low, high = figure.axes[0].get_ylim()
    assert low < 2 / 0.1 / 1e5 < 5 / 0.1 / 10 < high
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["drawn", "drawn"]


def test_measured_points_are_not_cut_off() -> None:
    """A point in a thousand that is far below the others, as at the end of a steep spectrum."""
    number = 1000
    edges = np.geomspace(0.5, 8, number + 1)
    counts = np.full(number, 1e4)
    counts[-1] = 30.0
    data = make_dataset(
        counts, energy_low=edges[:-1], energy_high=edges[1:], channel_low=edges[:-1],
        channel_high=edges[1:],
    )  # fmt: skip
    axes = draw_spectrum(
        new_figure(6, 4).add_subplot(), data, np.full(number, 1e4), counts_a_point=15
    )
    assert axes.get_ylim()[0] < 30.0 / (edges[-1] - edges[-2]) / data.exposure


def test_many_counts_are_joined_to_a_hundred_points() -> None:
    number = 1000
    edges = np.geomspace(0.5, 8, number + 1)
    bounds = {"energy_low": edges[:-1], "energy_high": edges[1:],
              "channel_low": edges[:-1], "channel_high": edges[1:]}  # fmt: skip
    for counts, most in ((1e4, 100), (0.1, 30)):
        data = make_dataset(np.full(number, counts), **bounds)
        bins = display_bins(data, np.full(number, counts))
        assert len(bins.rate) <= most
        assert (bins.rate * (bins.energy_high - bins.energy_low)).sum() == pytest.approx(
            counts * number / data.exposure
        )


def test_a_model_far_below_the_points_does_not_squeeze_them() -> None:
    model = np.geomspace(5, 1e-9, 20)
    axes = draw_spectrum(new_figure(6, 4).add_subplot(), make_dataset(np.full(20, 5.0)), model)
    low, high = axes.get_ylim()
    assert high / low < 50
