import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xsurvey.timing.light_curve import LightCurve

from .conftest import survey_light_curve


def test_rates_are_net_counts_over_exposure() -> None:
    curve = survey_light_curve((0.5, 1.5))
    k = curve.background_scale
    expected = (curve.counts - k * curve.background_counts) / curve.exposure
    assert np.allclose(curve.rate, expected)
    error = np.sqrt(curve.counts + k**2 * curve.background_counts) / curve.exposure
    assert np.allclose(curve.rate_error, error)
    assert curve.labels == ("0.2-0.6", "0.6-2.3")


def test_without_background_the_interval_is_that_of_the_gamma_distribution() -> None:
    curve = survey_light_curve()
    bare = dataclasses.replace(
        curve, background_counts=0 * curve.counts, background_scale=0 * curve.counts
    )
    gamma = stats.gamma(bare.counts + 1)
    limit = bare.upper_limit(0.95) * bare.exposure
    assert np.allclose(limit, gamma.ppf(0.95), rtol=3e-3)
    low, high = (end * bare.exposure for end in bare.rate_interval())
    assert np.allclose(gamma.cdf(high) - gamma.cdf(low), 0.6827, atol=3e-3)
    # the shortest interval has equal densities at its ends, if neither is zero
    inner = low[:, 0] > 0
    assert np.allclose(gamma.pdf(high)[inner], gamma.pdf(low)[inner], rtol=0.05)


def test_intervals_of_faint_visits_cover_the_true_rate() -> None:
    curve = survey_light_curve((0.2,), visits=3000, seed=8)
    low, high = curve.rate_interval()
    inside = np.mean((low <= 0.2) & (high >= 0.2))
    # a flat prior at a few counts: frequentist coverage is near its probability, not equal
    assert inside == pytest.approx(0.6827, abs=0.06)
    assert np.mean(curve.upper_limit() >= 0.2) > 0.93


def test_bins_without_exposure_have_no_rate() -> None:
    curve = survey_light_curve()
    exposure = curve.exposure.copy()
    exposure[3] = 0
    curve = dataclasses.replace(curve, exposure=exposure)
    for values in (curve.rate, curve.rate_error, *curve.rate_interval(), curve.upper_limit()):
        assert np.isnan(values[3, 0])
        assert np.isfinite(np.delete(values, 3)).all()
    assert not curve.usable()[3]
    assert curve.usable().sum() == len(curve) - 1


def test_usable_bins_have_enough_exposure_in_every_band() -> None:
    curve = survey_light_curve((0.5, 0.5))
    exposure = np.full(curve.exposure.shape, 30.0)
    exposure[0, 1], exposure[1, 0] = 2.9, 3.1
    usable = dataclasses.replace(curve, exposure=exposure).usable(0.1)
    assert not usable[0]
    assert usable[1:].all()


def test_visits_are_separated_by_gaps() -> None:
    times = np.concatenate([14400.0 * v + 10 * np.arange(4) for v in range(3)])
    ones = np.ones((12, 1))
    curve = LightCurve(times, np.full(12, 10.0), ("all",), 2 * ones, 5 * ones, 0.1 * ones, 7 * ones)
    visits = curve.in_visits(3600)
    assert len(visits) == 3
    assert np.allclose(visits.timedel, 40)
    assert np.allclose(visits.time, 14400 * np.arange(3) + 15)
    assert np.allclose(visits.counts, 8)
    assert np.allclose(visits.exposure, 28)
    assert np.allclose(visits.background_scale * visits.background_counts, 2)
    assert np.allclose(visits.rate, curve.rate[:3])


def test_rebinned_bins_lie_on_a_grid() -> None:
    times = np.r_[5.0, 15, 25, 95]
    ones = np.ones((4, 1))
    curve = LightCurve(times, np.full(4, 10.0), ("all",), ones, ones, ones, ones)
    wide = curve.rebinned(20)
    assert wide.time.tolist() == [10, 25, 95]
    assert wide.timedel.tolist() == [20, 10, 10]


def test_a_long_bin_bridges_the_short_ones_within_it() -> None:
    ones = np.ones((3, 1))
    times, widths = np.array([50.0, 60, 120]), np.array([100.0, 10, 20])
    curve = LightCurve(times, widths, ("all",), ones, ones, ones, ones)
    visits = curve.in_visits(20)
    assert len(visits) == 1
    assert (visits.start[0], visits.stop[0]) == (0, 130)


def test_an_empty_background_region_keeps_its_scale() -> None:
    curve = survey_light_curve()
    curve = dataclasses.replace(curve, background_counts=0 * curve.counts)
    assert curve.summed().background_scale[0, 0] == pytest.approx(0.03)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 25), st.floats(30, 1e6))
def test_merging_keeps_totals(seed: int, visits: int, width: float) -> None:
    curve = survey_light_curve((0.3, 2.0), visits=visits, seed=seed)
    exposure = curve.exposure.copy()
    exposure[seed % visits] = 0
    curve = dataclasses.replace(curve, exposure=exposure)
    used = curve.exposure > 0
    for merged in (curve.rebinned(width), curve.in_visits(width), curve.summed()):
        assert len(merged) <= len(curve)
        assert np.all(np.diff(merged.time) > 0)
        assert merged.start[0] == pytest.approx(curve.start[0])
        assert merged.stop[-1] == pytest.approx(curve.stop[-1])
        for name in ("counts", "background_counts", "exposure"):
            total = np.where(used, getattr(curve, name), 0).sum(axis=0)
            assert np.allclose(getattr(merged, name).sum(axis=0), total), name
        expected = (curve.background_scale * curve.background_counts * used).sum(axis=0)
        assert np.allclose((merged.background_scale * merged.background_counts).sum(0), expected)


def test_arrays_of_other_shapes_are_refused() -> None:
    curve = survey_light_curve()
    with pytest.raises(ValueError, match="shape"):
        dataclasses.replace(curve, counts=curve.counts[1:])
