import numpy as np
import pytest
from scipy import optimize, special, stats

from xsurvey.spectra.statistics import CStat, WStat
from xsurvey.spectra.statistics.goodness import expected_cstat, goodness, simulated_goodness


def brute_force(mu: float) -> tuple[float, float]:
    k = np.arange(0, int(mu + 40 * np.sqrt(mu) + 60))
    p = stats.poisson.pmf(k, mu)
    terms = 2 * (mu - k + special.xlogy(k, k) - k * np.log(mu))
    mean = float(p @ terms)
    return mean, float(p @ (terms - mean) ** 2)


@pytest.mark.parametrize(
    "mu", [1e-10, 1e-3, 0.1, 0.5, 1.0, 3.3, 10.0, 49.999, 50.0, 51.0, 300.0, 1e4]
)
def test_expectation_and_variance_are_the_poisson_sums(mu: float) -> None:
    mean, variance = expected_cstat(np.array([mu]))
    expected = brute_force(mu)
    assert mean[0] == pytest.approx(expected[0], rel=1e-7, abs=1e-12)
    assert variance[0] == pytest.approx(expected[1], rel=1e-7, abs=1e-12)


@pytest.mark.parametrize(
    ("mu", "formula"),
    [
        # of Kaastra (2017) for mu up to 0.5 and above 10
        (0.2, lambda m: -0.25 * m**3 + 1.38 * m**2 - 2 * m * np.log(m)),
        (20.0, lambda m: 1 + 0.1649 / m + 0.226 / m**2),
    ],
)
def test_expectation_agrees_with_the_formulas_of_the_paper(mu: float, formula: object) -> None:
    assert expected_cstat(np.array(mu))[0] == pytest.approx(formula(mu), abs=3e-3)  # type: ignore[operator]


def test_expectation_keeps_shapes_and_marks_what_has_none() -> None:
    mean, variance = expected_cstat(np.array([[0.0, 1.0, 100.0], [-1.0, np.nan, np.inf]]))
    np.testing.assert_array_equal(np.isnan(mean), [[False] * 3, [True] * 3])
    np.testing.assert_array_equal(np.isnan(variance), np.isnan(mean))
    assert mean[0, 0] == variance[0, 0] == 0
    assert expected_cstat(np.empty(0))[0].size == 0


@pytest.mark.parametrize(("level", "bins"), [(0.05, 1500), (1.0, 500), (30.0, 200)])
def test_p_values_of_true_models_are_uniform(level: float, bins: int) -> None:
    rng = np.random.default_rng(5)
    model = level * rng.uniform(0.5, 1.5, bins)
    values = [goodness(rng.poisson(model), model).p_value for _ in range(350)]
    assert stats.kstest(values, "uniform").pvalue > 0.01
    for nominal in (0.1, 0.32):
        error = np.sqrt(nominal * (1 - nominal) / len(values))
        assert np.mean(np.array(values) < nominal) == pytest.approx(nominal, abs=3.5 * error)


def test_free_parameters_lower_what_is_expected() -> None:
    rng = np.random.default_rng(6)
    shape = np.ones(8)
    z = []
    for _ in range(4000):
        counts = rng.poisson(20 * shape)
        found = goodness(counts, counts.mean() * shape, free_parameters=1)
        z.append(found.significance)
    assert np.mean(z) == pytest.approx(0, abs=4 / np.sqrt(4000))
    assert np.std(z) == pytest.approx(1, abs=0.06)


def test_bad_models_are_found() -> None:
    rng = np.random.default_rng(7)
    counts = rng.poisson(2.0, 500)
    assert goodness(counts, np.full(500, 3.0)).p_value < 1e-4
    assert goodness(counts, np.full(500, 2.0)).p_value > 1e-3
    found = goodness(counts, np.full(500, 2.0))
    assert found.statistic == pytest.approx(float(CStat(counts).total(np.full(500, 2.0))))
    assert found.significance == pytest.approx((found.statistic - found.expected) / found.deviation)


def test_a_model_of_nothing_has_no_goodness() -> None:
    found = goodness(np.zeros(3), np.zeros(3))
    assert found.statistic == 0
    assert np.isnan(found.p_value)


def test_simulated_goodness_of_wstat_is_uniform() -> None:
    rng = np.random.default_rng(8)
    shape, background = np.linspace(2, 0.5, 12), np.full(12, 1.5)

    def fit(generator: np.random.Generator, norm: float) -> tuple[float, float]:
        statistic = WStat(
            generator.poisson(norm * shape + background),
            generator.poisson(3 * background), 1.0, 3.0,
        )  # fmt: skip
        best = optimize.minimize_scalar(
            lambda n: float(statistic.total(n * shape)), bounds=(0, 10), method="bounded"
        )
        return float(best.fun), float(best.x)

    p = []
    for _ in range(60):
        value, norm = fit(rng, 2.0)
        p.append(simulated_goodness(value, lambda g, n=norm: fit(g, n)[0], 19, rng).p_value)  # type: ignore[misc]
    assert stats.kstest(np.array(p) - rng.uniform(0, 0.05, 60), "uniform").pvalue > 0.01


def test_failed_simulations_are_counted() -> None:
    values = iter([1.0, np.nan, 3.0, np.inf])
    found = simulated_goodness(2.0, lambda _: next(values), 4, np.random.default_rng(9))
    assert (found.failed, found.p_value, found.expected) == (2, 2 / 3, 2.0)
    none = simulated_goodness(2.0, lambda _: np.nan, 3, np.random.default_rng(9))
    assert none.failed == 3
    assert np.isnan(none.p_value)
    with pytest.raises(ValueError, match="trial"):
        simulated_goodness(2.0, lambda _: 1.0, 0, np.random.default_rng(9))
