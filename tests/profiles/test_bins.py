"""Edges of bins: as wide as they were asked to be, or as the counts ask for."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.profiles.bins import (
    equal_edges,
    logarithmic_edges,
    minimum_counts_edges,
    minimum_snr_edges,
    parse_binning,
    radial_bins,
)


def test_equal_bins_start_at_zero_and_end_at_the_maximum() -> None:
    assert equal_edges(0.5, 2.0).tolist() == [0, 0.5, 1.0, 1.5, 2.0]
    assert equal_edges(0.5, 2.2) == pytest.approx([0, 0.5, 1.0, 1.5, 2.0, 2.2])
    assert equal_edges(3.0, 2.0).tolist() == [0, 2.0]
    assert len(equal_edges(0.1, 0.3)) == 4  # 0.3 / 0.1 is below 3 by rounding
    assert len(equal_edges(0.5, 30.0)) == 61


def test_logarithmic_bins_grow_by_one_factor() -> None:
    edges = logarithmic_edges(0.5, 30.0, 12)
    assert len(edges) == 13
    assert edges[[0, 1, -1]].tolist() == [0, 0.5, 30.0]
    growth = edges[2:] / edges[1:-1]
    wide = np.diff(edges)[1:] > 0.5 + 1e-9
    assert np.ptp(growth[wide]) < 1e-6 and wide.sum() == 9
    free = logarithmic_edges(0.5, 30.0)
    assert 1.2 < (free[2:] / free[1:-1])[-8:].max() <= 1.25 + 1e-9
    assert logarithmic_edges(5.0, 3.0).tolist() == [0, 3.0]
    assert logarithmic_edges(0.5, 3.0, 1).tolist() == [0, 3.0]
    assert logarithmic_edges(0.5, 3.2, 50) == pytest.approx(np.linspace(0, 3.2, 7))


@given(
    st.floats(0.01, 10), st.floats(0.01, 200), st.one_of(st.none(), st.integers(1, 80))
)  # fmt: skip
def test_logarithmic_bins_are_nowhere_narrower_than_asked_for(
    size: float, maximum: float, number: int | None
) -> None:
    edges = logarithmic_edges(size, maximum, number)
    widths = np.diff(edges)
    assert edges[0] == 0 and edges[-1] == pytest.approx(maximum)
    assert len(widths) == 1 or widths.min() >= size * (1 - 1e-6)
    assert np.all(np.diff(widths) > -1e-6 * maximum)  # each as wide as the one before, or wider
    assert number is None or len(widths) <= number


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 50))
def test_bins_hold_the_counts_they_must(counts: list[int], minimum: int) -> None:
    fine = np.arange(len(counts) + 1) * 0.5
    edges = minimum_counts_edges(np.array(counts), fine, minimum)
    assert edges[0] == 0 and edges[-1] == fine[-1]
    places = np.searchsorted(fine, edges)
    sums = np.add.reduceat(counts, places[:-1])
    assert sums.sum() == sum(counts)
    if len(sums) > 1:
        assert sums.min() >= minimum
    for begin, end in pairwise(places[:-1]):
        assert sum(counts[begin : end - 1]) < minimum  # none is longer than it must be


def test_signal_to_noise_counts_background_and_its_error() -> None:
    fine = np.arange(101) * 0.1
    counts, background = np.full(100, 10.0), np.full(100, 5.0)
    edges = minimum_snr_edges(counts, background, fine, 5.0)
    # n bins have 5 n / sqrt(10 n): 10 of them are just enough
    assert np.diff(edges) == pytest.approx(1.0)
    wider = minimum_snr_edges(counts, background, fine, 5.0, background * 0.1)
    # (5 n)^2 = 25 (10 n + n^2 / 4): n = 13.3
    assert np.diff(wider)[0] == pytest.approx(1.4)


def test_what_never_reaches_the_ratio_is_a_bin_of_its_own() -> None:
    fine = np.arange(21) * 1.0
    counts, background = np.r_[np.full(10, 30.0), np.full(10, 5.0)], np.full(20, 5.0)
    edges = minimum_snr_edges(counts, background, fine, 8.0)
    assert edges[-1] == 20
    assert edges[-2] <= 10
    none = minimum_snr_edges(np.zeros(20), background, fine, 8.0)
    assert none.tolist() == [0, 20]


@given(st.floats(0, 5), st.floats(0.1, 1))
def test_a_radius_on_an_edge_is_beyond_it(radius: float, size: float) -> None:
    edges = equal_edges(size, 4.0)
    found = radial_bins(np.array([radius]), edges)[0]
    if radius >= 4.0:
        assert found == -1
    else:
        assert edges[found] <= radius < edges[found + 1]


def test_radii_outside_have_no_bin() -> None:
    edges = np.array([1.0, 2.0, 4.0])
    radii = np.array([[0.5, 1.0], [2.0, 4.0], [np.nan, 3.9]])
    assert radial_bins(radii, edges).tolist() == [[-1, 0], [1, -1], [-1, 1]]


@pytest.mark.parametrize("text", ["", "linear", "snr", "snr:0", "snr:-3", "counts:x", "equal:4",
                                  "log:2.5", "log:0", "counts:inf", "snr:1e"])  # fmt: skip
def test_other_binnings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not equal, log"):
        parse_binning(text)


def test_binnings() -> None:
    assert parse_binning("log:20").number == 20
    assert parse_binning("log").number == 0
    assert parse_binning(" counts: 50").adaptive
    assert not parse_binning("equal").adaptive
