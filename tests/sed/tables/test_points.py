"""Which points are fitted, their errors and limits; the tail of a limit's probability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from xsurvey.errors import InputError, ParameterError
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.fitting.upper_limits import limit_derivatives, limit_terms
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.tables.points import select_points


def distribution(**changes: object) -> SpectralEnergyDistribution:
    values: dict[str, object] = {
        "name": "a.ecsv", "frequency": np.array([1e10, 1e14, 1e18, 1e24]),
        "flux": np.array([1e-13, 2e-11, 4e-11, 5e-12]),
        "error_low": np.array([1e-14, 2e-12, 3e-12, np.nan]),
        "error_high": np.array([1e-14, 2e-12, 5e-12, np.nan]),
        "is_limit": np.array([False, False, False, True]),
        "limit_confidence": np.array([np.nan, np.nan, np.nan, 0.99]),
        "instruments": ("VLBA", "WIRO", "Swift/XRT", "MAGIC"),
    }  # fmt: skip
    return SpectralEnergyDistribution(**{**values, **changes})  # type: ignore[arg-type]


def test_errors_are_added_in_quadrature() -> None:
    parameters = SedFitParameters(
        min_frequency=1e11, systematic=("swift/xrt=0.1",), systematic_default=0.05
    )
    points = select_points(distribution(), parameters)
    assert points.instruments == ("WIRO", "Swift/XRT", "MAGIC")
    assert points.sigma[0] == pytest.approx(np.hypot(2e-12, 0.05 * 2e-11))
    assert points.sigma[1] == pytest.approx(np.hypot(4e-12, 0.1 * 4e-11))  # mean of both sides
    assert points.sigma[2] == pytest.approx(5e-12 / stats.norm.ppf(0.99))
    assert points.systematics == {"WIRO": 0.05, "Swift/XRT": 0.1, "MAGIC": 0.05}
    assert points.limits == 1
    assert points.notes == ()


def test_the_range_includes_its_ends() -> None:
    points = select_points(distribution(), SedFitParameters(min_frequency=1e14, max_frequency=1e18))
    assert points.frequency.tolist() == [1e14, 1e18]


def test_an_unknown_confidence_is_taken_and_told() -> None:
    sed = distribution(limit_confidence=np.full(4, np.nan))
    points = select_points(sed, SedFitParameters(limit_confidence=0.9))
    assert points.sigma[3] == pytest.approx(5e-12 / stats.norm.ppf(0.9))
    assert "confidence of 1 upper limits: 0.9 is taken" in points.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("WIRO", "not INSTRUMENT=FRACTION"), ("=0.1", "not INSTRUMENT=FRACTION"),
        ("WIRO=x", "not a fraction"), ("WIRO=-0.1", "not a fraction"),
        ("WIRO=nan", "not a fraction"), ("WIRO=1e9", "not a fraction"),
        ("Swift/XTR=0.1", "no instrument 'Swift/XTR'.*did you mean 'Swift/XRT'"),
    ],
)  # fmt: skip
def test_bad_systematics(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        select_points(distribution(), SedFitParameters(systematic=(text,)))


def test_an_instrument_given_twice() -> None:
    with pytest.raises(ParameterError, match="given twice"):
        select_points(distribution(), SedFitParameters(systematic=("WIRO=0.1", "wiro=0.2")))


def test_nothing_left() -> None:
    with pytest.raises(InputError, match="no points"):
        select_points(distribution(), SedFitParameters(min_frequency=1e27))
    with pytest.raises(InputError, match="only upper limits"):
        select_points(distribution(), SedFitParameters(min_frequency=1e20))
    with pytest.raises(ParameterError, match="min_frequency"):
        SedFitParameters.read({"min_frequency": 1e12, "max_frequency": 1e11}, "sed")


def test_errors_of_zero_need_systematics() -> None:
    zero = np.array([0.0, 2e-12, 3e-12, np.nan])
    sed = distribution(error_low=zero, error_high=zero)
    with pytest.raises(InputError, match=r"error of zero at 1e\+10 Hz \(VLBA\)"):
        select_points(sed, SedFitParameters())
    assert select_points(sed, SedFitParameters(systematic_default=0.1)).sigma[0] > 0


def test_the_tail_of_limits() -> None:
    s = np.array([-1e8, -1e4, -50.0, -3.0, 0.0, 3.0, 50.0])
    terms = limit_terms(s)
    assert np.all(np.diff(terms) <= 0)
    assert terms[3] == pytest.approx(-2 * np.log(special.ndtr(-3)))
    assert terms[4] == pytest.approx(2 * np.log(2))
    assert terms[-1] == 0
    # far above a limit: s^2 + ln(2 pi s^2)
    assert terms[1] == pytest.approx(1e8 + np.log(2 * np.pi * 1e8), rel=1e-12)
    assert np.isfinite(terms).all()
    slope, bend = limit_derivatives(s)
    assert slope[0] == pytest.approx(-2e8)
    assert bend[0] == pytest.approx(2)
    assert (slope[-1], bend[-1]) == (0, 0)


@given(st.floats(-30, 8))
def test_derivatives_of_limits(s: float) -> None:
    h = 1e-4 * max(1.0, abs(s))
    places = np.array([s - h, s, s + h])
    terms, (slope, bend) = limit_terms(places), limit_derivatives(places)
    assert slope[1] == pytest.approx((terms[2] - terms[0]) / (2 * h), rel=1e-5, abs=1e-9)
    assert bend[1] == pytest.approx((slope[2] - slope[0]) / (2 * h), rel=1e-5, abs=1e-9)


@given(st.floats(-1e6, 50))
def test_the_second_derivative_is_one_of_a_convex_function(s: float) -> None:
    _, bend = limit_derivatives(np.array([s]))
    assert 0 <= bend[0] <= 2
