"""Nodes, weights and interpolation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.sed.grids import LogGrid, tap_values

EXPONENTS = st.floats(0.0, 6.0)


def test_nodes_are_powers_of_ten_and_go_beyond_the_limits() -> None:
    grid = LogGrid(2.0, 3e4, 8)
    steps = np.diff(np.log10(grid.nodes))
    assert np.allclose(steps, 1 / 8)
    assert grid.limits[0] <= 2.0 < grid.nodes[4]
    assert grid.limits[1] >= 3e4 > grid.nodes[-5]
    assert grid.nodes[grid.exponents == 1.0] == pytest.approx(10)


def test_a_limit_on_a_node_is_the_grid_s() -> None:
    assert LogGrid(1.0, 1e6, 7).limits == pytest.approx((1.0, 1e6), rel=1e-12)


def test_products_of_nodes_are_nodes() -> None:
    one, two = LogGrid(1.0, 100.0, 5), LogGrid(1e-7, 1e-3, 5)
    product = LogGrid(one.nodes[0] * two.nodes[0], one.nodes[-1] * two.nodes[-1], 5)
    nearest = np.abs(np.subtract.outer(one.ln + two.ln[3], product.ln)).min(axis=1)
    assert nearest.max() < 1e-12


@pytest.mark.parametrize(
    ("first", "last", "per_decade"), [(0, 1, 5), (2, 1, 5), (1, np.inf, 5), (1, 2, 0)]
)
def test_impossible_grids(first: float, last: float, per_decade: int) -> None:
    with pytest.raises(ValueError, match="no grid"):
        LogGrid(first, last, per_decade)


@given(EXPONENTS, EXPONENTS, st.floats(-4, 4))
def test_weights_integrate_powers_between_any_limits(a: float, b: float, index: float) -> None:
    low, high = 10 ** min(a, b), 10 ** max(a, b)
    grid = LogGrid(1.0, 1e6, 20)
    found = grid.weights(np.array([low]), np.array([high])) @ grid.nodes**index
    ln = np.log(high / low)
    # (high^index - low^index) / index
    exact = low**index * (np.expm1(index * ln) / index if abs(index) > 1e-9 else ln)
    scale = max(low**index, high**index)
    assert found[0] == pytest.approx(exact, rel=1e-4, abs=1e-5 * scale * grid.step)


def test_errors_of_integrals_fall_with_the_fourth_power_of_the_step() -> None:
    errors = []
    for per_decade in (5, 10, 20):
        grid = LogGrid(1.0, 1e4, per_decade)
        low, high = np.geomspace(2.0, 8.0, 40), np.geomspace(1.1e3, 5e3, 40)
        found = grid.weights(low, high) @ grid.nodes**-2.0
        errors.append(np.abs(found / ((low**-2 - high**-2) / 2) - 1).max())
    assert errors[1] < errors[0] / 12
    assert errors[2] < errors[1] / 12


def test_weights_are_smooth_in_the_limits() -> None:
    grid = LogGrid(1.0, 1e4, 6)
    ln_high = np.linspace(np.log(50), np.log(500), 4001)
    values = grid.weights(np.full(4001, 3.0), np.exp(ln_high)) @ grid.nodes**-1.0
    slopes = np.gradient(values, ln_high)
    # a kink would be a jump of the slope from one point to the next
    assert np.abs(np.diff(slopes)).max() < 3 * np.median(np.abs(np.diff(slopes))) + 1e-5


def test_nothing_lies_between_limits_in_the_wrong_order() -> None:
    grid = LogGrid(1.0, 100.0, 10)
    assert not grid.weights(np.array([50.0]), np.array([20.0])).any()


def test_far_nodes_have_no_weight_at_all() -> None:
    grid = LogGrid(1.0, 1e6, 10)
    weights = grid.weights(np.array([1e3]), np.array([1e4]))[0]
    assert not weights[grid.nodes < 0.4e3].any()
    assert not weights[grid.nodes > 2.1e4].any()


def test_limits_beyond_the_grid_are_its_ends() -> None:
    grid = LogGrid(1.0, 100.0, 10)
    assert grid.weights(np.array([1e-3]), np.array([1e9])).sum() == pytest.approx(np.log(100))


@given(st.floats(0, 1), st.lists(st.floats(-5, 5), min_size=4, max_size=4))
def test_a_cell_reproduces_cubics(fraction: float, coefficients: list[float]) -> None:
    nodes = np.arange(6) - 2.0
    values = np.polyval(coefficients, nodes)
    expected = np.polyval(coefficients, fraction)
    assert tap_values(np.array(fraction)) @ values == pytest.approx(expected, abs=1e-10)


def test_interpolation_has_each_row_its_places() -> None:
    grid = LogGrid(1.0, 1e3, 10)
    values = np.sin(np.array([[1.0], [0.7]]) * grid.ln)
    places = np.log(np.array([[2.0, 30.0, 700.0], [1.0, 55.5, 1e3]]))
    found = grid.interpolate(values, places)
    assert found == pytest.approx(np.sin(np.array([[1.0], [0.7]]) * places), abs=2e-4)


def test_beyond_the_grid_interpolation_goes_on_straight() -> None:
    grid = LogGrid(1.0, 1e3, 10)
    line = 3 - 2 * grid.ln[None, :]
    places = np.log(np.array([[1e-9, 1e12]]))
    assert grid.interpolate(line, places) == pytest.approx(3 - 2 * places, rel=1e-12)


def test_numbers_of_a_finer_grid_have_the_same_sums() -> None:
    fine, coarse = LogGrid(1, 1e4, 20), LogGrid(1, 1e4, 10)
    numbers = np.zeros((1, len(fine)))
    numbers[:, 4:-4] = fine.nodes[4:-4] ** -1.5
    found = numbers @ coarse.from_finer(fine)
    for power in (0.3, 1.0, 2.0):
        assert found @ coarse.nodes**power == pytest.approx(numbers @ fine.nodes**power, rel=1e-3)
