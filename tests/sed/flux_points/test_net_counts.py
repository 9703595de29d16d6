"""Net counts, their errors and limits: closed forms, and draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from xsurvey.sed.flux_points.net_counts import net_counts
from xsurvey.spectra.statistics.wstat import WStat

NONE = np.zeros(1)


def test_without_background_errors_are_lamberts() -> None:
    """2 (s - N + N ln(N / s)) = 1 has its roots at -N W(-exp(-1 - 1 / (2 N)))."""
    counts = np.array([1.0, 3.0, 25.0, 400.0])
    found = net_counts(counts, None, np.zeros(4), 0.95)
    argument = -np.exp(-1 - 0.5 / counts)
    low, high = (-counts * special.lambertw(argument, branch).real for branch in (0, -1))
    assert found.value == pytest.approx(counts)
    assert found.value - found.error_low == pytest.approx(low, rel=1e-6)
    assert found.value + found.error_high == pytest.approx(high, rel=1e-6)
    assert np.isnan(found.significance).all()


def test_nothing_counted() -> None:
    """Of no counts s is below 1/2 by the likelihood, and below -ln(1 - C) with confidence C."""
    found = net_counts(np.zeros(1), None, NONE, 0.95)
    assert (found.value[0], found.error_high[0]) == pytest.approx((0, 0.5))
    assert np.isnan(found.error_low[0])
    assert found.limit[0] == pytest.approx(-np.log(0.05), rel=2e-3)
    behind = net_counts(np.zeros(1), np.array([8.0]), np.array([0.25]), 0.95)
    assert behind.value[0] == pytest.approx(-2)
    assert np.isnan(behind.error_low[0])
    assert behind.significance[0] < 0
    assert behind.limit[0] == pytest.approx(-np.log(0.05), rel=2e-3)


def test_limits_without_background_are_of_the_gamma_distribution() -> None:
    counts = np.array([1.0, 4.0, 100.0])
    found = net_counts(counts, None, np.zeros(3), 0.9)
    assert found.limit == pytest.approx(special.gammaincinv(counts + 1, 0.9), rel=2e-3)


@given(
    st.integers(1, 10_000), st.integers(0, 10_000), st.floats(1e-3, 10),
)  # fmt: skip
def test_significance_is_that_of_li_and_ma(on: int, off: int, alpha: float) -> None:
    found = net_counts(np.array([on]), np.array([off]), np.array([alpha]), 0.95)
    n, b = float(on), float(off)
    whole = n + b
    ratio = special.xlogy(n, (1 + alpha) / alpha * n / whole)
    ratio += special.xlogy(b, (1 + alpha) * b / whole)
    expected = np.sign(n - alpha * b) * np.sqrt(2 * max(ratio, 0))
    # of a difference of large logarithms
    assert found.significance[0] == pytest.approx(expected, abs=1e-4 * np.sqrt(whole))
    assert found.error_low[0] > 0
    assert found.error_high[0] > 0
    assert found.limit[0] > 0


def test_many_counts_are_gaussian() -> None:
    found = net_counts(np.array([1e5]), np.array([4e4]), np.array([0.5]), 0.95)
    sigma = np.sqrt(1e5 + 4e4 * 0.25)
    assert found.value[0] == 8e4
    assert [found.error_low[0], found.error_high[0]] == pytest.approx([sigma, sigma], rel=5e-3)
    assert found.limit[0] == pytest.approx(8e4 + 1.645 * sigma, rel=1e-3)


@pytest.mark.parametrize(("counts", "low"), [(9, 0.87), (25, 0.958), (100, 0.9895)])
def test_how_low_chi_square_is(counts: int, low: float) -> None:
    """The weighted mean of points of few counts, as the documents tell it."""
    n = np.arange(1.0, 400)
    found = net_counts(n, None, np.zeros(len(n)), 0.95)
    weight = stats.poisson.pmf(n, counts) / (0.5 * (found.error_low + found.error_high)) ** 2
    assert np.sum(weight * n) / weight.sum() / counts == pytest.approx(low, abs=2e-3)


def test_channels_without_background_counts() -> None:
    """The norm of 100 channels by W-stat, and that of their sum, as the documents tell it."""
    generator, norms = np.random.default_rng(5), np.linspace(0, 2, 201)
    by_channel, summed = [], []
    for _ in range(100):
        on, off = generator.poisson(0.5, 100), generator.poisson(0.5, 100)
        total = WStat(on, off, 1.0, 2.0).total(norms[:, None] * np.full(100, 0.25))
        by_channel.append(norms[total.argmin()])
        found = net_counts(np.array([on.sum()]), np.array([off.sum()]), np.array([0.5]), 0.95)
        summed.append(found.value[0] / 25)
    error = np.sqrt(50 + 12.5) / 25 / 10
    assert np.mean(summed) == pytest.approx(1, abs=3 * error)
    assert np.mean(by_channel) == pytest.approx(0.4, abs=0.15)


def test_draws_over_a_background_of_few_counts() -> None:
    """Mean and pulls of 2000 bins of 20 counts, over 5 that are known from 10."""
    generator = np.random.default_rng(4)
    counts, off = generator.poisson(25, 2000), generator.poisson(10, 2000)
    found = net_counts(counts, off, np.full(2000, 0.5), 0.95)
    assert found.value.mean() == pytest.approx(20, abs=3 * np.sqrt(27.5 / 2000))
    pull = np.where(found.value < 20, (found.value - 20) / found.error_high,
                    (found.value - 20) / found.error_low)  # fmt: skip
    assert pull.mean() == pytest.approx(0, abs=0.06)
    assert pull.std() == pytest.approx(1, abs=0.05)
    assert np.mean(np.abs(pull) < 1) == pytest.approx(0.6827, abs=0.03)
    assert np.mean(found.limit > 20) == pytest.approx(0.95, abs=0.02)
