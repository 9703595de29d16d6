"""Bins of channels: to a significance that is expected, and in equal steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.sed.flux_points.bins import equal_steps, join_to_significance, runs_of, sums


def joined(source: np.ndarray, noise: np.ndarray, runs: np.ndarray, significance: float,
           resolution: float = 0.0) -> np.ndarray:  # fmt: skip
    low = np.arange(1.0, len(source) + 1)
    return join_to_significance(
        source, noise, low, low + 1, np.full(len(source), resolution), runs, significance
    )


def test_counts_without_background() -> None:
    """A signal to noise of 3 is nine counts; what is left over joins the last bin."""
    labels = joined(np.full(23, 3.0), np.zeros(23), np.zeros(23, int), 3.0)
    assert np.array_equal(sums(labels, np.full(23, 3.0)), [9] * 6 + [15])


def test_what_would_drown_the_last_bin_is_one_of_its_own() -> None:
    source, noise = np.array([10.0, 10.0, 0.1]), np.array([0.0, 0.0, 500.0])
    assert np.array_equal(joined(source, noise, np.zeros(3, int), 3.0), [0, 1, 2])
    assert np.array_equal(joined(source, noise * 0, np.zeros(3, int), 3.0), [0, 1, 1])


def test_bins_are_no_narrower_than_the_resolution() -> None:
    labels = joined(np.full(12, 1000.0), np.zeros(12), np.zeros(12, int), 3.0, resolution=4.0)
    assert np.array_equal(np.bincount(labels), [4, 4, 4])


@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30), st.booleans()), min_size=1, max_size=40),
    st.floats(0.5, 6),
)
def test_every_bin_but_the_last_of_a_run_is_significant(
    groups: list[tuple[float, float, bool]], significance: float
) -> None:
    source, noise = (np.array([g[i] for g in groups]) for i in (0, 1))
    runs = np.cumsum([g[2] for g in groups])
    labels = joined(source, noise, runs, significance)
    assert labels[0] == 0
    assert set(np.diff(labels)) <= {0, 1}
    assert np.all(np.diff(labels)[np.diff(runs) > 0] == 1)
    signal = sums(labels, source)
    reached = signal / np.sqrt(np.maximum(signal + sums(labels, noise), 1e-300))
    last_of_run = {int(labels[runs == r].max()) for r in np.unique(runs)}
    for label in set(labels.tolist()) - last_of_run:
        assert reached[label] >= significance * (1 - 1e-6)


def test_equal_steps() -> None:
    edges = np.geomspace(0.5, 8, 41)
    labels = equal_steps(edges[:-1], edges[1:], 4)
    assert np.array_equal(np.bincount(labels), [10] * 4)
    sparse = equal_steps(np.array([0.5, 5.0]), np.array([0.6, 8.0]), 9)  # seven without a group
    assert np.array_equal(sparse, [0, 1])


def test_runs_end_at_gaps() -> None:
    first, last = np.array([0, 2, 5, 6]), np.array([2, 4, 6, 9])
    assert np.array_equal(runs_of(first, last), [0, 0, 1, 1])


def test_channels_of_no_resolution_are_bins_of_one() -> None:
    assert np.array_equal(joined(np.full(3, 100.0), np.zeros(3), np.zeros(3, int), 3.0), [0, 1, 2])
    assert sums(np.array([0, 0, 1]), np.array([1.0, 2, 3])) == pytest.approx([3, 3])
