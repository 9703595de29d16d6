"""The photometry benchmark on one field: what it draws and what it counts."""

import numpy as np
import pytest

from benchmarks.photometry import (
    BRIGHTEST,
    FAINTEST,
    SIDE,
    SLOPE,
    eddington,
    hardness,
    measured_field,
    places,
    powerlaw,
    rates,
    share,
)


def test_drawn_counts_follow_the_power_law() -> None:
    counts = powerlaw(np.random.default_rng(1), 20_000)
    assert counts.min() >= FAINTEST
    assert counts.max() <= BRIGHTEST
    for level in (6.0, 30.0):
        assert np.mean(counts > level) == pytest.approx((level / FAINTEST) ** -SLOPE, rel=0.1)


def test_sources_are_apart_or_in_pairs() -> None:
    x, y, paired = places(np.random.default_rng(1), 1.5)
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1)
    assert nearest[~paired].min() > 15
    assert nearest[paired].max() <= 6.01
    assert min(x.min(), y.min()) > 0
    assert max(x.max(), y.max()) < SIDE


def test_one_field() -> None:
    columns = measured_field(3, 10)
    n = len(columns["s"])
    assert n > 50
    assert all(len(v) == n for v in columns.values())
    for result in (rates(columns)["0 counts and more"]["interval_68"], hardness(columns)["all"]):
        # three sigma, and pairs share photons
        assert result["part"] == pytest.approx(0.69, abs=4.5 * np.sqrt(0.21 / n))
    assert eddington(columns)["detected"] > 10


def test_shares_have_binomial_errors() -> None:
    assert share(np.array([True, True, False, False])) == {"n": 4, "part": 0.5, "error": 0.25}
