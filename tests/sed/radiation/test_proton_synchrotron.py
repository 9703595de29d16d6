"""Synchrotron emission of protons."""

import numpy as np
import pytest

from xsurvey.inference.parameter_set import ParameterSet, require_priors
from xsurvey.sed.constants import LIGHT, PROTON_REST_ENERGY, THOMSON
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.radiation.proton_synchrotron import (
    MASS_RATIO,
    ProtonSynchrotron,
    proton_parameters,
)
from xsurvey.sed.radiation.synchrotron import SynchrotronKernel, field_energy, gyrofrequency

PROTONS = ProtonSynchrotron(DISTRIBUTIONS["exponential-cutoff-power-law"])
NARROW = ProtonSynchrotron(DISTRIBUTIONS["power-law"])
B = np.array([10.0])


def test_the_power_of_a_proton() -> None:
    # 4/3 sigma_T (m_e/m_p)^2 c U_B gamma^2 of each
    theta = np.array([[0.0, 2.0, 1e7, 1e8]])
    ln_nu = np.linspace(np.log(1e10), np.log(1e24), 1401)[None]
    power = NARROW.power(theta, B, ln_nu)
    emitted = np.trapezoid(power, ln_nu)
    protons = 1e8 - 1e7  # integral of n gamma^2
    expected = 4 / 3 * THOMSON * MASS_RATIO**2 * LIGHT * field_energy(B) * protons
    assert emitted == pytest.approx(expected, rel=1e-4)


def test_they_are_electrons_in_a_field_that_is_weaker_by_the_masses() -> None:
    gamma, x = LogGrid(1.0, 1e6, 20), LogGrid(1e-2, 1e14, 20)
    theta = np.array([[0.0, 2.2, 1.0, 1e6]])
    numbers = DISTRIBUTIONS["power-law"].numbers(theta, gamma)
    weaker = B * MASS_RATIO
    expected = SynchrotronKernel(gamma, x).emissivity(numbers, weaker)[0]
    nu = x.nodes * gyrofrequency(weaker)
    found = NARROW.power(theta, B, np.log(nu)[None])[0] / nu
    assert found[20:-60] == pytest.approx(expected[20:-60], rel=1e-6)


def test_frequencies_go_with_the_field() -> None:
    theta = np.array([[0.0, 2.2, 5.0, 1.0, 1e7]])
    ln_nu = np.linspace(np.log(1e10), np.log(1e18), 9)[None]
    one = PROTONS.power(theta, B, ln_nu)
    two = PROTONS.power(theta, 2 * B, ln_nu + np.log(2))
    assert two == pytest.approx(4 * one, rel=1e-5)


def test_a_power_law_radiates_a_power_law() -> None:
    theta = np.array([[0.0, 2.4, 1.0, 1e12]])
    ln_nu = np.log(np.array([[1e18, 1e19, 1e20]]))
    power = NARROW.power(theta, B, ln_nu)
    # nu j goes as nu^(1 - (p - 1) / 2)
    assert np.diff(np.log(power)) / np.diff(ln_nu) == pytest.approx(0.3, rel=1e-3)


def test_a_batch_is_each_alone() -> None:
    theta = np.array([[0.0, 2.0, 8.0, 1.0, 1e10], [1.0, 1.7, 9.0, 10.0, 1e11]])
    fields = np.array([1.0, 50.0])
    ln_nu = np.linspace(np.log(1e12), np.log(1e27), 31) + np.zeros((2, 1))
    together = PROTONS.power(theta, fields, ln_nu)
    for i in range(2):
        alone = PROTONS.power(theta[i : i + 1], fields[i : i + 1], ln_nu[i : i + 1])[0]
        counts = alone > 1e-8 * alone.max()
        assert together[i, counts] == pytest.approx(alone[counts], rel=1e-6)


def test_energy() -> None:
    theta = np.array([[1.0, 2.0, 10.0, 1e6]])
    assert NARROW.energy(theta) == pytest.approx(PROTON_REST_ENERGY * 10 * np.log(1e5), rel=1e-6)


def test_parameters_have_names_of_their_own() -> None:
    for distribution in DISTRIBUTIONS.values():
        parameters = proton_parameters(distribution)
        require_priors(ParameterSet(parameters))
        assert all(p.name.startswith("proton_") for p in parameters)
        assert all(p.minimum <= p.value <= p.maximum for p in parameters)
        by_name = {p.name: p for p in parameters}
        assert by_name["proton_gamma_max"].maximum == 1e12
