import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xsurvey.polarization.significance import gaussian_sigma, log_chi2_tail
from xsurvey.polarization.variation.binned_sums import binned_sums, equal_count_edges
from xsurvey.polarization.variation.constancy import constancy, weighted_mean
from xsurvey.polarization.variation.constancy_trials import (
    modulated_angles,
    permuted_constancy,
    simulated_constancy,
)


def measurements(shape: tuple[int, ...], seed: int = 1) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    root = generator.normal(0, 0.05, (shape[-1], 2, 2))
    covariance = np.broadcast_to(root @ np.swapaxes(root, 1, 2) + 1e-4 * np.eye(2), (*shape, 2, 2))
    noise = np.einsum(
        "...ij,...j->...i", np.linalg.cholesky(covariance), generator.normal(size=(*shape, 2))
    )
    return 0.1 + noise[..., 0], -0.05 + noise[..., 1], covariance


def polarized_events(
    number: int, degree: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    mu = generator.uniform(0.15, 0.55, number)
    phi = modulated_angles(mu * degree, (number,), generator) + 0.7
    return 2 * np.cos(phi), 2 * np.sin(phi), generator.uniform(0.1, 1.5, number), mu


def test_tails_of_chi_squared() -> None:
    x = np.array([0.0, 0.3, 2.0, 9.21, 80.0])
    for dof in (1, 2, 3, 4, 7, 10, 38):
        assert log_chi2_tail(x, dof) == pytest.approx(stats.chi2.logsf(x, dof), rel=1e-9, abs=1e-12)
    assert log_chi2_tail(5000.0, 2) == pytest.approx(-2500)
    assert np.isnan(log_chi2_tail(1.0, 0))
    assert np.isnan(log_chi2_tail(np.nan, 2))
    assert log_chi2_tail(np.empty(0), np.empty(0, int)).shape == (0,)
    with pytest.raises(ValueError, match="negative"):
        log_chi2_tail(1.0, -1)
    assert gaussian_sigma(np.log([1.0, 0.3173105, 0.0026998])) == pytest.approx([0, 1, 3], abs=1e-5)
    # -x^2 / 2 - ln(x) + ln(2 / sqrt(2 pi)) = -800
    assert gaussian_sigma(-(40.0**2) / 2) == pytest.approx(39.902, abs=0.001)


def test_the_mean_is_that_of_least_chi_squared() -> None:
    q, u, covariance = measurements((7,))
    mean = weighted_mean(q, u, covariance)
    weights = np.linalg.inv(covariance)

    def loss(at: np.ndarray) -> float:
        away = np.stack([q, u], axis=-1) - at
        return float(np.einsum("ni,nij,nj->", away, weights, away))

    best = np.array(mean[:2])
    assert constancy(q, u, covariance).statistic == pytest.approx(loss(best))
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]):
        assert loss(best + step) > loss(best)
    assert mean[2] == pytest.approx(np.linalg.inv(weights.sum(axis=0)))


def test_probabilities_of_constant_polarization_are_uniform() -> None:
    found = constancy(*measurements((20_000, 6), seed=4))
    assert np.all(found.dof == 10)
    assert stats.kstest(np.exp(found.log_probability), "uniform").pvalue > 1e-3
    assert found.contribution.sum(axis=-1) == pytest.approx(found.statistic)


def test_a_varying_polarization_is_found() -> None:
    q, u, covariance = measurements((2, 6), seed=4)
    q[1, :3] += 0.5
    found = constancy(q, u, covariance)
    assert found.significance[1] > 5 > found.significance[0]


def test_bins_without_measurement_do_not_count() -> None:
    q, u, covariance = measurements((5,), seed=2)
    wide = [np.insert(v, 2, np.nan, axis=0) for v in (q, u, covariance)]
    one, two = constancy(q, u, covariance), constancy(*wide)
    assert two.statistic == pytest.approx(one.statistic)
    assert (two.bins, two.dof) == (5, 8)
    assert np.isnan(two.contribution[2])
    single = constancy(q[:1], u[:1], covariance[:1])
    assert np.isnan(single.statistic)
    assert np.isnan(single.log_probability)
    assert single.q == pytest.approx(q[0])
    nothing = constancy(np.full(3, np.nan), np.full(3, np.nan), np.full((3, 2, 2), np.nan))
    assert np.isnan(nothing.q)
    assert nothing.bins == 0


@given(st.floats(-90, 90), st.integers(0, 1000))
def test_a_common_rotation_changes_nothing(turn: float, seed: int) -> None:
    q, u, covariance = measurements((5,), seed)
    cos, sin = np.cos(np.radians(2 * turn)), np.sin(np.radians(2 * turn))
    matrix = np.array([[cos, -sin], [sin, cos]])
    turned = constancy(*(matrix @ np.stack([q, u])), matrix @ covariance @ matrix.T)
    assert turned.statistic == pytest.approx(constancy(q, u, covariance).statistic, rel=1e-6)


