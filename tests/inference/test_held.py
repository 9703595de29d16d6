"""Profiles of a statistic: what is held, and where the fits of the others begin."""

import numpy as np
import pytest

from xsurvey.inference.held import profile_statistic
from xsurvey.inference.minimise import minimise
from xsurvey.inference.prior_set import PriorSet
from xsurvey.inference.priors import Normal, Uniform

BOUNDS = (np.full(3, -50.0), np.full(3, 50.0))
SCALE = np.ones(3)


class Bent:
    """Three parameters on a bent ridge: a statistic that counts the rows it is asked for."""

    def __init__(self) -> None:
        self.rows = 0

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return three residuals a row."""
        self.rows += len(theta)
        a, b, c = theta.T
        return np.stack([a, b - 2 * a - 0.1 * a**2, 3 * (c - b)], axis=1)

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the sum of their squares."""
        return (model**2).sum(axis=1)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of the squares."""
        return 2 * model, np.full_like(model, 2.0)

    def penalty(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return nothing."""
        return np.zeros(len(theta)), np.zeros_like(theta), np.zeros_like(theta)


def test_the_profile_is_that_of_the_closed_form() -> None:
    bent = Bent()
    best = minimise(bent, np.zeros(3), BOUNDS, SCALE)
    profile = profile_statistic(bent, best, 0, BOUNDS, SCALE)
    for value in (-3.0, -0.5, 0.2, 1.0, 4.0):
        found, theta = profile(value)
        assert found == pytest.approx(value**2, abs=1e-3)
        assert theta[0] == value
        assert theta[1] == pytest.approx(2 * value + 0.1 * value**2, abs=0.05)


def test_a_fit_begins_on_the_line_through_what_was_found() -> None:
    """On the ridge's own line there is nothing to search: fewer rows than from the best fit."""
    taken = []
    for before in ((), (9.6, 9.9)):
        bent = Bent()
        best = minimise(bent, np.zeros(3), BOUNDS, SCALE)
        profile = profile_statistic(bent, best, 0, BOUNDS, SCALE)
        for value in before:
            profile(value)
        bent.rows = 0
        assert profile(10.0)[0] == pytest.approx(100.0, abs=1e-3)
        taken.append(bent.rows)
    assert taken[1] < taken[0]


def test_priors_are_flat_if_each_is() -> None:
    assert PriorSet([Uniform(0, 1), Uniform(-1, 1)]).flat
    assert PriorSet([]).flat
    assert not PriorSet([Uniform(0, 1), Normal(0, 1)]).flat
