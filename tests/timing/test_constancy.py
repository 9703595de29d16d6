import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from xsurvey.timing.constancy import constancy_test, with_enough_counts
from xsurvey.timing.constant_rate import (
    constancy_statistic,
    fit_constant_rate,
    log_likelihood,
    profiled_background,
)


def drawn(number: int, bins: int, rate: float, background: float, seed: int = 0):  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(seed)
    exposure = generator.uniform(1, 30, (number, bins))
    scale = generator.uniform(0.02, 0.2, (number, bins))
    mean = background * exposure / scale
    counts = generator.poisson(rate * exposure + scale * mean)
    return counts, generator.poisson(mean), scale, exposure


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 100), st.integers(0, 60), st.integers(0, 300), st.floats(1e-3, 1.0),
)  # fmt: skip
def test_profiled_background_is_the_most_likely_one(
    source: float, counts: int, background_counts: int, scale: float
) -> None:
    values = [np.array([float(v)]) for v in (source, counts, background_counts, scale)]
    best = profiled_background(*values)
    assert best[0] >= 0

    def likelihood(background: np.ndarray) -> float:
        return float(log_likelihood(values[0], background, *values[1:])[0])

    at_best = likelihood(best)
    for factor in (0.9, 0.999, 1.001, 1.1):
        assert likelihood(best * factor) <= at_best + 1e-7 * (1 + abs(at_best))
    assert likelihood(best + 1e-3) <= at_best + 1e-7 * (1 + abs(at_best))


@pytest.mark.parametrize(("rate", "background"), [(0.0, 0.3), (0.02, 0.5), (1.0, 0.02), (5.0, 2.0)])
def test_the_constant_rate_is_the_most_likely_one(rate: float, background: float) -> None:
    data = [v.astype(float) for v in drawn(40, 9, rate, background, seed=4)]
    fitted = fit_constant_rate(*data)
    for i in range(40):
        counts, background_counts, scale, exposure = (v[i] for v in data)

        def loss(r: float) -> float:
            source = r * exposure  # noqa: B023
            b = profiled_background(source, counts, background_counts, scale)  # noqa: B023
            return -float(log_likelihood(source, b, counts, background_counts, scale).sum())  # noqa: B023

        upper = counts.sum() / exposure.sum() + 1e-9
        found = optimize.minimize_scalar(loss, bounds=(0, upper), method="bounded")
        assert loss(max(fitted[i], 1e-12)) <= min(found.fun, loss(1e-12)) + 1e-6


def test_without_background_the_statistic_is_the_deviance() -> None:
    counts = np.array([[3.0, 0.0, 9.0]])
    exposure = np.array([[10.0, 5.0, 20.0]])
    mean = 12 / 35 * exposure
    expected = 2 * np.sum(np.array([3, 0, 9]) * np.log(np.maximum([3, 0, 9], 1e-30) / mean))
    statistic, rate = constancy_statistic(counts, 0 * counts, 0 * counts, exposure)
    assert statistic[0] == pytest.approx(expected)
    assert rate[0] == pytest.approx(12 / 35)


def test_many_counts_give_chi_squared() -> None:
    data = drawn(1500, 8, 50.0, 5.0, seed=9)
    statistic, _ = constancy_statistic(*(v.astype(float) for v in data))
    assert stats.kstest(statistic, stats.chi2(7).cdf).pvalue > 1e-3


def test_the_p_value_without_background_is_that_of_all_outcomes() -> None:
    # 4 counts in 3 bins: 15 outcomes, all can be summed
    exposure = np.array([1.0, 2.0, 4.0])
    share = exposure / exposure.sum()
    outcomes = np.array([(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)], float)
    zero = np.zeros_like(outcomes)
    probability = stats.multinomial(4, share).pmf(outcomes)
    statistic, _ = constancy_statistic(outcomes, zero, zero, exposure + zero)
    for i in (0, 5, 11):
        exact = probability[statistic >= statistic[i] - 1e-9].sum()
        one = outcomes[i : i + 1]
        test = constancy_test(one, zero[:1], zero[:1], exposure[None], trials=4000, seed=i)
        spread = np.sqrt(exact * (1 - exact) / test.trials[0]) + 1 / test.trials[0]
        assert test.p_value[0] == pytest.approx(exact, abs=4 * spread)


@pytest.mark.parametrize(("rate", "background"), [(0.3, 0.0), (0.3, 0.1)])
def test_constant_sources_are_called_variable_as_often_as_promised(
    rate: float, background: float
) -> None:
    number = 1200
    counts, background_counts, scale, exposure = drawn(number, 8, rate, background, seed=21)
    scale = scale if background else 0 * scale
    test = constancy_test(counts, background_counts, scale, exposure, trials=199, seed=3)
    for level in (0.1, 0.05):
        share = np.mean(test.p_value <= level)
        # nominal within 20 %, and three standard errors of this number of light curves
        assert abs(share - level) < 0.2 * level + 3 * np.sqrt(level / number)


