"""Comparisons of profiles: pulls, chi2, slopes."""

import numpy as np
import pytest
from scipy import stats

from xsurvey.errors import InputError, ParameterError
from xsurvey.profiles.comparison import (
    ComparisonParameters,
    compare,
    compare_universal,
    outer_slope,
)
from xsurvey.profiles.reference_profiles import ReferenceProfile
from xsurvey.profiles.universal_profiles import UNIVERSAL


def reference(
    radius: np.ndarray, value: np.ndarray, error: np.ndarray, unit: str = "arcmin"
) -> ReferenceProfile:
    return ReferenceProfile(
        "known", "temperature", radius, unit, value, value - error, value + error, "keV", "Known"
    )


KNOWN = reference(np.array([1.0, 10.0, 100.0]), np.array([1.0, 10.0, 100.0]), np.zeros(3))


def test_pulls_are_differences_in_errors() -> None:
    radius = np.array([0.5, 2.0, 20.0, 50.0, 200.0])
    value = np.array([1.0, 3.0, 20.0, 40.0, 1.0])
    found = compare(radius, value, value - 0.5, value + 2.0, KNOWN)
    np.testing.assert_allclose(found.expected[1:4], [2.0, 20.0, 50.0])
    np.testing.assert_allclose(found.pulls[1:4], [1 / 0.5, 0.0, -10 / 2.0], atol=1e-12)
    assert np.isnan(found.pulls[[0, 4]]).all()  # never extrapolated
    assert found.chi2 == pytest.approx(4 + 25)
    assert found.dof == 3
    assert found.p_value == pytest.approx(stats.chi2.sf(29, 3))


def test_errors_of_the_reference_are_shared() -> None:
    known = reference(np.array([1.0, 100.0]), np.array([2.0, 2.0]), np.array([0.2, 0.2]))
    at, value = np.array([10.0, 10.0]), np.array([2.3, 2.3])
    found = compare(at, value, value - 0.1, value + 0.1, known)
    error = 0.2 * np.sqrt(0.5)
    np.testing.assert_allclose(found.error, error)
    np.testing.assert_allclose(found.pulls, 0.3 / np.hypot(0.1, error))
    # both points see the same reference: the mean of both is off by .3 +- hypot(.1/sqrt 2, error)
    assert found.chi2 == pytest.approx(0.09 / (0.005 + error**2))


def test_chi2_follows_its_distribution() -> None:
    generator = np.random.default_rng(11)
    known_radius, radius = np.geomspace(1, 50, 6), np.geomspace(1.5, 40, 9)
    covariance = 0.01 * (0.5 * np.eye(9) + 0.5)
    values = []
    for _ in range(400):
        seen = 3 * np.exp(0.03 * generator.standard_normal(6))
        value = 3 + generator.multivariate_normal(np.zeros(9), covariance)
        found = compare(
            radius, value, value - 0.1, value + 0.1, reference(known_radius, seen, 0.03 * seen),
            covariance,
        )  # fmt: skip
        values.append(found.p_value)
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_values_that_are_not_positive() -> None:
    known = reference(np.array([1.0, np.e**2]), np.array([-1.0, 1.0]), np.array([0.1, 0.1]))
    found = compare(np.array([np.e]), np.array([0.0]), np.array([-1.0]), np.array([1.0]), known)
    np.testing.assert_allclose(found.expected, 0.0, atol=1e-12)


def test_references_from_the_centre() -> None:
    known = reference(np.array([0.0, 2.0, 4.0]), np.array([4.0, 4.0, 1.0]), np.ones(3))
    found = compare(np.array([0.0, 1.0, 4.0]), *np.ones((3, 3)), known)
    np.testing.assert_allclose(found.expected, [4.0, 4.0, 1.0])


def test_nothing_in_common() -> None:
    value = np.array([1.0, np.nan])
    found = compare(np.array([0.1, 5.0]), value, value - 1, value + 1, KNOWN)
    assert (found.dof, found.chi2) == (0, 0.0)
    assert np.isnan(found.p_value)


def test_profiles_that_cannot_be_compared() -> None:
    one = np.ones(2)
    with pytest.raises(InputError, match="arcmin"):
        compare(one, one, one, one, reference(one, one, one, "kpc"))
    with pytest.raises(InputError, match="lengths"):
        compare(np.ones(3), one, one, one, KNOWN)


@pytest.mark.parametrize(
    ("name", "at", "value"),
    # from the formulae of the papers, by hand
    [("voit_2005", 1.0, 1.41), ("voit_2005", 0.5, 0.6578), ("burns_2010", 0.5, 0.7157),
     ("reiprich_2013", 1.0, 0.35)],
)  # fmt: skip
def test_universal_profiles(name: str, at: float, value: float) -> None:
    assert float(UNIVERSAL[name](np.array(at), 2.0)) == pytest.approx(2 * value, rel=1e-3)


def test_universal_slopes() -> None:
    assert float(UNIVERSAL["voit_2005"].slope(np.array(0.7))) == pytest.approx(1.1, abs=1e-6)
    burns = -3.2 * 0.64 * 0.7 / (1 + 0.64 * 0.7)
    assert float(UNIVERSAL["burns_2010"].slope(np.array(0.7))) == pytest.approx(burns, abs=1e-6)


def test_universal_profiles_end() -> None:
    assert np.isnan(UNIVERSAL["voit_2005"](np.array([0.1, 1.2]), 1.0)).all()


def test_a_cluster_against_a_universal_profile() -> None:
    radius = np.array([100.0, 400.0, 900.0])
    value = 1000 * 1.41 * (radius / 1000) ** 1.1 * 1.1
    found = compare_universal(
        radius, value, 0.9 * value, 1.1 * value, UNIVERSAL["voit_2005"], 1000.0, 1000.0
    )
    assert found.dof == 2
    np.testing.assert_allclose(found.pulls[1:], 0.1 / np.hypot(0.11, 0.03 / 1.41), rtol=1e-9)
    # the norm's error is common to both
    assert found.chi2 == pytest.approx(0.01 / (0.0121 / 2 + (0.03 / 1.41) ** 2))


def test_slopes_of_the_outskirts() -> None:
    radius = np.geomspace(100, 1500, 12)
    value = 3 * radius**1.1
    covariance = np.diag((0.1 * value) ** 2)
    found = outer_slope(radius, value, covariance, 300, 1200, UNIVERSAL["voit_2005"], 1000.0)
    x = np.log(radius[(radius >= 300) & (radius <= 1200)])
    assert found.slope == pytest.approx(1.1, abs=1e-9)
    assert found.error == pytest.approx(0.1 / np.sqrt(np.sum((x - x.mean()) ** 2)))
    assert found.dof == len(x) - 2
    assert found.pull == pytest.approx(0, abs=1e-4)
    value[5] = np.nan
    again = outer_slope(radius, value, covariance, 300, 1200)
    assert again.dof == found.dof - 1
    assert np.isnan(again.pull)
    with pytest.raises(InputError, match="slope"):
        outer_slope(radius, value, covariance, 1450, 1600)


def test_parameters() -> None:
    assert ComparisonParameters().universal == tuple(UNIVERSAL)
    with pytest.raises(ParameterError, match="voit_2005"):
        ComparisonParameters.read({"universal": ["voit_2004"]}, "comparison")
