"""Profile intervals: parabolas, asymmetric profiles, bounds, false minima."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from xsurvey.inference.profile import profile_delta, profile_interval

WIDE = (-1e9, 1e9)


@pytest.mark.parametrize(("confidence", "delta"), [(0.6827, 1.0), (0.90, 2.706), (0.95, 3.841)])
def test_deltas(confidence: float, delta: float) -> None:
    assert profile_delta(confidence) == pytest.approx(delta, abs=1e-3)


@given(
    st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.sampled_from([1, 2.706])
)
def test_parabola_whatever_the_first_guess(
    best: float, sigma: float, guess: float, delta: float
) -> None:
    found = profile_interval(
        lambda x: 5 + ((x - best) / sigma) ** 2, best, 5.0, guess, (best - 1e7, best + 1e7), delta
    )
    half = sigma * math.sqrt(delta)
    assert found.upper - best == pytest.approx(half, rel=3e-3)
    assert best - found.lower == pytest.approx(half, rel=3e-3)
    assert not (found.lower_at_bound or found.upper_at_bound)
    assert found.better is None


def test_a_good_guess_needs_few_fits() -> None:
    found = profile_interval(lambda x: x**2 * (1 + 0.1 * x), 0.0, 0.0, 1.0, WIDE)
    assert found.evaluations <= 12


def test_poisson_interval() -> None:
    """3 counts: the likelihood's interval of the mean at a rise of 1."""

    def statistic(mean: float) -> float:
        return 2 * (mean - 3 * math.log(mean)) if mean > 0 else math.inf

    found = profile_interval(statistic, 3.0, statistic(3), math.sqrt(3), (0.0, 100.0))
    ends = [
        optimize.brentq(lambda m: statistic(m) - statistic(3) - 1, *bracket)
        for bracket in ((1e-3, 3), (3, 30))
    ]
    assert [found.lower, found.upper] == pytest.approx(ends, abs=5e-3)


def test_ends_at_bounds_are_flagged() -> None:
    found = profile_interval(lambda x: (x - 0.2) ** 2, 0.2, 0.0, 1.0, (0.0, 0.9), 1.0)
    assert (found.lower, found.upper) == (0.0, 0.9)
    assert found.lower_at_bound
    assert found.upper_at_bound
    at_bound = profile_interval(lambda x: x + x**2, 0.0, 0.0, 1.0, (0.0, 9.0))
    assert at_bound.lower == 0
    assert at_bound.lower_at_bound
    assert at_bound.upper == pytest.approx((math.sqrt(5) - 1) / 2, rel=2e-3)


def test_a_flat_side_is_open() -> None:
    found = profile_interval(
        lambda x: x**2 if x < 0 else 0.5 * math.tanh(x), 0.0, 0.0, 1.0, (-math.inf, math.inf)
    )
    assert found.lower == pytest.approx(-1, rel=2e-3)
    assert found.upper == math.inf
    assert found.upper_at_bound


def test_a_lower_value_is_reported() -> None:
    found = profile_interval(lambda x: (x - 3) ** 2, 1.0, 4.0, 1.0, WIDE)
    assert found.better is not None
    assert found.better[1] < 4
    assert math.isnan(found.lower)
    assert math.isnan(found.upper)


def test_no_number_counts_as_high() -> None:
    found = profile_interval(lambda x: x**2 / 4 if abs(x) < 1 else math.nan, 0.0, 0.0, 1.0, WIDE)
    assert found.upper == pytest.approx(1, abs=5e-3)
    assert found.lower == pytest.approx(-1, abs=5e-3)


def test_jumps_are_found() -> None:
    found = profile_interval(lambda x: 0.3 if abs(x) < 2 else 50.0, 0.0, 0.3, 1.0, WIDE)
    assert found.upper == pytest.approx(2, rel=5e-3)


def test_impossible_numbers() -> None:
    for best, sigma, delta in ((10.0, 1.0, 1.0), (0.0, 0.0, 1.0), (0.0, 1.0, -1.0)):
        with pytest.raises(ValueError, match="must be"):
            profile_interval(lambda x: x**2, best, 0.0, sigma, (-1.0, 1.0), delta)