@pytest.mark.parametrize("background", [0.0, 0.01])
def test_few_counts_make_it_conservative_never_too_bold(background: float) -> None:
    number = 1500
    counts, background_counts, scale, exposure = drawn(number, 10, 0.02, background, seed=5)
    scale = scale if background else 0 * scale
    test = constancy_test(counts, background_counts, scale, exposure, trials=199, seed=1)
    for level in (0.1, 0.05):
        assert np.mean(test.p_value <= level) < level + 3 * np.sqrt(level / number)


def test_a_flare_is_found() -> None:
    counts, background_counts, scale, exposure = drawn(1, 10, 1.0, 0.05, seed=2)
    counts[0, 3] = 4 * counts[0, 3] + 20
    test = constancy_test(counts, background_counts, scale, exposure, trials=499)
    assert test.p_value[0] == pytest.approx(1 / 500)
    assert 0 < test.p_value_error[0] < 0.005
    assert test.trials[0] == 499


def test_a_flare_of_the_background_alone_is_not_variability() -> None:
    generator = np.random.default_rng(11)
    exposure, scale = np.full((1, 10), 20.0), np.full((1, 10), 0.1)
    mean = np.where(np.arange(10) == 5, 900.0, 30.0)[None]
    background_counts = generator.poisson(mean)
    counts = generator.poisson(0.5 * exposure + scale * mean)
    assert constancy_test(counts, background_counts, scale, exposure, trials=999).p_value[0] > 0.02
    blind = constancy_test(counts, 0 * counts, 0 * scale, exposure, trials=999)
    assert blind.p_value[0] < 0.01


def test_padding_and_neighbours_change_nothing() -> None:
    data = drawn(3, 7, 0.4, 0.05, seed=6)
    alone = constancy_test(*(v[:1] for v in data), trials=300, seed=4)
    padded = [np.pad(v, ((0, 0), (0, 5)), constant_values=0.0) for v in data]
    padded[0][:, 9] = 50  # counts without exposure are nobody's
    padded[2][:, 9] = np.nan
    among = constancy_test(*padded, trials=300, seed=4)
    assert among.p_value[0] == alone.p_value[0]
    assert among.statistic[0] == pytest.approx(alone.statistic[0])
    assert among.bins[0] == 7


def test_what_cannot_be_tested_is_nan() -> None:
    zero = np.zeros((3, 4))
    exposure = np.array([[0.0] * 4, [5.0, 0, 0, 0], [5.0, 5, 5, 5]])
    test = constancy_test(zero, zero, zero, exposure, trials=99)
    assert np.isnan(test.p_value[:2]).all()
    assert test.bins.tolist() == [0, 1, 4]
    # no count at all is as constant as can be
    assert test.p_value[2] == 1
    assert test.rate[2] == 0


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_impossible_numbers_are_refused(bad: float) -> None:
    data = [v.astype(float) for v in drawn(2, 4, 0.4, 0.05)]
    for position in range(3):
        wrong = [v.copy() for v in data]
        wrong[position][1, 2] = bad
        with pytest.raises(ValueError, match="finite"):
            constancy_test(*wrong, trials=99)


@pytest.mark.parametrize(
    ("bins", "source", "background", "scale"),
    [(50, 20, 20, 1.0), (200, 20, 100, 0.2), (6000, 100, 60, 0.044)],
)
def test_bins_with_hardly_a_count_raise_no_false_alarms(
    bins: int, source: float, background: float, scale: float
) -> None:
    generator = np.random.default_rng(bins)
    n = 100
    counts = generator.poisson((source + scale * background) / bins, (n, bins))
    others = generator.poisson(background / bins, (n, bins))
    test = constancy_test(
        counts, others, np.full((n, bins), scale), np.ones((n, bins)), trials=99, seed=1
    )
    # binomial: 5 +- 2.2 of 100
    assert np.count_nonzero(test.p_value <= 0.05) <= 13
    assert test.bins.tolist() == [bins] * n


def test_a_flare_in_bins_with_hardly_a_count_is_seen() -> None:
    generator = np.random.default_rng(3)
    level = np.where(np.abs(np.arange(3000) - 1500) < 60, 0.5, 0.01)
    counts = generator.poisson(level)[None]
    others = generator.poisson(0.01, (1, 3000))
    test = constancy_test(counts, others, np.full((1, 3000), 0.05), np.ones((1, 3000)), trials=199)
    assert test.p_value[0] == pytest.approx(1 / 200)


def test_merging_keeps_counts_exposure_and_background() -> None:
    generator = np.random.default_rng(4)
    curve = [
        generator.poisson(0.02, (1, 997)).astype(float), generator.poisson(0.1, (1, 997)) * 1.0,
        generator.uniform(0.1, 0.3, (1, 997)), generator.uniform(1, 5, (1, 997)),
    ]  # fmt: skip
    merged = with_enough_counts(curve)
    assert 2 <= merged[0].shape[1] < 100
    for i in (0, 1, 3):
        assert merged[i].sum() == pytest.approx(curve[i].sum())
    assert (merged[2] * merged[3]).sum() == pytest.approx((curve[2] * curve[3]).sum())
    plenty = [curve[0] + 5, *curve[1:]]
    assert with_enough_counts(plenty)[0] is plenty[0]
    none = [curve[0], curve[1] * 0, curve[2] * 0, curve[3]]
    assert with_enough_counts(none)[0] is none[0]
