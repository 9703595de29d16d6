"""Steady states of particles against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from xsurvey.sed.constants import ELECTRON_MASS, PROTON_MASS
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.cooling import (
    Losses,
    Source,
    source_at_nodes,
    steady_numbers,
    steady_state,
    synchrotron_losses,
)
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.radiation.synchrotron import field_energy

GRID = LogGrid(1.0, 1e8, 20)
COOLED = DISTRIBUTIONS["cooled-power-law"]


def source(p: float, low: float, high: float) -> Source:
    return Source(np.array([low]), np.array([high]), lambda ln: np.exp(-p * ln))


def losses(quadratic: float, linear: float, escape: float) -> Losses:
    return Losses(np.array([quadratic]), np.array([linear]), np.array([escape]))


def test_electrons_of_a_million_in_a_gauss_cool_in_13_minutes() -> None:
    # 774 s B^-2 gamma_6^-1, and protons (m_p / m_e)^3 as long
    rate = synchrotron_losses(field_energy(np.array([1.0])))[0]
    assert 1 / (rate * 1e6) == pytest.approx(774, rel=2e-3)
    protons = synchrotron_losses(field_energy(np.array([1.0])), ELECTRON_MASS / PROTON_MASS)[0]
    assert rate / protons == pytest.approx(1836.15**3, rel=1e-4)


@pytest.mark.parametrize("p", [0.5, 2.0, 3.3])
def test_without_escape_the_index_grows_by_one(p: float) -> None:
    low, high, a = 137.0, 3.1e6, 2e-7
    found = steady_state([source(p, low, high)], losses(a, 0, 0), GRID.ln[None])[0]
    gamma = GRID.nodes
    above = np.clip(gamma, low, high)
    exact = (above ** (1 - p) - high ** (1 - p)) / (p - 1) / (a * gamma**2)
    assert found[gamma < high] == pytest.approx(exact[gamma < high], rel=1e-6)
    assert (found[gamma > high] == 0).all()


def test_losses_by_expansion_alone() -> None:
    p, low, high, c = 2.3, 50.0, 1e5, 3e-5
    found = steady_state([source(p, low, high)], losses(0, c, 0), GRID.ln[None])[0]
    inside = (GRID.nodes > low) & (GRID.nodes < high)
    gamma = GRID.nodes[inside]
    exact = (gamma ** (1 - p) - high ** (1 - p)) / (p - 1) / (c * gamma)
    assert found[inside] == pytest.approx(exact, rel=1e-6)


def test_where_escape_is_fast_there_is_what_is_injected_meanwhile() -> None:
    found = steady_state([source(2.5, 10, 1e7)], losses(1e-9, 1e-9, 5.0), GRID.ln[None])[0]
    middle = (GRID.nodes > 20) & (GRID.nodes < 5e6)
    assert found[middle] == pytest.approx(GRID.nodes[middle] ** -2.5 / 5, rel=1e-2)
    low = GRID.nodes < 8
    assert (found[low] < 1e-12 * found.max()).all()


@settings(max_examples=20, deadline=None)
@given(st.floats(1.2, 3.5), st.floats(-9, -3), st.floats(-8, -2), st.floats(-7, 1))
def test_all_three_against_the_integral(
    p: float, log10_a: float, log10_c: float, log10_escape: float
) -> None:
    a, c, escape = 10.0 ** np.array([log10_a, log10_c, log10_escape])
    low, high = 30.0, 2e6
    found = steady_state([source(p, low, high)], losses(a, c, escape), GRID.ln[None])[0]
    for place in np.searchsorted(GRID.nodes, [12.0, 400.0, 1e5]):
        gamma = GRID.nodes[place]
        # in F from 0, so that the integrand is smooth: dF is escape / |rate| dgamma
        begin = max(gamma, low)

        def depth(g: float, gamma: float = gamma) -> float:
            return escape / c * np.log1p(c * (g - gamma) / (gamma * (a * g + c)))

        def integrand(ln: float) -> float:
            return np.exp((1 - p) * ln - depth(np.exp(ln)))

        # most of it is within a few of the length in which particles escape
        length = (a * begin + c) / escape
        breaks = np.clip(np.log(begin) + length * np.array([0, 1, 5, 25, 1e3]), 0, np.log(high))
        parts = zip(breaks, [*breaks[1:], np.log(high)], strict=True)
        exact = sum(quad(integrand, x, y, epsrel=1e-9, limit=200)[0] for x, y in parts)
        exact /= (a * gamma + c) * gamma
        assert found[place] == pytest.approx(exact, rel=1e-3, abs=1e-12 * found.max())


@settings(max_examples=20, deadline=None)
@given(st.floats(1.2, 3.5), st.floats(-9, -2), st.floats(-6, 0), st.floats(1.1, 3.0))
def test_as_many_leave_as_are_injected(
    p: float, log10_a: float, log10_escape: float, log10_low: float
) -> None:
    # those that escape, and those that cool past the lowest node, in number and energy
    a, escape = 10.0**log10_a, 10.0**log10_escape
    low, high = 10.0**log10_low, 4.1e6
    balance = losses(a, 0, escape)
    numbers = steady_numbers([source(p, low, high)], balance, GRID)[0]
    gamma = GRID.nodes
    bottom = np.zeros((1, 1))
    steps = np.linspace(bottom[0, 0], np.log(high), 400)[None]
    cooled = steady_state([source(p, low, high)], balance, steps)[0, 0]
    cooled *= a * np.exp(2 * bottom[0, 0])
    injected = (low ** (1 - p) - high ** (1 - p)) / (p - 1)
    assert escape * numbers.sum() + cooled == pytest.approx(injected, rel=5e-3)
    power = (low ** (2 - p) - high ** (2 - p)) / (p - 2) if p != 2 else np.log(high / low)
    lost = escape * (numbers @ gamma) + a * (numbers @ gamma**2) + cooled * np.exp(bottom[0, 0])
    assert lost == pytest.approx(power, rel=5e-3)


def test_a_source_at_nodes_is_that_of_its_formula() -> None:
    rates = (GRID.nodes**-2 * np.exp(-GRID.nodes / 1e5))[None]
    formula = Source(
        np.array([GRID.limits[0]]), np.array([GRID.limits[1]]),
        lambda ln: np.exp(-2 * ln - np.exp(ln) / 1e5),
    )  # fmt: skip
    balance = losses(1e-6, 1e-5, 1e-3)
    known = steady_numbers([source_at_nodes(GRID, rates)], balance, GRID)[0]
    expected = steady_numbers([formula], balance, GRID)[0]
    some = GRID.nodes < 1e6
    assert known[some] == pytest.approx(expected[some], rel=1e-3)


def test_the_cooled_power_law_has_its_two_indices() -> None:
    slow = COOLED.density(np.array([[2.0, 2.4, 4.0, 1.5, 1e9]]), np.array([20.0, 1e7]))[0]
    assert slow[0] == pytest.approx(100 * 20.0**-2.4, rel=1e-2)
    assert slow[1] == pytest.approx(100 * 1e4 / 1.4 * 1e7**-3.4, rel=1e-2)
    # and the tail below gamma_min if all of them cool
    fast = COOLED.density(np.array([[2.0, 2.4, 0.0, 1e4, 1e9]]), np.array([100.0, 1e3]))[0]
    assert fast[0] / fast[1] == pytest.approx(100, rel=2e-2)


def test_walkers_do_not_notice_each_other() -> None:
    theta = np.array([[1.0, 2.1, 3.4, 110.0, 5e6], [0.0, 3.0, 6.0, 10.0, 3e4]])
    both = COOLED.numbers(theta, GRID, np.array([0.01, -0.02]))
    for row, shift in zip(range(2), (0.01, -0.02), strict=True):
        alone = COOLED.numbers(theta[row : row + 1], GRID, np.array([shift]))
        assert both[row] == pytest.approx(alone[0], rel=1e-12)


@pytest.mark.parametrize("rates", [(-1.0, 0, 0), (0, 0, 1.0), (np.nan, 1, 1), (1, 1, np.inf)])
def test_impossible_losses_are_refused(rates: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="losses"):
        losses(*rates)