def test_sums_give_the_estimators_of_the_events() -> None:
    q, u, w, mu = polarized_events(3000, 0.5, 7)
    time = np.random.default_rng(1).uniform(0, 10, 3000)
    sums = binned_sums(time, q, u, np.array([0.0, 4.0, 9.0]), w, mu)
    x, y, covariance = sums.normalised()
    for i, inside in enumerate((time < 4, (time >= 4) & (time < 9))):
        weight, z = w[inside], np.stack([q[inside], u[inside]]) / mu[inside]
        mean = (weight * z).sum(axis=1) / weight.sum()
        assert [x[i], y[i]] == pytest.approx(mean)
        away = weight * (z - mean[:, None])
        assert covariance[i] == pytest.approx(away @ away.T / weight.sum() ** 2)
    assert sums.counts.sum() == np.sum(time < 9)
    total, pooled = sums.total().normalised(), sums.normalised(pooled=True)
    assert pooled[2] == pytest.approx(covariance, rel=0.1, abs=1e-3)
    assert total[0] == pytest.approx((x * sums.weight).sum() / sums.weight.sum())
    halves = [binned_sums(time[p], q[p], u[p], sums.edges, w[p], mu[p])
              for p in (slice(0, 1000), slice(1000, None))]  # fmt: skip
    assert (halves[0] + halves[1]).normalised()[2] == pytest.approx(covariance)


def test_sums_of_few_events_and_bad_ones() -> None:
    edges = np.array([0.0, 1.0, 2.0, 3.0])
    time = np.array([0.5, 1.1, 1.2, 1.3, 1.4, 3.0, 7.0])
    angle = np.arange(7.0)
    q, u = 2 * np.cos(angle), 2 * np.sin(angle)
    sums = binned_sums(time, q, u, edges)
    assert list(sums.counts) == [1, 4, 1]  # the last edge is in
    assert list(np.isnan(sums.normalised()[0])) == [True, False, True]
    assert not np.isnan(sums.normalised(pooled=True)[2]).any()
    assert np.isnan(binned_sums(np.empty(0), np.empty(0), np.empty(0), edges).normalised()[0]).all()
    with pytest.raises(ValueError, match="different bins"):
        sums + binned_sums(time, q, u, edges + 1)
    for bad in (
        {"q": q * np.nan}, {"position": time[:3]}, {"edges": edges[::-1]}, {"weight": -1.0},
        {"modulation": 0.0}, {"modulation": np.nan},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"finite|length|increase|negative"):
            binned_sums(**{"position": time, "q": q, "u": u, "edges": edges, **bad})


@pytest.mark.parametrize("test", [permuted_constancy, simulated_constancy])
def test_few_events_have_uniform_probabilities(test) -> None:  # type: ignore[no-untyped-def]
    p = []
    for seed in range(300):
        q, u, w, mu = polarized_events(12, 0.4, seed)
        bins = np.repeat([0, 1, 2], [3, 4, 5])
        p.append(test(q, u, bins, w, mu, trials=99, seed=seed).probability)
    level = np.array([0.05, 0.2, 0.5, 0.8])
    share = np.mean(np.array(p)[:, None] <= level, axis=0)
    assert np.all(np.abs(share - level) < 4 * np.sqrt(level * (1 - level) / 300))


@pytest.mark.parametrize("test", [permuted_constancy, simulated_constancy])
def test_trials_agree_with_chi_squared_for_many_events(test) -> None:  # type: ignore[no-untyped-def]
    q, u, w, mu = polarized_events(3000, 0.3, 5)
    bins = np.repeat([0, 1, 2], 1000)
    found = test(q, u, bins, w, mu, trials=999, seed=1)
    expected = stats.chi2.sf(found.statistic, 4)
    assert found.probability == pytest.approx(expected, abs=4 * np.sqrt(expected / 1000))
    turned = q + 1j * u
    turned[:1000] *= np.exp(2.8j)
    assert test(turned.real, turned.imag, bins, w, mu, trials=199, seed=1).probability < 0.02


def test_energy_bins_are_simulated_with_their_modulation() -> None:
    """A modulation that differs between bins does not make a constant source vary."""
    p = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        mu = np.repeat([0.15, 0.3, 0.5], 15)
        phi = modulated_angles(mu * 0.5, (45,), generator)
        bins = np.repeat([0, 1, 2], 15)
        found = simulated_constancy(
            2 * np.cos(phi), 2 * np.sin(phi), bins, modulation=mu, trials=99, seed=seed
        )
        p.append(found.probability)
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_modulated_angles_have_the_modulation() -> None:
    phi = modulated_angles(0.6, (200_000,), np.random.default_rng(2))
    assert np.mean(2 * np.cos(phi)) == pytest.approx(0.6, abs=0.01)
    assert np.mean(np.cos(2 * phi)) == pytest.approx(0, abs=0.01)


def test_trials_refuse_what_cannot_be_tested() -> None:
    q, u, bins = np.ones(4), np.zeros(4), np.array([0, 0, 1, 1])
    for bad in (
        {"bin_index": np.zeros(4, int)}, {"bin_index": bins - 1}, {"q": q * np.nan},
        {"trials": 0}, {"weight": 0.0}, {"modulation": 0.0}, {},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"bins|usable|trials|singular"):
            permuted_constancy(**{"q": q, "u": u, "bin_index": bins, **bad})


@given(st.integers(2, 400), st.integers(1, 20), st.integers(0, 100))
def test_bins_of_equal_counts(number: int, bins: int, seed: int) -> None:
    time = np.random.default_rng(seed).uniform(0, 1e5, number)
    if number < 2 * bins:
        bins = 1
    counts = binned_sums(time, time, time, equal_count_edges(time, bins)).counts
    assert counts.sum() == number
    assert counts.max() - counts.min() <= 1
    with pytest.raises(ValueError, match=r"too few|two events"):
        equal_count_edges(np.zeros(number), bins)
    with pytest.raises(ValueError, match="finite"):
        equal_count_edges(np.array([0.0, np.nan]), bins)
