"""Hardness ratios: closed forms, coverage, bright sources."""

import numpy as np
import pytest
from scipy import stats

from xsurvey.detection.columns import hardness_label
from xsurvey.detection.hardness import hardness_ratio
from xsurvey.inference.poisson_rate import CountsPosterior, counts_posterior


def alone(counts: object) -> CountsPosterior:
    """Return the posterior of counts without a background."""
    return counts_posterior(np.atleast_1d(counts), 0.0, 0.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize(("hard", "soft"), [(0, 3), (5, 2), (40, 60), (9000, 1000)])
def test_without_background_it_is_a_beta_distribution(hard: int, soft: int) -> None:
    one = np.ones(1)
    found = hardness_ratio(alone(hard), alone(soft), one, one)
    beta = stats.beta(hard + 0.5, soft + 0.5)
    expected = [2 * beta.ppf(q) - 1 for q in (0.5, 0.15865, 0.84135)]
    width = expected[2] - expected[1]
    for value, right in zip(found, expected, strict=True):
        assert value[0] == pytest.approx(right, abs=0.04 * width)


@pytest.mark.parametrize("truth", [-0.8, -0.2, 0.5])
@pytest.mark.parametrize("counts", [12.0, 200.0, 3000.0])
def test_intervals_cover(truth: float, counts: float) -> None:
    generator = np.random.default_rng(int(counts))
    n = 700
    hard, soft = (generator.poisson(counts * (1 + s * truth) / 2, n) for s in (1, -1))
    one = np.ones(n)
    _, low, high = hardness_ratio(alone(hard), alone(soft), one, one)
    # three sigma of 700 trials is .053; few counts are discrete
    assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.683, abs=0.065)


def test_exposures_make_rates_of_counts() -> None:
    one = np.ones(1)
    same = hardness_ratio(alone(200), alone(100), 2 * one, one)
    assert same[0][0] == pytest.approx(0, abs=0.01)


def test_a_background_weakens_the_prior() -> None:
    posterior = counts_posterior(np.array([3]), np.array([300]), 1.0, 100.0, 1.0, 0.0)
    one = np.ones(1)
    found = [hardness_ratio(posterior, alone(30), one, one, level)[0][0] for level in (0.0, 3.0)]
    # Jeffreys' prior of a source over a background does not favour none
    assert found[1] > found[0] + 0.01


def test_nothing_is_said_without_exposure_or_posterior() -> None:
    nothing = CountsPosterior(*(np.full((1, 401), np.nan) for _ in range(3)))
    one = np.ones(1)
    assert np.isnan(hardness_ratio(alone(3), alone(3), np.zeros(1), one)).all()
    assert np.isnan(hardness_ratio(nothing, alone(3), one, one)).all()


def test_names_of_ratios_can_be_taken_apart() -> None:
    assert hardness_label("h", "s") == "hs"
    assert hardness_label("1000_4000", "300_1000") == "1000_4000_over_300_1000"
    assert hardness_label("h", "300_1000") == "h_over_300_1000"
