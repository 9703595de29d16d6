"""Distributions of particles against closed forms."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from scipy.integrate import quad

from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.distributions import DISTRIBUTIONS

GRID = LogGrid(1.0, 1e8, 20)
EXAMPLES = {
    "power-law": [1.0, 2.3, 37.0, 4.4e6],
    "broken-power-law": [-2.0, 1.7, 3.9, 3.77, 21.0, 8.3e6],
    "log-parabola": [0.5, 2.1, 0.4, 250.0, 3.3, 5.1e5],
    "exponential-cutoff-power-law": [2.0, 1.9, 4.6, 11.0, 7e7],
    "cooled-power-law": [3.0, 2.1, 3.4, 110.0, 5e6],
    "exponential-cutoff-broken-power-law": [-1.0, 1.6, 2.9, 3.2, 5.1, 13.0, 6e7],
}


COOLED = DISTRIBUTIONS["cooled-power-law"]
# where it begins if that is not gamma_min
BEGIN = {"cooled-power-law": 1.0}


def test_all_are_tried() -> None:
    assert set(EXAMPLES) == set(DISTRIBUTIONS)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("power", [0, 1, 2])
def test_numbers_integrate_the_density(name: str, power: int) -> None:
    distribution, theta = DISTRIBUTIONS[name], np.array([EXAMPLES[name]])
    low, high = EXAMPLES[name][-2:]
    begin = BEGIN.get(name, low)
    columns = [p.name for p in distribution.parameters]
    breaks = [10 ** theta[0, columns.index(n)] for n in columns if n == "log10_gamma_b"]

    def integrand(ln: float) -> float:
        gamma = np.exp(ln)
        return float(distribution.density(theta, np.array([gamma]))[0, 0] * gamma ** (power + 1))

    breaks += [low] * (begin < low)
    ends = np.log([begin * (1 + 1e-12), *breaks, high * (1 - 1e-12)])
    exact = sum(
        quad(integrand, a, b, limit=200, epsrel=1e-8)[0] for a, b in itertools.pairwise(ends)
    )
    found = distribution.numbers(theta, GRID)[0] @ GRID.nodes**power
    assert found == pytest.approx(exact, rel=2e-5)


def test_number_and_energy_of_a_broken_power_law_in_closed_form() -> None:
    k, p1, p2, b, low, high = 1e-2, 1.5, 3.5, 1e4, 100.0, 1e6
    theta = np.array([[np.log10(k), p1, p2, np.log10(b), low, high]])
    numbers = DISTRIBUTIONS["broken-power-law"].numbers(theta, GRID)[0]
    total = k * b * ((1 - (low / b) ** -0.5) / -0.5 + ((high / b) ** -2.5 - 1) / -2.5)
    energy = k * b**2 * ((1 - (low / b) ** 0.5) / 0.5 + ((high / b) ** -1.5 - 1) / -1.5)
    assert numbers.sum() == pytest.approx(total, rel=1e-6)
    assert numbers @ GRID.nodes == pytest.approx(energy, rel=1e-6)


def test_energy_with_an_exponential_cutoff_in_closed_form() -> None:
    theta = np.array([[0.0, 1.5, 4.0, 1.0, 1e8]])
    numbers = DISTRIBUTIONS["exponential-cutoff-power-law"].numbers(theta, GRID)[0]
    # the integral of gamma^-0.5 exp(-gamma / 1e4) from 1
    exact = 1e4**0.5 * special.gamma(0.5) * special.gammaincc(0.5, 1e-4)
    assert numbers @ GRID.nodes == pytest.approx(exact, rel=1e-6)


def test_densities_are_those_of_their_formulas() -> None:
    gamma = np.array([50.0, 1e3, 1e5])
    k, p, q = 3.0, 2.2, 0.3
    parabola = DISTRIBUTIONS["log-parabola"].density(
        np.array([[np.log10(k), p, q, 500.0, 10.0, 1e6]]), gamma
    )
    x = gamma / 500
    assert parabola[0] == pytest.approx(k * x ** -(p + q * np.log10(x)))
    cutoff = DISTRIBUTIONS["exponential-cutoff-broken-power-law"].density(
        np.array([[np.log10(k), 2.0, 3.0, 3.0, 4.5, 10.0, 1e6]]), gamma
    )
    index = np.where(gamma < 1e3, 2.0, 3.0)
    assert cutoff[0] == pytest.approx(k * (gamma / 1e3) ** -index * np.exp(-gamma / 10**4.5))


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_is_nothing_beyond_the_cuts(name: str) -> None:
    low, high = EXAMPLES[name][-2:]
    gamma = np.array([BEGIN.get(name, low) * 0.99, high * 1.01])
    assert not DISTRIBUTIONS[name].density(np.array([EXAMPLES[name]]), gamma).any()


def test_cooled_particles_end_at_rest() -> None:
    row = np.array([[3.0, 2.1, -1.0, 110.0, 5e6]])
    below, above = COOLED.density(row, np.array([0.999, 1.001]))[0]
    assert below == 0
    assert above > 0


@given(st.floats(0.0, 8.0), st.floats(0.0, 4.0), st.floats(1.0, 6.0))
def test_a_break_between_equal_indices_is_none(where: float, p: float, log10_k: float) -> None:
    gamma_b = 10**where
    broken = np.array([[log10_k - p * where, p, p, where, 30.0, 2e6]])
    plain = np.array([[log10_k, p, 30.0, 2e6]])
    found = DISTRIBUTIONS["broken-power-law"].numbers(broken, GRID)
    expected = DISTRIBUTIONS["power-law"].numbers(plain, GRID)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12 * expected.max()), gamma_b


@pytest.mark.parametrize("name", EXAMPLES)
def test_rows_are_independent(name: str) -> None:
    distribution = DISTRIBUTIONS[name]
    rows = np.array([EXAMPLES[name]] * 3) * np.array([[1.0], [1.02], [0.97]])
    together = distribution.numbers(rows, GRID)
    alone = np.concatenate([distribution.numbers(row[None], GRID) for row in rows])
    assert together == pytest.approx(alone, rel=1e-12)


def test_parameters_are_documented_and_have_proper_priors() -> None:
    for distribution in DISTRIBUTIONS.values():
        assert distribution.description
        for parameter in distribution.parameters:
            assert parameter.description
            assert parameter.prior is not None
            assert parameter.minimum <= parameter.value <= parameter.maximum


def test_extreme_parameters_give_numbers() -> None:
    for distribution in DISTRIBUTIONS.values():
        for end in ("minimum", "maximum"):
            row = np.array([[getattr(p, end) for p in distribution.parameters]])
            row[0, -2:] = 2.0, 1e8
            assert np.isfinite(distribution.numbers(row, GRID)).all()
