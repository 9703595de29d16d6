"""Brightness per norm of fitted annuli: values and errors against closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from tests.profiles.annuli_spectra import NH, REDSHIFT, Truth, expected_counts, region_spectra
from xsurvey.profiles.annuli_factors import annuli_factors
from xsurvey.profiles.annuli_fit import fit_annuli
from xsurvey.profiles.annuli_likelihood import AnnuliProblem, make_problem
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.spectral_profile import profile_of
from xsurvey.units import EnergyBand

SMALL = Truth(
    kt=(1.7, 3.0, 2.4), abundance=(0.9, 0.5, 0.3), norm=(2e-4, 4e-5, 1e-5), edges=(0, 2, 5, 9),
)  # fmt: skip
PLAIN = SpectralProfileParameters(intervals=False, two_temperatures=False)


pytestmark = pytest.mark.usefixtures("plasma_models")


def problem_of(truth: Truth = SMALL, **settings: object) -> AnnuliProblem:
    return make_problem(
        region_spectra(truth), REDSHIFT, NH, SkyParameters(scatter=0.05),
        PLAIN.model_copy(update=settings),
    )  # fmt: skip


def rates(kt: np.ndarray, abundance: np.ndarray) -> np.ndarray:
    """Return brightness that grows with metals, and falls with temperature."""
    return np.asarray(2 * kt**-0.5 * (1 + 0.8 * abundance))


def test_values_and_errors_are_those_of_temperatures_and_abundances() -> None:
    own = problem_of()
    fit = fit_annuli(own)
    profile = profile_of(own, fit, (), np.zeros(3))
    found = annuli_factors(own, fit, profile, rates)
    kt, metals = profile.kt.value, profile.abundance.value
    assert found.value == pytest.approx(rates(kt, metals), rel=1e-9)
    names = list(fit.likelihood.parameters.free_names)
    columns = [names.index(f"annulus_0{i}.{w}") for w in ("kT", "Z") for i in (1, 2, 3)]
    covariance = fit.minimum.covariance[np.ix_(columns, columns)]
    # d ln (1 / F) = d kT / (2 kT) - 0.8 dZ / (1 + 0.8 Z)
    gradient = np.hstack((np.diag(0.5 / kt), np.diag(-0.8 / (1 + 0.8 * metals))))
    exact = gradient @ covariance @ gradient.T
    assert np.allclose(found.relative_covariance, exact, rtol=0.01, atol=1e-7)
    record = found.record(EnergyBand(0.5, 2.0))
    assert record["value"] == found.value.tolist() and record["band"] == [0.5, 2.0]


def test_of_two_temperatures_it_is_the_mean_by_norms() -> None:
    own = problem_of(freeze=("annulus_01.kT=2.5", "annulus_01_cool.kT=1.0"))
    fit = fit_annuli(own, (0,))
    full = dict(
        zip([p.name for p in fit.likelihood.parameters.parameters], fit.values, strict=True)
    )
    found = annuli_factors(own, fit, profile_of(own, fit, (0,), np.zeros(3)), rates)
    norm = np.array([full["annulus_01.norm"], full["annulus_01_cool.norm"]])
    kt = np.array([full["annulus_01.kT"], full["annulus_01_cool.kT"]])
    exact = norm @ rates(kt, np.full(2, full["annulus_01.Z"])) / norm.sum()
    assert np.all(norm > 0)
    assert found.value[0] == pytest.approx(exact, rel=1e-9)
    assert found.relative_covariance[0, 0] > 0


def test_what_is_frozen_has_no_error() -> None:
    own = problem_of(freeze=("annulus_03.Z=0.3", "annulus_03.kT=2.4"))
    fit = fit_annuli(own)
    found = annuli_factors(own, fit, profile_of(own, fit, (), np.zeros(3)), rates)
    assert found.value[2] == pytest.approx(rates(np.array(2.4), np.array(0.3)))
    assert np.all(np.abs(found.relative_covariance[2]) < 1e-15)  # but for rounding
    assert np.all(np.diag(found.relative_covariance)[:2] > 0)


def test_no_metals_are_not_known_to_be_none() -> None:
    # counts of gas without metals, and a little less of it where lines are
    bare = replace(SMALL, abundance=(0.9, 0.5, 0.0))
    less = expected_counts(replace(SMALL, abundance=(0.9, 0.5, 0.02)))
    counts = [2 * a - b for a, b in zip(expected_counts(bare), less, strict=True)]
    own = make_problem(
        region_spectra(bare, expected=counts), REDSHIFT, NH, SkyParameters(scatter=0.05), PLAIN
    )
    fit = fit_annuli(own)
    profile = profile_of(own, fit, (), np.zeros(3))
    assert profile.abundance.value[2] == 0
    found = annuli_factors(own, fit, profile, rates)
    other = problem_of(bare)
    same = fit_annuli(other)
    inside = annuli_factors(other, same, profile_of(other, same, (), np.zeros(3)), rates)
    assert np.isfinite(found.value).all()
    assert found.relative_covariance[2, 2] == pytest.approx(
        inside.relative_covariance[2, 2], rel=0.5
    )
    assert found.relative_covariance[2, 2] > 0.8**2 * 0.01**2


def test_annuli_without_a_temperature_have_no_brightness() -> None:
    own = problem_of()
    fit = fit_annuli(own)
    profile = profile_of(own, fit, (), np.zeros(3))
    profile.kt.value[1] = np.nan
    found = annuli_factors(own, fit, profile, rates)
    assert np.isnan(found.value).tolist() == [False, True, False]
    assert np.isnan(found.relative_covariance[1]).all()
    assert np.isfinite(found.relative_covariance[np.ix_([0, 2], [0, 2])]).all()
