"""Compton scattering of photons from given directions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from xsurvey.sed.constants import LIGHT, THOMSON
from xsurvey.sed.grids import LogGrid, tap_values
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.radiation.compton_kernel import jones
from xsurvey.sed.radiation.external_compton import deposit
from xsurvey.sed.radiation.head_on import HeadOnKernel, electron_integrals, head_on

ELECTRONS = LogGrid(1.0, 1e6, 10)
SEEDS = LogGrid(1e-8, 1e0, 10)
SCATTERED = LogGrid(1e-9, 1e6, 10)
KERNEL = HeadOnKernel(ELECTRONS, SEEDS, SCATTERED)
POWER_LAW = DISTRIBUTIONS["power-law"]


@pytest.mark.parametrize(("q", "gamma_e"), [(1e-4, 0.01), (0.3, 0.5), (0.8, 4.0), (0.5, 300.0)])
def test_from_all_directions_it_is_jones_kernel(q: float, gamma_e: float) -> None:
    recoil = gamma_e * q  # w / (1 - w)
    y = 1 / (1 + recoil)
    # t = 4 q / (1 - cos psi), and 1 - cos psi is anything from 0 to 2
    mean = quad(lambda s: float(head_on(np.array(y), np.array(4 * q / s))), 2 * q, 2)[0] / 2
    assert mean == pytest.approx(2 * float(jones(np.array(q), np.array(gamma_e))), rel=1e-9)


def test_thrown_back_is_the_most_that_can_be() -> None:
    assert head_on(np.array(1.0), np.array([0.0, 1.0, 2.0, 2.001])).tolist() == [2, 1, 2, 0]


@pytest.mark.parametrize(("w", "product"), [(1e-5, 1e-3), (1e-3, 6e-4), (0.3, 0.4), (0.99, 60.0)])
def test_integrals_over_the_electrons_that_a_node_stands_for(w: float, product: float) -> None:
    step = ELECTRONS.step
    found = electron_integrals(np.array([np.log(w)]), np.array([np.log(product)]), step)[0, 0]

    def integrand(u: float) -> float:
        gamma = np.exp(u * step)  # over that of the node
        y = 1 - w / gamma
        cell = np.floor(u)
        tap = int(2 - cell)
        if y <= 0 or not 0 <= tap <= 5:
            return 0.0
        t = w / (gamma**2 * product * y)
        return float(tap_values(np.array(u - cell))[tap] * gamma**-3 * head_on(y, t))

    edge = np.log(w / 2 * (1 + np.sqrt(1 + 2 / (product * w)))) / step
    breaks = sorted({*range(-2, 3), min(max(edge, -3), 3)})
    expected = quad(integrand, max(edge, -3), 3, points=breaks, limit=200)[0] if edge < 3 else 0.0
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def alone(theta: np.ndarray, chi: float, eps_s: float) -> float:
    """The power of electrons on one energy of photons of one direction, without a grid."""
    low, high = theta[0, 2:4]
    begin = max(low, eps_s / 2 * (1 + np.sqrt(1 + 2 / (chi * eps_s))))
    if begin >= high:
        return 0.0

    def integrand(v: float) -> float:
        gamma = np.exp(v) + eps_s
        y = np.exp(v) / gamma
        density = POWER_LAW.density(theta, np.array([gamma]))[0, 0]
        t = min(eps_s / (gamma**2 * chi * y), 2.0)
        return float(y * density / gamma * head_on(np.array(y), np.array(t)))

    total = quad(integrand, np.log(begin - eps_s), np.log(high - eps_s), epsrel=1e-8, limit=300)[0]
    return 0.375 * LIGHT * THOMSON * eps_s**2 * total


@pytest.mark.parametrize("p", [1.5, 2.5, 3.5])
@pytest.mark.parametrize("exponent", [-7, -4, -1])
def test_a_power_law_that_scatters_photons_of_one_direction(p: float, exponent: int) -> None:
    theta = np.array([[0.0, p, 1.0, 1e6]])
    weights = np.zeros((1, 1, len(SEEDS)))
    node = int(np.argmin(np.abs(SEEDS.exponents - exponent)))
    weights[0, 0, node] = 1.0
    found = KERNEL.emissivity(POWER_LAW.numbers(theta, ELECTRONS), weights)[0, 0]
    chi = SEEDS.nodes[node]
    # between where the slowest electrons scatter to and where the fastest do
    rows = (SCATTERED.nodes > 10 * chi) & (SCATTERED.nodes < 0.02 * min(2e12 * chi, 1e6))
    expected = [alone(theta, chi, eps_s) for eps_s in SCATTERED.nodes[rows][::9]]
    assert found[rows][::9] == pytest.approx(expected, rel=5e-4)


def test_isotropic_photons_as_the_isotropic_kernel_has_them() -> None:
    theta = np.array([[0.0, 2.3, 1.0, 1e6]])
    numbers = POWER_LAW.numbers(theta, ELECTRONS)
    position, weight = np.polynomial.legendre.leggauss(64)
    eps = 1e-5
    weights = deposit(SEEDS, np.log(eps * (1 + position))[None], weight[None] / 2 / eps**2)
    found = KERNEL.emissivity(numbers, weights[:, None])[0, 0]

    def integrand(ln_gamma: float, eps_s: float) -> float:
        gamma = np.exp(ln_gamma)
        w, gamma_e = eps_s / gamma, 4 * eps * gamma
        density = POWER_LAW.density(theta, np.array([gamma]))[0, 0]
        return float(density / gamma * jones(np.array(w / gamma_e / (1 - w)), np.array(gamma_e)))

    for node in np.flatnonzero((SCATTERED.nodes > 1e-3) & (SCATTERED.nodes < 1e4))[::12]:
        eps_s = SCATTERED.nodes[node]
        begin = eps_s / 2 * (1 + np.sqrt(1 + 1 / (eps * eps_s)))
        total = quad(integrand, np.log(begin), np.log(1e6), (eps_s,), epsrel=1e-7)[0]
        expected = 0.75 * LIGHT * THOMSON * eps_s**2 / eps**2 * total
        assert found[node] == pytest.approx(expected, rel=1e-3)


def test_the_power_of_the_thomson_limit() -> None:
    # sigma_T c u gamma^2 (1 - cos psi)^2 of head-on photons (Dermer & Schlickeiser 1993), beta = 1
    t = np.linspace(0, 2, 20001)
    gamma, chi = 1e3, 1e-8
    eps_s = t * gamma**2 * chi
    # per 1 - cos psi: u / eps^2 = (1 - cos psi)^2 u / chi^2
    power = 0.375 * eps_s**2 / gamma**2 / chi**2 * head_on(np.array(1.0), t)
    total = np.trapezoid(power[1:] / t[1:], t[1:])
    assert total == pytest.approx(gamma**2, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.floats(-7, -1), st.floats(0.2, 3), st.floats(0.2, 3))
def test_deposits_have_sums_and_values_of_smooth_functions(
    exponent: float, scale: float, index: float
) -> None:
    ln_x = np.log(10) * np.array([[exponent, exponent + 0.3]])
    weights = np.array([[scale, 1.0]])
    found = deposit(SEEDS, ln_x, weights)
    assert found.sum() == pytest.approx(scale + 1)
    expected = np.sum(weights * np.exp(index * ln_x))
    assert found[0] @ SEEDS.nodes**index == pytest.approx(expected, rel=3e-3)


def test_grids_of_different_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="one step"):
        HeadOnKernel(ELECTRONS, LogGrid(1e-8, 1.0, 12), SCATTERED)
