"""Minima of models that bend at known places."""

import numpy as np
import pytest

from xsurvey.inference.held import Held
from xsurvey.profiles.cell_search import Bent, minimise_in_cells, with_covariance

NODES = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])


class Tabulated:
    """Two numbers interpolated in a table of a, and b added to the first: chi-square."""

    def __init__(self, data: tuple[float, float, float]) -> None:
        self.data = np.array(data)
        self.values = np.array([0.0, 1.0, 4.0, 5.0, 5.5, 9.0])

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        first = np.interp(theta[:, 0], NODES, self.values)
        return np.stack((first + theta[:, 1], first, theta[:, 1]), axis=1)

    def total(self, model: np.ndarray) -> np.ndarray:
        return ((model - self.data) ** 2 / 0.01).sum(axis=1)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 2 * (model - self.data) / 0.01, np.full(model.shape, 2 / 0.01)

    def penalty(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        zero = np.zeros(theta.shape)
        return np.zeros(len(theta)), zero, zero


def bent(objective: object, lower: float = 0.0, upper: float = 5.0) -> Bent:
    return Bent(
        objective,  # type: ignore[arg-type]
        np.array([lower, -10.0]), np.array([upper, 10.0]), np.array([0.1, 0.1]), {0: NODES},
    )  # fmt: skip


@pytest.mark.parametrize("start", [0.1, 1.0, 2.5, 4.9])
@pytest.mark.parametrize("truth", [0.4, 1.7, 2.0, 3.5, 4.0])
def test_the_minimum_is_found_from_any_cell(start: float, truth: float) -> None:
    value = float(np.interp(truth, NODES, Tabulated((0, 0, 0)).values))
    problem = bent(Tabulated((value + 0.5, value, 0.5)))
    found = minimise_in_cells(problem, np.array([start, 0.0]))
    assert found.converged
    np.testing.assert_allclose(found.best, [truth, 0.5], atol=1e-3)
    assert not found.at_bounds.any()


def test_a_minimum_on_a_bend_is_lower_than_all_around() -> None:
    class Opposed(Tabulated):
        """Two tables whose slopes change oppositely at 2: between, the minimum is the bend."""

        def evaluate(self, theta: np.ndarray) -> np.ndarray:
            up = np.interp(theta[:, 0], NODES, [0, 1, 2, 6, 10, 14])
            down = np.interp(theta[:, 0], NODES, [8, 4, 0, -1, -2, -3])
            return np.stack((up, down, theta[:, 1]), axis=1)

    problem = bent(Opposed((2.05, -0.05, 1.0)))
    grid = np.linspace(0, 5, 5001)
    rows = np.stack((grid, np.ones_like(grid)), axis=1)
    best = grid[np.argmin(problem.objective.total(problem.objective.evaluate(rows)))]
    assert best == pytest.approx(2.0, abs=0.02)
    for start in (0.3, 4.7):
        found = minimise_in_cells(problem, np.array([start, 0.0]))
        assert found.best[0] == pytest.approx(best, abs=2e-3)
        assert found.converged and not found.at_bounds.any()
        sigma = with_covariance(problem, found).sigma
        assert np.isfinite(sigma).all() and (sigma > 0).all()


def test_bounds_of_the_problem_are_told_and_those_of_cells_are_not() -> None:
    problem = bent(Tabulated((20.0, 20.0, 0.0)), upper=4.5)
    found = minimise_in_cells(problem, np.array([0.5, 0.0]))
    assert found.best[0] == 4.5
    assert found.at_bounds.tolist() == [True, False]
    assert np.isnan(with_covariance(problem, found).covariance[0, 0])


def test_covariance_is_that_of_the_quadratic_form() -> None:
    problem = bent(Tabulated((2.0, 1.5, 0.5)))  # at a = 1.167, where the slope is 3
    found = with_covariance(problem, minimise_in_cells(problem, np.array([1.5, 0.0])))
    jacobian = np.array([[3.0, 3.0, 0.0], [1.0, 0.0, 1.0]])
    np.testing.assert_allclose(
        found.covariance, np.linalg.inv(jacobian @ jacobian.T / 0.01), rtol=1e-4
    )


def test_with_one_parameter_held_the_others_cross_bends() -> None:
    problem = bent(Tabulated((4.5, 4.0, 0.5)))
    held = Held(problem.objective, 1, 0.4)
    rest = Bent(held, problem.lower[:1], problem.upper[:1], problem.scale[:1], {0: NODES})
    found = minimise_in_cells(rest, np.array([0.2]))
    values = np.interp(np.linspace(0, 5, 50001), NODES, Tabulated((0, 0, 0)).values)
    best = np.linspace(0, 5, 50001)[np.argmin((values + 0.4 - 4.5) ** 2 + (values - 4.0) ** 2)]
    assert found.best[0] == pytest.approx(best, abs=1e-3)
