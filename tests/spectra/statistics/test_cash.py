import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xsurvey.errors import ParameterError
from xsurvey.spectra.statistics import CStat, cstat_terms
from xsurvey.spectra.statistics.base import SMALLEST_EXPECTATION


def test_is_twice_the_deviance_of_poisson_likelihoods() -> None:
    counts = np.array([0, 1, 3, 20, 1000])
    model = np.array([[0.4, 0.2, 5.0, 17.0, 1010.0], [2.0, 1.0, 3.0, 20.0, 1000.0]])
    log = stats.poisson.logpmf(counts, model) - stats.poisson.logpmf(counts, np.maximum(counts, 0))
    np.testing.assert_allclose(cstat_terms(counts, model), -2 * log, rtol=1e-10, atol=1e-10)


def test_total_is_the_sum_of_terms() -> None:
    rng = np.random.default_rng(1)
    model = rng.uniform(0.01, 30, (7, 50))
    for counts in (rng.poisson(0.5, 50), rng.poisson(5, 50) + 1, np.zeros(50)):
        statistic = CStat(counts)
        np.testing.assert_allclose(statistic.total(model), statistic.terms(model).sum(1))
        np.testing.assert_allclose(statistic.total(model[2]), statistic.total(model)[2])


def test_empty_bins_give_twice_the_model() -> None:
    np.testing.assert_array_equal(cstat_terms([0, 0], [[0.0, 3.5]]), [[0, 7]])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, -np.inf])
def test_impossible_models_are_infinitely_bad(bad: float) -> None:
    statistic = CStat(np.array([2, 1, 0]))
    model = np.array([[1.0, bad, 1.0], [1.0, 1.0, 1.0]])
    assert statistic.terms(model)[0, 1] == np.inf
    np.testing.assert_array_equal(np.isinf(statistic.terms(model)).sum(1), [1, 0])
    np.testing.assert_array_equal(np.isinf(statistic.total(model)), [True, False])


@pytest.mark.parametrize("bad", [-1e-9, np.nan, np.inf])
def test_a_negative_model_is_no_reward_where_there_are_no_counts(bad: float) -> None:
    for counts in ([3, 0], [0, 0]):
        assert CStat(np.array(counts)).total(np.array([2.0, bad])) == np.inf
        assert CStat(np.array(counts)).terms(np.array([2.0, bad]))[1] == np.inf


@given(st.integers(0, 10_000), st.floats(1e-4, 1e4))
def test_terms_are_not_negative_and_derivatives_are_right(counts: int, model: float) -> None:
    statistic = CStat(np.array([counts]))
    assert statistic.terms(np.array([model]))[0] >= -1e-9
    step = model * 1e-5
    low, high = (statistic.terms(np.array([model + s]))[0] for s in (-step, step))
    gradient, curvature = statistic.derivatives(np.array([model]))
    scale = 2 * (1 + counts / model)
    assert (high - low) / (2 * step) == pytest.approx(gradient[0], abs=1e-5 * scale)
    assert curvature[0] == pytest.approx(2 / model)


def test_curvature_is_the_expected_second_derivative() -> None:
    model = np.full(200_000, 3.7)
    counts = np.random.default_rng(2).poisson(model)
    statistic = CStat(counts)
    step = 1e-3
    slopes = [statistic.derivatives(model + s)[0].mean() for s in (-step, step)]
    expected = statistic.derivatives(model)[1][0]
    assert (slopes[1] - slopes[0]) / (2 * step) == pytest.approx(expected, rel=0.01)


def test_derivatives_stay_finite_at_zero() -> None:
    gradient, curvature = CStat(np.array([0, 2])).derivatives(np.array([[0.0, 0.0]]))
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(curvature, 2 / SMALLEST_EXPECTATION)


@pytest.mark.parametrize("counts", [[-1, 2], [np.nan, 2], [np.inf], [], [[1, 2]]])
def test_impossible_counts_are_refused(counts: list) -> None:
    with pytest.raises(ParameterError, match="counts"):
        CStat(np.array(counts))


def test_models_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="3 bins"):
        CStat(np.ones(3)).total(np.ones((2, 4)))
