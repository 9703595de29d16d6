"""Compton scattering against closed forms and direct integrals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from xsurvey.sed.constants import LIGHT, THOMSON
from xsurvey.sed.grids import LogGrid, tap_values
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.radiation.compton import ComptonKernel
from xsurvey.sed.radiation.compton_kernel import cell_integrals, divided_integrals, jones

ELECTRONS = LogGrid(1.0, 1e6, 10)
SEEDS = LogGrid(1e-12, 1e-2, 10)
SCATTERED = LogGrid(1e-9, 1e6, 10)
LAST = np.array([len(ELECTRONS) - 4])  # 1e6
UNMOVED = np.zeros(1)
KERNEL = ComptonKernel(ELECTRONS, SEEDS, SCATTERED)
DOUBLE = ComptonKernel(ELECTRONS, SEEDS, SCATTERED, np.float64)
POWER_LAW = DISTRIBUTIONS["power-law"]


def klein_nishina(x: float) -> float:
    """Total cross section over Thomson's, of a photon with x m_e c^2 in the electron's frame."""
    if x < 1e-2:
        return 1 - 2 * x + 26 / 5 * x**2 - 133 / 10 * x**3
    ln = np.log(1 + 2 * x)
    return 0.75 * (
        (1 + x) / x**3 * (2 * x * (1 + x) / (1 + 2 * x) - ln) + ln / (2 * x)
        - (1 + 3 * x) / (1 + 2 * x) ** 2
    )  # fmt: skip


def scattered_by_one(gamma: float, eps: float, power: int) -> float:
    """Integral of eps_s^power dN/dt over scattered energies, over c sigma_T n, by Jones' kernel."""
    gamma_e = 4 * eps * gamma

    def integrand(ln_q: float) -> float:
        q = np.exp(ln_q)
        eps_s = gamma * gamma_e * q / (1 + gamma_e * q)
        # d eps_s / dq
        change = gamma * gamma_e / (1 + gamma_e * q) ** 2
        return float(jones(q, gamma_e)) * change * q * eps_s**power

    return 0.75 / (gamma**2 * eps) * quad(integrand, -np.log(4 * gamma**2), 0, epsrel=1e-10)[0]


@pytest.mark.parametrize("product", [1e-4, 0.03, 0.5, 7.0, 300.0])
def test_as_many_photons_are_scattered_as_klein_and_nishina_say(product: float) -> None:
    gamma = 1e5
    # isotropic photons: (1 - mu) / 2 of the cross section at gamma eps (1 - mu), beta = 1
    mean = quad(lambda y: y * klein_nishina(2 * product * y), 0, 1)[0] * 2
    assert scattered_by_one(gamma, product / gamma, 0) == pytest.approx(mean, rel=1e-5)


def test_the_power_of_the_thomson_limit() -> None:
    gamma, eps = 1e4, 1e-10
    assert scattered_by_one(gamma, eps, 1) == pytest.approx(4 / 3 * gamma**2 * eps, rel=1e-5)


@pytest.mark.parametrize(
    ("w", "product"), [(1e-6, 1e-5), (1e-3, 3e-4), (0.3, 0.09), (0.9, 2.2), (0.99, 60.0)]
)
def test_cells_are_integrals_of_the_kernel(w: float, product: float) -> None:
    step = 0.23
    found = cell_integrals(np.array([np.log(w)]), np.array([np.log(product)]), step)[0, 0]
    begin = max(0.0, np.log(w / (1 - w) / (4 * product)) / step)

    def integrand(t: float, tap: int) -> float:
        gamma_e = 4 * product * np.exp(t * step)
        q = w / (1 - w) / gamma_e
        return float(np.exp(-t * step) * jones(q, gamma_e) * tap_values(np.array(t))[tap] * step)

    expected = [quad(integrand, min(begin, 1), 1, args=(tap,))[0] for tap in range(6)]
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_nothing_is_scattered_above_the_electron_s_energy() -> None:
    ln_w = np.array([0.0, 0.3])
    assert not cell_integrals(ln_w, np.array([0.0, 5.0]), 0.2).any()


def test_dividing_cells_of_electrons_changes_nothing_where_the_kernel_is_smooth() -> None:
    step, ln_product = 0.115, np.array([-2.0, 0.0, 2.0])
    ln_w = np.log(np.array([1e-4, 1e-3]))
    plain = cell_integrals(ln_w, ln_product, step)
    divided = divided_integrals(ln_w, ln_product, step)
    assert divided == pytest.approx(plain, rel=1e-3)


def lines(grid: LogGrid, value: float) -> np.ndarray:
    """Return one at the nearest node."""
    result = np.zeros((1, len(grid)))
    result[0, np.argmin(np.abs(grid.ln - np.log(value)))] = 1.0
    return result


@pytest.mark.parametrize("gamma", [1e3, 1e4])
def test_an_electron_gives_photons_four_thirds_of_its_gamma_squared(gamma: float) -> None:
    seeds = np.exp(-0.5 * ((SEEDS.ln - np.log(1e-10)) / 0.8) ** 2)[None, :]
    emission = KERNEL.emissivity(lines(ELECTRONS, gamma), seeds, LAST, UNMOVED)[0]
    energy = (seeds[0] @ SEEDS.nodes) * SEEDS.step
    lost = 4 / 3 * THOMSON * LIGHT * gamma**2 * energy
    assert emission.sum() * SCATTERED.step == pytest.approx(lost, rel=2e-3)


