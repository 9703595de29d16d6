"""Intervals of samples against the distributions they come from."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xsurvey.inference.intervals import (
    equal_tailed,
    highest_density,
    lower_limit,
    quantile,
    upper_limit,
)

GAMMA = stats.gamma(2)
SAMPLES = GAMMA.ppf((np.arange(20_000) + 0.5) / 20_000)


@pytest.mark.parametrize("probability", [0.5, 0.6827, 0.9, 0.99])
def test_quantiles_of_a_gamma(probability: float) -> None:
    tail = (1 - probability) / 2
    expected = GAMMA.ppf([tail, 1 - tail])
    assert equal_tailed(SAMPLES, probability) == pytest.approx(expected, abs=1e-2)
    assert upper_limit(SAMPLES, probability) == pytest.approx(GAMMA.ppf(probability), abs=1e-2)
    assert lower_limit(SAMPLES, probability) == pytest.approx(GAMMA.ppf(1 - probability), abs=2e-3)


@pytest.mark.parametrize("probability", [0.5, 0.6827, 0.9])
def test_highest_density_of_a_gamma(probability: float) -> None:
    low, high = highest_density(SAMPLES, probability)
    assert GAMMA.cdf(high) - GAMMA.cdf(low) == pytest.approx(probability, abs=2e-3)
    assert GAMMA.pdf(low) == pytest.approx(GAMMA.pdf(high), abs=5e-3)


def test_posterior_against_a_bound() -> None:
    samples = stats.expon.ppf((np.arange(10_000) + 0.5) / 10_000)
    low, high = highest_density(samples, 0.6827)
    assert low == pytest.approx(0, abs=1e-3)
    assert high == pytest.approx(-math.log(1 - 0.6827), abs=0.01)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_shortest_interval_holds_what_it_must_and_is_no_longer(
    values: list[float], probability: float
) -> None:
    samples = np.array(values)
    low, high = highest_density(samples, probability)
    assert np.mean((samples >= low) & (samples <= high)) >= probability
    assert low in samples
    assert high in samples


def test_weights_are_as_repeated_samples() -> None:
    x, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 4.0, 2.0])
    repeated = np.repeat(x, weights.astype(int) * 1000)
    for p in (0.2, 0.6, 0.9):
        assert quantile(x, p, weights) == pytest.approx(quantile(repeated, p), abs=0.5)
    uniform = np.linspace(0, 1, 1001)
    assert quantile(uniform, 0.5, uniform) == pytest.approx(math.sqrt(0.5), abs=1e-3)


@pytest.mark.parametrize("samples", [[], [1.0, math.nan], [[1.0]]])
def test_bad_samples(samples: list) -> None:
    for function in (equal_tailed, highest_density, upper_limit, lower_limit):
        with pytest.raises(ValueError, match="samples must be"):
            function(np.array(samples), 0.9)


@pytest.mark.parametrize("probability", [0.0, 1.0, -1.0, math.nan])
def test_bad_probabilities(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        equal_tailed(SAMPLES, probability)
