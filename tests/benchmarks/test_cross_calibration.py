"""Areas that are wrong in the way that is said, and one realisation."""

import numpy as np
import pytest

from benchmarks.cross_calibration import trial, wrong_areas


def test_errors_of_areas() -> None:
    generator = np.random.default_rng(1)
    assert np.all(wrong_areas("none", generator) == 1)
    constant = wrong_areas("constant 10 %", generator)
    assert np.all(constant[0] == 1)
    assert np.allclose(np.abs(np.log(constant[1])), 0.1)
    smooth = np.log(wrong_areas("smooth +-10 %", generator))
    assert np.all(smooth[0] == 0)
    assert smooth[1].min() == pytest.approx(-0.1, abs=0.005)
    assert smooth[1].max() == pytest.approx(0.1, abs=0.005)
    drawn = np.log(
        [wrong_areas("drawn from the priors", generator).mean(axis=1) for _ in range(300)]
    )
    assert drawn.std() == pytest.approx(0.1, rel=0.15)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.2


@pytest.mark.usefixtures("library")
def test_a_realisation() -> None:
    inside = trial("constant 10 %", 3)
    assert inside.shape == (3, 2, 3)
    # ways by confidences by parameters: 90 % intervals hold those of 68 %
    assert np.all(inside[:, 1] >= inside[:, 0])
