import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from xsurvey.errors import ParameterError
from xsurvey.spectra.statistics import WStat, wstat_terms
from xsurvey.spectra.statistics.wstat import grouped_time, scaled_time


def two_poisson(b: float, s: int, back: int, m: float, tau: float) -> float:
    """Return minus twice the log-likelihood of both regions over that of a perfect fit."""

    def deviance(d: float, x: float) -> float:
        return x - d + (special.xlogy(d, d) - special.xlogy(d, x) if d else 0.0)

    return 2 * (deviance(s, m + b) + deviance(back, tau * b))


def profiled(s: int, back: int, m: float, tau: float) -> float:
    top = (s + back + 10) * (1 + 1 / tau)
    grid = np.concatenate(([0.0], np.geomspace(1e-8, top, 400)))
    with np.errstate(divide="ignore"):
        values = np.array([two_poisson(b, s, back, m, tau) for b in grid])
    at = int(np.argmin(values))
    ends = grid[max(at - 1, 0)], grid[min(at + 1, grid.size - 1)]
    found = optimize.minimize_scalar(
        two_poisson, args=(s, back, m, tau), bounds=ends, method="bounded",
        options={"xatol": 1e-12},
    )  # fmt: skip
    return min(float(found.fun), float(values[at]))


@pytest.mark.parametrize("tau", [0.2, 1.0, 7.3])
@pytest.mark.parametrize("m", [1e-7, 0.3, 2.0, 40.0])
@pytest.mark.parametrize("back", [0, 1, 30])
@pytest.mark.parametrize("s", [0, 1, 12])
def test_is_the_profile_of_the_two_poisson_likelihood(
    s: int, back: int, m: float, tau: float
) -> None:
    value = wstat_terms([s], [back], [[m]], 1.0, tau)[0, 0]
    assert value == pytest.approx(profiled(s, back, m, tau), abs=2e-7)


def manual(s: float, b: float, m: float, ts: float, tb: float) -> float:
    """Return a term as appendix B of XSPEC's manual writes it; ``m`` is a rate."""
    if s == 0:
        return 2 * (ts * m - (b * np.log(tb / (ts + tb)) if b else 0.0))
    if b == 0:
        if m < s / (ts + tb):
            return 2 * (-tb * m - s * np.log(ts / (ts + tb)))
        return 2 * (ts * m + s * (np.log(s) - np.log(ts * m) - 1))
    d = np.sqrt(((ts + tb) * m - s - b) ** 2 + 4 * (ts + tb) * b * m)
    f = (s + b - (ts + tb) * m + d) / (2 * (ts + tb))
    return 2 * (
        ts * m + (ts + tb) * f - s * np.log(ts * m + ts * f) - b * np.log(tb * f)
        - s * (1 - np.log(s)) - b * (1 - np.log(b))
    )  # fmt: skip


@pytest.mark.parametrize(("s", "b"), [(0, 0), (0, 5), (4, 0), (4, 5), (200, 3)])
def test_special_cases_of_the_manual(s: int, b: int) -> None:
    ts, tb = 13.0, 41.0
    threshold = s / (ts + tb)
    rates = np.array([0.5 * threshold, threshold * (1 + 1e-9), 2 * threshold + 0.1, 30.0])
    expected = [manual(s, b, m, ts, tb) for m in np.maximum(rates, 1e-3)]
    model = ts * np.maximum(rates, 1e-3)[:, None]
    np.testing.assert_allclose(wstat_terms([s], [b], model, ts, tb)[:, 0], expected, atol=1e-9)


def test_is_continuous_and_finite_down_to_no_source() -> None:
    statistic = WStat(np.array([0, 0, 3, 3]), np.array([0, 4, 0, 4]), 1.0, 5.0)
    models = np.concatenate(([0.0], np.geomspace(1e-300, 1e-8, 30)))[:, None] * np.ones(4)
    terms = statistic.terms(models)
    assert np.isfinite(terms).all()
    np.testing.assert_allclose(terms, np.broadcast_to(terms[0], terms.shape), atol=1e-6)


def test_tiny_models_keep_the_background_accurate() -> None:
    # q + d cancels to nothing here in the naive form
    b = WStat(np.array([0]), np.array([1]), 1.0, 1.0).profiled_background(np.array([1e12]))
    assert b[0] == pytest.approx(0.5, rel=1e-12)


