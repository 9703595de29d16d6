"""The benchmark of the variability of sources draws what it says."""

import numpy as np
import pytest

from benchmarks.source_variability import (
    CONSTANT,
    OBSERVATIONS,
    VARIABLE,
    between_probabilities,
    exposure,
    verdicts,
)


@pytest.mark.parametrize("kind", ["even", "gaps", "dither", "visits"])
def test_exposures_have_pieces_in_order(kind: str) -> None:
    history = exposure(kind, np.random.default_rng(1))
    assert np.all(history.stop > history.start)
    assert np.all(history.start[1:] >= history.stop[:-1] - 1e-6)
    assert np.all(history.area > 0)


def test_constant_and_variable_sources_are_told_apart() -> None:
    constant = verdicts(CONSTANT["background_flare"], 40, 1)
    variable = verdicts(VARIABLE["step_2_1000"], 40, 1)
    assert np.sum(constant[0] >= 6) <= 3
    assert np.sum(variable[0] >= 6) > 30
    assert np.median(variable[2]) < 1e-4 < np.median(constant[2])


def test_sources_that_brighten_are_found_between_observations() -> None:
    constant = between_probabilities(OBSERVATIONS["two_background"], 40, 2)
    brighter = between_probabilities(OBSERVATIONS["two_brighter_100"], 40, 2)
    assert constant.shape == (1, 40)
    assert np.sum(constant < 0.01) <= 3
    assert np.sum(brighter < 0.01) > 30
