"""Level and scatter of the sky, and significances: limits with closed forms, bad input."""

import json

import numpy as np
import pytest
from scipy import stats

from tests.profiles.synthetic import profile_of
from xsurvey.errors import InputError, ParameterError
from xsurvey.profiles.significance import (
    MOST,
    profile_significance,
    range_significance,
    significance,
)
from xsurvey.profiles.sky_level import SkyLevel, sky_level, sky_level_of


def one(counts: float, exposure_area: float, sky: SkyLevel, area: float = 1.0) -> float:
    found = significance(np.array([counts]), np.array([exposure_area]), np.array([area]), 0, 0, sky)
    return float(found.sigma[0])


def test_without_scatter_the_level_is_all_counts_over_all_exposure() -> None:
    counts, exposure = np.array([300.0, 410.0, 95.0]), np.array([3e5, 4e5, 1e5])
    sky = sky_level(counts, exposure, np.ones(3), scatter=0.0)
    # a flat prior of the level: gamma distributed
    assert sky.level == pytest.approx((counts.sum() + 1) / exposure.sum(), rel=1e-4)
    assert sky.level_error == pytest.approx(np.sqrt(counts.sum() + 1) / exposure.sum(), rel=0.01)


@pytest.mark.parametrize(
    ("on", "off", "ratio"),
    [(30, 120, 0.1), (100, 120, 0.5), (5, 400, 0.02), (40, 30, 0.5), (3, 120, 0.1)],
)
def test_without_scatter_it_is_the_predictive_of_counts(on: int, off: int, ratio: float) -> None:
    # a Poisson mean that is gamma distributed makes a negative binomial
    sky = sky_level(np.array([float(off)]), np.array([1e4]), np.ones(1), scatter=0.0)
    predicted = stats.nbinom(off + 1, 1 / (1 + ratio))
    p = predicted.sf(on) + predicted.pmf(on) / 2
    assert one(on, ratio * 1e4, sky) == pytest.approx(stats.norm.isf(p), abs=0.03)


@pytest.mark.parametrize("sectors", [3, 4, 8])
def test_with_scatter_it_has_the_tails_of_student(sectors: int) -> None:
    # so many counts that only the scatter between sectors matters
    rate = np.random.default_rng(5).normal(1.0, 0.1, sectors)
    sky = sky_level(1e8 * rate, np.full(sectors, 1e8), np.ones(sectors))
    spread = rate.std(ddof=1) * np.sqrt(1 + 1 / sectors)
    for t in (-2.0, 1.0, 3.0, 6.0):
        p = stats.t.sf(t, sectors - 1)
        found = one(1e8 * (rate.mean() + t * spread), 1e8, sky)
        assert found == pytest.approx(stats.norm.isf(p), abs=0.06)


def test_smaller_regions_scatter_more() -> None:
    rate = np.random.default_rng(5).normal(1.0, 0.1, 6)
    sky = sky_level(1e8 * rate, np.full(6, 1e8), np.full(6, 100.0))
    fixed = sky_level(1e8 * rate, np.full(6, 1e8), np.full(6, 100.0), scaling="none")
    assert one(1.4e8, 1e8, sky, 100.0) == pytest.approx(one(1.4e8, 1e8, fixed, 100.0), abs=1e-6)
    assert one(1.4e8, 1e8, sky, 25.0) < one(1.4e8, 1e8, sky, 100.0) - 0.5
    assert one(1.4e8, 1e8, fixed, 25.0) == pytest.approx(one(1.4e8, 1e8, fixed, 100.0))
    assert sky.scatter_of(np.array([25.0]))[0] == pytest.approx(2 * sky.scatter)


def test_scatter_is_found_beyond_that_of_counts() -> None:
    generator = np.random.default_rng(8)
    rate = 1e-3 * (1 + 0.2 * generator.standard_normal(40))
    counts = generator.poisson(rate * 1e6).astype(float)
    sky = sky_level(counts, np.full(40, 1e6), np.ones(40))
    assert sky.scatter_quantile(0.5) == pytest.approx(2e-4, rel=0.25)
    record = sky.record()
    assert record["scatter_lower"] < 2e-4 < record["scatter_upper"]
    assert json.dumps(record, allow_nan=False)
    # and none where there is none
    counts = generator.poisson(1e-3 * 1e6, 40).astype(float)
    none = sky_level(counts, np.full(40, 1e6), np.ones(40))
    assert none.scatter_quantile(0.5) < 0.7 * np.sqrt(1e3) / 1e6


