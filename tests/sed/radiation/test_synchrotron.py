"""Synchrotron emission and absorption against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from scipy.integrate import quad

from xsurvey.sed.constants import ELECTRON_MASS, GYROFREQUENCY, LIGHT, THOMSON
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.radiation.self_absorption import (
    AbsorptionKernel,
    absorption_shape,
    escaping_fraction,
)
from xsurvey.sed.radiation.synchrotron import (
    SynchrotronKernel,
    field_energy,
    gyrofrequency,
    power_shape,
)

GAMMA = LogGrid(1.0, 1e7, 20)
X = LogGrid(1e-2, 1e16, 20)
EMISSION, ABSORPTION = SynchrotronKernel(GAMMA, X), AbsorptionKernel(GAMMA, X)
POWER_LAW = DISTRIBUTIONS["power-law"]


def test_the_gyrofrequency() -> None:
    assert gyrofrequency(np.array([1.0]))[0] == pytest.approx(2.7992e6, rel=1e-4)
    assert field_energy(np.array([2.0]))[0] == pytest.approx(4 / (8 * np.pi))


@settings(max_examples=25, deadline=None)
@given(st.floats(-1, 5), st.floats(-4, 3))
def test_electrons_lose_what_is_radiated(p: float, log10_b: float) -> None:
    b = np.array([10**log10_b])
    numbers = POWER_LAW.numbers(np.array([[0.0, p, 120.0, 3e5]]), GAMMA)
    radiated = (EMISSION.emissivity(numbers, b) @ X.nodes) * X.step * gyrofrequency(b)
    lost = 4 / 3 * THOMSON * LIGHT * field_energy(b) * (numbers @ GAMMA.nodes**2)
    assert radiated[0] == pytest.approx(lost[0], rel=1e-4)


def test_the_spectrum_of_an_electron_is_the_mean_over_pitch_angles() -> None:
    # of sqrt(3) e^3 B sin(alpha) / (m_e c^2) F(nu / nu_c), Rybicki & Lightman 1979, eq. 6.33
    def f(x: float) -> float:
        return x * quad(lambda y: special.kv(5 / 3, y), x, np.inf, epsrel=1e-9)[0]

    def integrand(alpha: float) -> float:
        return np.sin(alpha) ** 2 * f(2 * t / np.sin(alpha))

    # nu_c = 3/2 gamma^2 nu_B sin(alpha), and e^3 B / (m_e c^2) = 3 / (2 pi) sigma_T c U_B / nu_B
    for t in (0.02, 0.35, 3.0):
        mean = quad(integrand, 1e-3, np.pi / 2, epsrel=1e-6)[0]
        assert power_shape(np.array(t)) == pytest.approx(mean / 2, rel=1e-5)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_a_power_law_radiates_the_index_of_half_of_it(p: float) -> None:
    numbers = POWER_LAW.numbers(np.array([[0.0, p, 1.0, 1e7]]), GAMMA)
    emission = EMISSION.emissivity(numbers, np.array([0.3]))[0]
    middle = (X.nodes > 1e5) & (X.nodes < 1e8)
    slope = np.gradient(np.log(emission[middle]), X.ln[middle])
    assert slope == pytest.approx(-(p - 1) / 2, abs=4e-3)


def test_below_the_slowest_electrons_it_rises_with_the_cube_root() -> None:
    numbers = POWER_LAW.numbers(np.array([[0.0, 2.5, 1e4, 1e6]]), GAMMA)
    emission = EMISSION.emissivity(numbers, np.array([0.3]))[0]
    low = (X.nodes > 1) & (X.nodes < 100)
    assert np.gradient(np.log(emission[low]), X.ln[low]) == pytest.approx(1 / 3, abs=2e-3)


@given(st.floats(1e-4, 30.0))
def test_absorption_is_the_derivative_of_emission(t: float) -> None:
    # gamma d/dgamma of gamma^2 P over gamma^2 is 2 (R - t R') of R(t), t as gamma^-2
    h = 1e-4
    slope = (power_shape(np.array(t * (1 + h))) - power_shape(np.array(t * (1 - h)))) / (2 * h)
    expected = 2 * (power_shape(np.array(t)) - slope)
    assert absorption_shape(np.array(t)) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("p", [1.5, 2.5, 3.0])
def test_the_absorption_of_a_power_law_is_the_textbooks(p: float) -> None:
    # Rybicki & Lightman 1979, eq. 6.53, a mean over pitch angles of sin^((p + 2) / 2)
    b, k = 0.4, 7.0
    numbers = POWER_LAW.numbers(np.array([[np.log10(k), p, 1.0, 1e7]]), GAMMA)
    found = ABSORPTION.coefficient(numbers, np.array([b]))[0]
    middle = (X.nodes > 1e6) & (X.nodes < 1e8)
    nu = X.nodes[middle] * GYROFREQUENCY * b
    e = 2 * np.pi * ELECTRON_MASS * LIGHT * GYROFREQUENCY
    angle = np.sqrt(np.pi) / 2 * special.gamma((p + 6) / 4) / special.gamma((p + 8) / 4)
    # per unit of the energy in place of gamma
    norm = k * (ELECTRON_MASS * LIGHT**2) ** (p - 1)
    expected = (
        np.sqrt(3) * e**3 / (8 * np.pi * ELECTRON_MASS)
        * (3 * e / (2 * np.pi * ELECTRON_MASS**3 * LIGHT**5)) ** (p / 2)
        * norm * b ** ((p + 2) / 2) * angle
        * special.gamma((3 * p + 2) / 12) * special.gamma((3 * p + 22) / 12)
        * nu ** (-(p + 4) / 2)
    )  # fmt: skip
    assert found[middle] == pytest.approx(expected, rel=2e-3)


def test_slow_electrons_alone_are_the_edge_of_the_distribution() -> None:
    # below all of them absorption is that of their 1/3 law: kappa as nu^(1/3 - 2)
    numbers = POWER_LAW.numbers(np.array([[0.0, 2.0, 1e4, 1e6]]), GAMMA)
    kappa = ABSORPTION.coefficient(numbers, np.array([1.0]))[0]
    low = (X.nodes > 1) & (X.nodes < 100)
    assert np.gradient(np.log(kappa[low]), X.ln[low]) == pytest.approx(-5 / 3, abs=2e-3)


def test_the_escaping_fraction_has_both_limits_and_no_seam() -> None:
    assert escaping_fraction(np.array([0.0]))[0] == 1.0
    thin = np.array([1e-6])
    assert 1 - escaping_fraction(thin)[0] == pytest.approx(3 / 8 * 1e-6, rel=1e-4)
    thick = np.array([1e5])
    assert escaping_fraction(thick)[0] == pytest.approx(1.5e-5, rel=1e-4)
    seam = np.array([0.1 - 1e-12, 0.1])
    assert np.diff(escaping_fraction(seam))[0] == pytest.approx(0, abs=1e-10)


def test_the_escaping_fraction_is_the_mean_over_the_sphere() -> None:
    # of exp(-kappa s) over a sphere of radius 1 and all directions: chords have the density 2 c dc,
    # c the cosine at the surface, and photons that start along a chord leave (1 - e^-tau) / kappa
    depth = 1.7
    mean, _ = quad(lambda c: 2 * c * (1 - np.exp(-depth * c)) / depth * 1.5, 0, 1)
    assert escaping_fraction(np.array([depth]))[0] == pytest.approx(mean, rel=1e-9)


def test_a_thick_source_rises_with_the_power_five_halves() -> None:
    numbers = POWER_LAW.numbers(np.array([[6.0, 2.5, 1.0, 1e7]]), GAMMA)
    b, radius = np.array([1.0]), 1e17
    depth = 2 * radius * ABSORPTION.coefficient(numbers, b)
    flux = (EMISSION.emissivity(numbers, b) * escaping_fraction(depth))[0]
    thick = (depth[0] > 1e3) & (X.nodes > 100)
    assert thick.sum() > 10
    assert np.gradient(np.log(flux[thick]), X.ln[thick])[:-2] == pytest.approx(2.5, abs=5e-3)