@pytest.mark.parametrize("p", [2.0, 3.0])
def test_a_power_law_scatters_to_the_index_of_half_of_it(p: float) -> None:
    numbers = POWER_LAW.numbers(np.array([[0.0, p, 1.0, 1e6]]), ELECTRONS)
    seeds = np.exp(-0.5 * ((SEEDS.ln - np.log(1e-10)) / 0.8) ** 2)[None, :]
    emission = KERNEL.emissivity(numbers, seeds, LAST, UNMOVED)[0]
    middle = (SCATTERED.nodes > 1e-6) & (SCATTERED.nodes < 1e-2)
    slope = np.gradient(np.log(emission[middle]), SCATTERED.ln[middle])
    assert slope == pytest.approx(1 - (p - 1) / 2, abs=5e-3)  # of eps_s j


@pytest.mark.parametrize("eps_s", [1e-4, 1.0, 1e2, 2e4, 2e5])
def test_the_tensor_is_the_double_integral(eps_s: float) -> None:
    p, alpha, low, high = 2.3, 0.6, 200.0, 1e6
    numbers = POWER_LAW.numbers(np.array([[0.0, p, low, high]]), ELECTRONS)
    seeds = (SEEDS.nodes**-alpha * np.exp(-SEEDS.nodes / 1e-4))[None, :]
    node = int(np.argmin(np.abs(SCATTERED.ln - np.log(eps_s))))
    eps_s = float(SCATTERED.nodes[node])

    def over_seeds(gamma: float) -> float:
        w = eps_s / gamma
        if w >= 1:
            return 0.0
        ends = np.clip([w / (1 - w) / (4 * gamma), eps_s / (1 - w)], 1e-12, 1e-2)
        ln = np.linspace(*np.log(ends), 400)
        eps = np.exp(ln)
        gamma_e = 4 * eps * gamma
        kernel = jones(np.minimum(w / (1 - w) / gamma_e, 1), gamma_e)
        return float(np.trapezoid(eps ** (-alpha - 1) * np.exp(-eps / 1e-4) * kernel, ln))

    # closer together towards gamma = eps_s, where the inner integral begins
    first = max(low, eps_s * (1 + 1e-9))
    ln_gamma = np.log(first) + (np.log(high) - np.log(first)) * np.linspace(0, 1, 700) ** 2
    values = [over_seeds(g) * g ** (-p - 1) for g in np.exp(ln_gamma)]
    direct = 0.75 * LIGHT * THOMSON * eps_s**2 * np.trapezoid(values, ln_gamma)
    assert KERNEL.emissivity(numbers, seeds, LAST, UNMOVED)[0, node] == pytest.approx(
        direct, rel=1.5e-3
    )


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 5.0), st.floats(-0.5, 1.3), st.integers(20, 55))
def test_single_precision_is_enough(p: float, alpha: float, tenths: int) -> None:
    numbers = POWER_LAW.numbers(np.array([[0.0, p, 10.0, 10 ** (tenths / 10)]]), ELECTRONS)
    seeds = SEEDS.nodes[None, :] ** -alpha
    last = LAST - 60 + tenths
    single, double = (k.emissivity(numbers, seeds, last, UNMOVED)[0] for k in (KERNEL, DOUBLE))
    counts = double > 1e-10 * double.max()
    assert single[counts] == pytest.approx(double[counts], rel=2e-5)


def test_scattering_is_linear_in_both() -> None:
    numbers = POWER_LAW.numbers(np.array([[0.0, 2.0, 10.0, 1e5], [0.0, 3.0, 1.0, 1e4]]), ELECTRONS)
    seeds = SEEDS.nodes[None, :] ** np.array([[-1.0], [-0.5]])
    last = LAST - np.array([10, 20])
    one = KERNEL.emissivity(numbers, seeds, last, UNMOVED)
    two = KERNEL.emissivity(3e20 * numbers, 1e-25 * seeds, last, UNMOVED)
    assert two == pytest.approx(3e-5 * one, rel=1e-6)


def test_shifted_nodes_scatter_the_same() -> None:
    # to photons of one energy, by the same electrons
    last, place = LAST - 10, np.log(0.3)
    plain = POWER_LAW.numbers(np.array([[0.0, 2.4, 50.0, 1e5]]), ELECTRONS)
    seeds = np.exp(-0.5 * ((SEEDS.ln - np.log(1e-9)) / 2) ** 2)[None, :]
    exact = KERNEL.emissivity(plain, seeds, last, UNMOVED)
    expected = KERNEL.scattered.interpolate(np.log(exact[:, :130]), np.array([[place]]))
    for shift in (np.array([-0.11]), np.array([0.07])):
        moved = POWER_LAW.numbers(np.array([[0.0, 2.4, 50.0, 1e5]]), ELECTRONS, shift)
        light = np.exp(-0.5 * ((SEEDS.ln - shift - np.log(1e-9)) / 2) ** 2)[None, :]
        found = KERNEL.emissivity(moved, light, last, shift)
        again = KERNEL.scattered.interpolate(np.log(found[:, :130]), np.array([[place]]) - shift)
        assert again == pytest.approx(expected, abs=1e-3)


def test_without_electrons_or_seeds_there_is_nothing() -> None:
    some, none = np.ones((1, len(SEEDS))), np.zeros((1, len(ELECTRONS)))
    assert not KERNEL.emissivity(none, some, LAST, UNMOVED).any()
    assert not KERNEL.emissivity(np.ones((1, len(ELECTRONS))), 0 * some, LAST, UNMOVED).any()


def test_grids_need_one_step() -> None:
    with pytest.raises(ValueError, match="one step"):
        ComptonKernel(ELECTRONS, LogGrid(1e-12, 1e-2, 8), SCATTERED)