@given(
    st.integers(0, 1000), st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(0.01, 100)
)  # fmt: skip
def test_terms_are_not_negative_and_derivatives_are_right(
    s: int, back: int, m: float, tau: float
) -> None:
    statistic = WStat(np.array([s]), np.array([back]), 1.0, tau)
    assert statistic.terms(np.array([m]))[0] >= -1e-9
    step = m * 1e-5
    low, high = (statistic.terms(np.array([m + e]))[0] for e in (-step, step))
    gradient, curvature = statistic.derivatives(np.array([m]))
    inside = m + statistic.profiled_background(np.array([m]))[0]
    # the second difference, and rounding, bound what a first difference can tell
    allowed = 1e-5 * (1 + s * m / inside**2) * 2 + 1e-9 * (s + back + 1) / step + 1e-9
    assert (high - low) / (2 * step) == pytest.approx(gradient[0], abs=allowed)
    assert curvature[0] > 0


def test_curvature_is_the_expected_second_derivative() -> None:
    rng = np.random.default_rng(3)
    m, b, tau = 20.0, 30.0, 4.0
    statistic = WStat(rng.poisson(m + b, 100_000), rng.poisson(b * tau, 100_000), 1.0, tau)
    model, step = np.full(statistic.bins, m), 1e-2
    slopes = [statistic.derivatives(model + e)[0].mean() for e in (-step, step)]
    curvature = (slopes[1] - slopes[0]) / (2 * step)
    assert curvature == pytest.approx(2 / (m + b + b / tau), rel=0.02)
    assert statistic.derivatives(model)[1].mean() == pytest.approx(curvature, rel=0.02)


def test_derivatives_are_finite_where_nothing_is() -> None:
    gradient, curvature = WStat(np.array([0]), np.array([0]), 1.0, 1.0).derivatives(np.zeros(1))
    assert np.isfinite([gradient, curvature]).all()
    assert curvature[0] > 0


def test_a_deep_background_turns_it_into_cstat() -> None:
    counts = np.array([0, 3, 25])
    model = np.array([[1.0, 2.0, 20.0]])
    known = 4.0
    deep = wstat_terms(counts, np.full(3, known * 1e9), model, 1.0, 1e9)
    cstat = -2 * (
        stats.poisson.logpmf(counts, model + known) - stats.poisson.logpmf(counts, counts)
    )
    np.testing.assert_allclose(deep, cstat, atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_impossible_models_are_infinitely_bad(bad: float) -> None:
    statistic = WStat(np.array([2, 1, 0]), np.array([1, 0, 0]), 1.0, 2.0)
    for at in range(3):
        model = np.ones((2, 3))
        model[0, at] = bad
        assert statistic.terms(model)[0, at] == np.inf
        np.testing.assert_array_equal(np.isfinite(statistic.total(model)), [False, True])


def test_ratios_may_differ_from_bin_to_bin() -> None:
    source = scaled_time(1000.0, np.array([0.1, 0.2]), 1.0)
    back = scaled_time(2000.0, 0.4, np.array([1.0, 0.5]))
    terms = wstat_terms([5, 6], [7, 8], [[2.0, 3.0]], source, back)
    for i, tau in enumerate((8.0, 2.0)):
        alone = wstat_terms([5 + i], [7 + i], [[2.0 + i]], 1.0, tau)
        assert terms[0, i] == pytest.approx(alone[0, 0])


def test_times_of_groups_are_means() -> None:
    time = np.array([1.0, 2.0, 3.0, 10.0])
    np.testing.assert_allclose(grouped_time(time, np.array([0, 3]), np.array([3, 4])), [2, 10])
    np.testing.assert_allclose(grouped_time(5.0, np.array([0, 3]), np.array([3, 4])), [5, 5])


def test_empty_background_bins_are_counted() -> None:
    assert WStat(np.ones(3), np.array([0, 2, 0]), 1.0, 1.0).empty_background_bins == 2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"counts": [-1, 1]}, "negative"),
        ({"background": [np.nan, 1]}, "finite"),
        ({"background": [1]}, "bins"),
        ({"source_time": 0.0}, "zero"),
        ({"background_time": [1.0, -1.0]}, "negative"),
    ],
)
def test_impossible_data_are_refused(change: dict, word: str) -> None:
    arguments = {"counts": [1, 2], "background": [1, 2], "source_time": 1, "background_time": 1}
    with pytest.raises(ParameterError, match=word):
        WStat(**(arguments | change))
