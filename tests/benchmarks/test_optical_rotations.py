"""The benchmark of optical rotations draws what it says."""

import numpy as np
import pytest

from benchmarks.optical_rotations import FALSE, PD, TRUE, branches, draw, judge, times


def test_times_increase_with_gaps() -> None:
    step = np.diff(times(40, np.random.default_rng(1)))
    assert step.min() > 0.5
    assert step.max() > 3


@pytest.mark.parametrize("name", [*FALSE, *TRUE])
def test_series_have_the_polarization(name: str) -> None:
    setup = {**FALSE, **TRUE}[name]
    generator = np.random.default_rng(2)
    series = draw(setup, times(setup.points, generator), 20, generator)
    rms = np.sqrt(np.mean([(s.pd**2 - 2 * s.pd_error**2).mean() for s in series]))
    assert rms == pytest.approx(PD, rel=0.1)


def test_rotations_are_told_from_none() -> None:
    none = judge(FALSE["walk_8_days"], 30, 1)
    steady = judge(TRUE["360_degrees_walk_0"], 10, 1)
    assert none.shape == (30, 2)
    assert np.mean(none <= 0.2) < 0.45
    assert steady.max() < 0.01


def test_branches_are_counted() -> None:
    found = branches(20, 1)
    assert sum(v["steps"] for v in found.values()) == 20 * 29
    assert found["0.99_to_1"]["share"] > 0.95
