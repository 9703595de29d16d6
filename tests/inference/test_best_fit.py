"""Which of several starts a fit goes on from."""

from __future__ import annotations

import numpy as np
import pytest

from xsurvey.inference.best_fit import fit_from
from xsurvey.inference.likelihood import Likelihood
from xsurvey.inference.parameter_set import FitParameter, ParameterSet

SHALLOW = 3.0


class TwoWells(Likelihood):
    """A shallow well at -20 that searches reach at once, and a deep one at 0 of slow descent."""

    bins = 1

    def __init__(self) -> None:
        super().__init__(ParameterSet([FitParameter("x", 100.0, -1000, 1000, step=1.0)]))

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        shallow = np.concatenate((theta + 20, np.full_like(theta, np.sqrt(SHALLOW))), axis=1)
        deep = np.concatenate((theta**8, np.zeros_like(theta)), axis=1)
        return np.where(theta < -10, shallow, deep)

    def total(self, model: np.ndarray) -> np.ndarray:
        return np.asarray((model**2).sum(axis=1))

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 2 * model, np.full_like(model, 2.0)


def found(*starts: float, thorough: bool = True) -> float:
    places = np.array(starts)[:, None]
    return fit_from(TwoWells(), places, intervals=False, thorough=thorough).statistic


def test_the_first_start_is_searched_to_the_end() -> None:
    """Its short search ends above what others find, and its long one far below."""
    assert found(100, -21, -22, -23) < 0.1
    assert found(100, -21, -22, -23, thorough=False) == pytest.approx(SHALLOW)
    assert found(100) < 0.1


def test_ends_at_one_place_are_one() -> None:
    """Three of four lead to the shallow well: the fourth is searched to the end, too."""
    assert found(-21, -22, -23, 100) < 0.1
    assert found(-21, -22, -23, 100, thorough=False) == pytest.approx(SHALLOW)


def test_a_first_start_without_a_value_is_passed_over() -> None:
    class Hole(TwoWells):
        def total(self, model: np.ndarray) -> np.ndarray:
            total = super().total(model)
            return np.where(total > 1e30, np.inf, total)

    starts = np.array([[100.0], [-21.0], [50.0]])
    fit = fit_from(Hole(), starts, intervals=False, thorough=True)
    assert fit.statistic < 0.1
    assert fit.minimum.statistic == fit.statistic
