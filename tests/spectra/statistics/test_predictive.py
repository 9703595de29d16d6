import numpy as np
import pytest

from xsurvey.spectra.statistics.predictive import posterior_predictive

SHAPE = np.linspace(10.0, 1.0, 30)


def draws(rng: np.random.Generator, counts: np.ndarray, shape: np.ndarray) -> np.ndarray:
    # posterior of a normalisation under a flat prior
    return rng.gamma(counts.sum() + 1, 1 / shape.sum(), 1500)[:, None] * shape


def test_a_true_model_passes_and_a_wrong_one_does_not() -> None:
    rng = np.random.default_rng(10)
    counts = rng.poisson(SHAPE)
    good = posterior_predictive(draws(rng, counts, SHAPE), counts, rng)
    assert 0.02 < good.p_value < 0.98
    bad = posterior_predictive(draws(rng, counts, SHAPE[::-1]), counts, rng)
    assert bad.p_value < 1e-3


def test_bands_hold_the_data_as_often_as_they_say() -> None:
    rng = np.random.default_rng(11)
    inside = []
    for _ in range(20):
        counts = rng.poisson(20 * SHAPE)
        found = posterior_predictive(draws(rng, counts, 20 * SHAPE), counts, rng)
        assert found.bands.shape == (5, 30)
        assert (np.diff(found.bands, axis=0) >= 0).all()
        inside.append((found.bands[1] <= counts) & (counts <= found.bands[3]))
    assert np.mean(inside) == pytest.approx(0.68, abs=0.06)


def test_seeds_decide() -> None:
    model, counts = np.full((5, 4), 2.0), np.array([1, 2, 3, 4])
    first, second = (
        posterior_predictive(model, counts, np.random.default_rng(12)) for _ in range(2)
    )
    np.testing.assert_array_equal(first.simulated, second.simulated)
    np.testing.assert_array_equal(first.observed, np.full(5, first.observed[0]))


@pytest.mark.parametrize("model", [np.empty((0, 2)), np.ones(2), [[1, np.nan]], [[1, -1]]])
def test_impossible_draws_are_refused(model: object) -> None:
    with pytest.raises(ValueError, match="draws"):
        posterior_predictive(np.asarray(model), np.ones(2), np.random.default_rng(13))
