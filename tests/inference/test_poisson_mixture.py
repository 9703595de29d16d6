"""Posteriors of sources that share counts, against grids and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from xsurvey.inference.poisson_mixture import mixture_posterior
from xsurvey.inference.poisson_rate import counts_posterior

QUANTILES = (0.05, 0.16, 0.5, 0.84, 0.95)


@pytest.mark.parametrize(("c", "b"), [(0, 12), (5, 30), (60, 200), (4000, 900)])
def test_one_source_over_a_background_is_the_exact_posterior(c: int, b: int) -> None:
    area, big, f, g = 10.0, 400.0, 0.9, 0.02
    exact = counts_posterior(np.array([c]), np.array([b]), area, big, f, g)
    matrix = np.array([[[f, area], [g, big]]])
    (sampled,) = mixture_posterior(np.array([[c, b]]), matrix, 1, seed=3)
    width = float(exact.quantile(0.84)[0] - exact.quantile(0.16)[0])
    for q in QUANTILES:
        assert sampled.quantile(q)[0] == pytest.approx(exact.quantile(q)[0], abs=0.03 * width)
    assert sampled.mode()[0] == pytest.approx(exact.mode()[0], abs=0.06 * width)


def brute_force(n: np.ndarray, m: np.ndarray, known: np.ndarray, size: float) -> list[np.ndarray]:
    """Return the quantiles of both components of a matrix (i, 2) on a grid of two dimensions."""
    s = np.linspace(0, size, 1201)
    mean = m[:, 0, None, None] * s[:, None] + m[:, 1, None, None] * s + known[:, None, None]
    log = (special.xlogy(n[:, None, None], mean) - mean).sum(axis=0)
    density = np.exp(log - log.max())
    found = []
    for axis in (1, 0):
        cumulative = np.cumsum(density.sum(axis=axis))
        found.append(np.interp(QUANTILES, cumulative / cumulative[-1], s))
    return found


@pytest.mark.parametrize("counts", [(3, 2), (25, 8), (150, 90), (0, 40)])
def test_an_overlapping_pair_is_that_of_the_grid(counts: tuple[int, int]) -> None:
    n, m = np.array(counts), np.array([[0.6, 0.25], [0.2, 0.55]])
    known = np.array([1.5, 0.7])
    expected = brute_force(n, m, known, 20 + 4 * max(counts))
    sampled = mixture_posterior(n[None], m[None], 2, 11, known[None], samples=40_000)
    for posterior, values in zip(sampled, expected, strict=True):
        width = values[3] - values[1]
        for q, value in zip(QUANTILES, values, strict=True):
            assert posterior.quantile(q)[0] == pytest.approx(value, abs=0.06 * width)


def test_without_anything_else_it_is_the_gamma_distribution() -> None:
    (p,) = mixture_posterior(np.array([[7], [300]]), np.full((2, 1, 1), 0.5), 1, seed=0)
    for row, counts in enumerate((7, 300)):
        for q in QUANTILES:
            expected = stats.gamma(counts + 1, scale=2).ppf(q)
            assert p.quantile(q)[row] == pytest.approx(expected, rel=2e-3)
    assert p.mode() == pytest.approx([14, 600], rel=1e-3)


@given(
    st.lists(st.integers(0, 200), min_size=3, max_size=3),
    st.lists(st.floats(0.01, 1.0), min_size=9, max_size=9),
)
@settings(max_examples=15, deadline=None)
def test_densities_are_densities_and_seeds_decide(counts: list[int], parts: list[float]) -> None:
    n, m = np.array([counts]), np.array(parts).reshape(1, 3, 3)
    first = mixture_posterior(n, m, 2, seed=5, samples=50)
    again = mixture_posterior(n, m, 2, seed=5, samples=50)
    for one, same in zip(first, again, strict=True):
        assert np.array_equal(one.density, same.density)
        assert np.all(np.diff(one.cumulative, axis=1) >= 0)
        assert np.trapezoid(one.density, one.counts, axis=1) == pytest.approx(1)
        low, high = one.shortest_interval()
        assert 0 <= low[0] < high[0]


def test_zero_rows_and_columns_fill_groups_up() -> None:
    n, m = np.array([[20, 8]]), np.array([[[0.6, 0.25], [0.2, 0.55]]])
    filled = np.zeros((1, 4, 3))
    filled[:, :2, :2] = m
    plain = mixture_posterior(n, m, 2, seed=1)
    padded = mixture_posterior(np.pad(n, ((0, 0), (0, 2))), filled, 3, seed=2)
    for a, b in zip(plain, padded, strict=False):
        assert b.quantile(0.5)[0] == pytest.approx(a.quantile(0.5)[0], rel=0.03)
    assert np.isnan(padded[2].quantile(0.5)).all()
    assert np.isnan(padded[2].mode()).all()


def test_counts_where_nothing_reaches_say_nothing() -> None:
    m = np.array([[[1.0], [0.0]]])
    (p,) = mixture_posterior(np.array([[4, 99]]), m, 1, seed=0)
    assert p.mode()[0] == pytest.approx(4, rel=1e-3)


def test_no_groups() -> None:
    (p,) = mixture_posterior(np.empty((0, 2)), np.empty((0, 2, 1)), 1, seed=0)
    assert p.mode().shape == (0,)


def test_observations_together_are_one_of_their_sum() -> None:
    # the same sky and area in each: counts add up, whatever the split
    c, b = np.array([[3, 5, 9]]), np.array([[40, 41, 80]])
    share = np.array([[0.25, 0.25, 0.5]])
    together = counts_posterior(c, b, share * 0, share, 0.9 * share, 0.0)
    alone = counts_posterior(c.sum(axis=1), b.sum(axis=1), 0.0, 1.0, 0.9, 0.0)
    for q in QUANTILES:
        assert together.quantile(q)[0] == pytest.approx(alone.quantile(q)[0], rel=3e-3)


def test_likelihoods_of_observations_are_multiplied() -> None:
    c, b = np.array([[2, 7]]), np.array([[30, 90]])
    share, area, big = np.array([[0.3, 0.7]]), np.array([[2.0, 9.0]]), np.array([[50.0, 80.0]])
    together = counts_posterior(c, b, area, big, 0.9 * share, 0.01 * share)
    s = np.linspace(0, 40, 1001)
    log = np.zeros_like(s)
    for k in range(2):
        t = np.linspace(1e-9, 4, 1500)[:, None]
        inside, outside = 0.9 * share[0, k] * s + area[0, k] * t, big[0, k] * t
        outside = outside + 0.01 * share[0, k] * s
        each = special.xlogy(c[0, k], inside) - inside + special.xlogy(b[0, k], outside) - outside
        log += special.logsumexp(each, axis=0)
    cumulative = np.cumsum(np.exp(log - log.max()))
    for q in QUANTILES:
        expected = np.interp(q, cumulative / cumulative[-1], s)
        assert together.quantile(q)[0] == pytest.approx(expected, abs=0.05)


def test_an_observation_that_saw_nothing_changes_nothing() -> None:
    one = counts_posterior(np.array([6]), np.array([40]), 10.0, 400.0, 0.9, 0.02)
    two = counts_posterior(
        np.array([[6, 0]]), np.array([[40, 0]]), np.array([[10.0, 0.0]]),
        np.array([[400.0, 1.0]]), np.array([[0.9, 0.0]]), np.array([[0.02, 0.0]]),
    )  # fmt: skip
    for q in QUANTILES:
        assert two.quantile(q)[0] == pytest.approx(one.quantile(q)[0], rel=3e-3)


def test_known_counts_are_taken_off() -> None:
    # known counts in the aperture are a background that is known exactly
    known = counts_posterior(np.array([9]), np.array([0]), 0.0, 1.0, 1.0, 0.0, known=4.0)
    s = np.linspace(0, 40, 40_001)
    cumulative = np.cumsum(np.exp(-(s + 4)) * (s + 4) ** 9)
    for q in QUANTILES:
        expected = np.interp(q, cumulative / cumulative[-1], s)
        assert known.quantile(q)[0] == pytest.approx(expected, abs=0.02)


def test_many_groups_are_drawn_in_blocks() -> None:
    counts = np.arange(600)[:, None]
    (p,) = mixture_posterior(counts, np.ones((600, 1, 1)), 1, seed=0, samples=400)
    assert len(p.counts) == 600
    assert p.mode() == pytest.approx(np.arange(600), abs=1e-3 * 600)
    (none,) = mixture_posterior(np.empty((0, 1)), np.empty((0, 1, 1)), 1, seed=0)
    assert len(none.counts) == 0
