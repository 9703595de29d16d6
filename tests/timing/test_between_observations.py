"""Variability between observations: calibration, closed forms, no counts at all."""

import numpy as np
import pytest
from scipy import stats

from xsurvey.timing.between_observations import between_observations
from xsurvey.timing.combine import joint_odds, smallest_of_many


def row(*values: float) -> np.ndarray:
    return np.array([values], float)


def test_two_observations_without_counts() -> None:
    result = between_observations(row(0, 0), row(0, 0), row(0.1, 0.1), row(1e4, 2e4))
    assert result.probability[0] == 1
    assert np.isnan(result.amplitude[0])
    assert result.amplitude_lo[0] < 1 < result.amplitude_hi[0]
    assert result.rate[0] == 0


def test_one_observation_or_none_has_nothing_to_compare() -> None:
    result = between_observations(
        np.array([[5.0, 0], [0, 0]]), np.zeros((2, 2)), np.zeros((2, 2)),
        np.array([[1e4, 0], [0, 0]]),
    )  # fmt: skip
    assert np.isnan(result.probability).all()
    assert np.isnan(result.amplitude_lo).all()
    assert result.observations.tolist() == [1, 0]
    nobody = between_observations(*(np.empty((0, 3)),) * 4)
    assert len(nobody.probability) == 0


def test_many_counts_are_tested_by_chi_squared() -> None:
    result = between_observations(row(1000, 1500), row(0, 0), row(0, 0), row(1e4, 1e4), trials=99)
    mean = 1250.0
    ratio = 2 * (1000 * np.log(1000 / mean) + 1500 * np.log(1500 / mean))
    assert result.statistic[0] == pytest.approx(ratio, rel=1e-6)
    assert result.probability[0] == pytest.approx(stats.chi2.sf(ratio, 1), rel=1e-4)
    assert result.probability[0] < 1e-20
    assert result.amplitude[0] == pytest.approx(1.5, rel=1e-3)
    # the relative error is sqrt(1/1000 + 1/1500)
    width = (result.amplitude_hi[0] - result.amplitude_lo[0]) / 2
    assert width == pytest.approx(1.5 * np.sqrt(1 / 1000 + 1 / 1500), rel=0.03)


def test_exposure_is_no_variability() -> None:
    result = between_observations(row(100, 10), row(0, 0), row(0, 0), row(1e5, 1e4))
    assert result.probability[0] > 0.5
    assert result.amplitude[0] == pytest.approx(1, abs=0.05)


def test_a_source_that_appeared_has_a_limit_of_its_amplitude() -> None:
    result = between_observations(row(0, 60), row(10, 10), row(0.05, 0.05), row(1e4, 1e4))
    assert result.probability[0] < 1e-3
    assert np.isnan(result.amplitude[0])
    assert 15 < result.amplitude_lo[0] < 60
    assert result.amplitude_hi[0] > 100


@pytest.mark.parametrize("scale", [0.0, 0.05])
def test_probabilities_of_sources_of_one_rate(scale: float) -> None:
    generator = np.random.default_rng(11)
    shape = (300, 4)
    exposure = generator.uniform(2e3, 3e4, shape)
    background = 4e-4 * exposure
    counts = generator.poisson(1.2e-3 * exposure + (background if scale else 0))
    around = generator.poisson(background / scale if scale else 0 * background)
    result = between_observations(
        counts, around, np.full(shape, scale), exposure, trials=199, seed=3
    )
    for level in (0.05, 0.2):
        found = np.sum(result.probability <= level)
        assert stats.binomtest(int(found), 300, level).pvalue > 1e-3


def test_observations_may_stand_in_any_order() -> None:
    values = [np.array(v, float) for v in ([40, 25, 90], [30, 10, 20], [0.1] * 3, [1e4, 6e3, 2e4])]
    order = [2, 0, 1]
    one = between_observations(*(v[None] for v in values))
    other = between_observations(*(v[None, order] for v in values))
    assert one.probability[0] == pytest.approx(other.probability[0])
    assert one.amplitude_hi[0] == pytest.approx(other.amplitude_hi[0])


def test_impossible_numbers_are_refused() -> None:
    for wrong in (-1.0, np.nan):
        with pytest.raises(ValueError, match="finite and not negative"):
            between_observations(row(5, wrong), row(0, 0), row(0, 0), row(1, 1))


def test_more_observations_make_no_source_variable() -> None:
    assert joint_odds(np.array([1.0, 1.0, np.nan])) == pytest.approx(1.0)
    assert joint_odds(np.array([2.0, -300.0])) == pytest.approx(2 - np.log10(2))
    assert joint_odds(np.array([400.0, 0])) == pytest.approx(400 - np.log10(2))
    assert smallest_of_many(np.array([0.01, 0.4, np.nan])) == pytest.approx(1 - 0.99**2)
    assert smallest_of_many(np.array([1.0, 1.0])) == 1
    assert smallest_of_many(np.array([1e-30, 1.0])) == pytest.approx(2e-30)
    assert np.isnan(smallest_of_many(np.array([np.nan])))
    assert np.isnan(joint_odds(np.empty(0)))