def test_error_of_a_template_is_followed_by_the_sky() -> None:
    # sky and particles in the same ratio here and there: what the template lacks, the sky has
    counts = np.full(4, 12_000.0)
    template = np.full(4, 8_000.0)
    region = (np.array([3000.0]), np.array([1e6]), np.ones(1), np.array([2000.0]))
    certain = sky_level(counts, np.full(4, 4e6), np.ones(4), template, 0.0, scatter=0.0)
    doubted = sky_level(counts, np.full(4, 4e6), np.ones(4), template, 400.0, scatter=0.0)
    assert doubted.level_error > 3 * certain.level_error
    error = significance(*region, np.array([100.0]), doubted).expected_error[0]
    assert error == pytest.approx(significance(*region, 0.0, certain).expected_error[0], rel=0.1)
    # in a region with twice the particles it shows
    more = (np.array([5000.0]), np.array([1e6]), np.ones(1), np.array([4000.0]))
    error = significance(*more, np.array([200.0]), doubted).expected_error[0]
    assert error == pytest.approx(100.0, rel=0.15)


def test_bins_and_ranges_of_profiles() -> None:
    source = profile_of("beta", [2e-2, 1.3, 0.6, 1e-3], particles=1e-3, error=0.05, seed=1)
    empty = [
        profile_of("beta", [0.0, 1.3, 0.6, 1e-3], particles=1e-3, error=0.05, seed=s)
        for s in range(2, 8)
    ]
    sky = sky_level_of(empty, 10.0, 15.0)
    assert sky.sectors == 6
    assert sky.level == pytest.approx(1e-3, rel=0.1)
    assert sky.reference_area == pytest.approx(np.pi * (15**2 - 10**2))
    bins = profile_significance(source, sky)
    assert bins.sigma.shape == (30,)
    assert np.all(bins.sigma[:4] > 4)
    ring = range_significance(source, sky, 1.0, 3.0)
    assert MOST >= ring.sigma[0] > bins.sigma[3]
    assert abs(range_significance(empty[0], sky, 2.0, 8.0).sigma[0]) < 3
    with pytest.raises(InputError, match="no bin"):
        range_significance(source, sky, 20.0, 30.0)


def test_what_was_not_exposed_or_has_no_counts() -> None:
    sky = sky_level(np.array([100.0, 110.0]), np.full(2, 1e5), np.ones(2))
    found = significance(np.array([0.0, 0.0, 1e6]), np.array([0.0, 1e4, 1e3]),
                         np.array([0.0, 1.0, 1.0]), 0, 0, sky)  # fmt: skip
    assert np.isnan(found.sigma[0])
    assert np.isnan(found.p_value[0])
    assert -5 < found.sigma[1] < 0
    assert found.sigma[2] <= MOST


def test_bad_sectors() -> None:
    ones = np.ones(2)
    with pytest.raises(InputError, match="are one"):
        sky_level(np.array([5.0]), np.ones(1), np.ones(1))
    with pytest.raises(InputError, match="no exposure or no counts"):
        sky_level(5 * ones, 0 * ones, ones)
    with pytest.raises(InputError, match="no exposure or no counts"):
        sky_level(0 * ones, ones, ones)
    with pytest.raises(InputError, match="negative"):
        sky_level(np.array([5.0, np.nan]), ones, ones)
    with pytest.raises(ParameterError, match="scatter"):
        sky_level(5 * ones, ones, ones, scatter=-1.0)
    sky = sky_level(50 * ones, ones, ones)
    with pytest.raises(InputError, match="negative or no numbers"):
        significance(np.array([-1.0]), np.ones(1), np.ones(1), 0, 0, sky)


def test_an_empty_field_is_rarely_significant() -> None:
    generator = np.random.default_rng(11)
    found = []
    for _ in range(60):
        rate = 3e-3 * (1 + 0.1 * generator.standard_normal(5))
        # templates 5 % too low everywhere
        particles = np.full(5, 600.0)
        counts = generator.poisson(rate * 1.6e5 + 1.05 * particles).astype(float)
        sky = sky_level(counts[:4], np.full(4, 1.6e5), np.ones(4), particles[:4], 30.0)
        found.append(
            significance(counts[4:], np.full(1, 1.6e5), np.ones(1), particles[4:], 30.0, sky).sigma
        )
    found = np.concatenate(found)
    assert np.all(found < 3)
    assert found.std() == pytest.approx(1.0, abs=0.3)
