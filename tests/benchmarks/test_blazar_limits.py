"""The benchmark of a blazar's limits: its counts, and a few of its simulations."""

import importlib.util

import numpy as np
import pytest

from benchmarks.blazar_limits import CASES, COLUMNS, MDP99, _contour, limits
from xsurvey.polarization.intervals import THREE_SIGMA

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ixpeobssim") is None, reason="ixpeobssim is absent"
)


@pytest.mark.parametrize("name", ["pd_0_to_0.1", "pd_0.1_weighted"])
def test_counts_give_the_mdp99_and_limits_cover(name: str) -> None:
    rows = dict(zip(COLUMNS, limits(CASES[name], 25, 7).T, strict=True))
    assert rows["mdp99"].mean() == pytest.approx(MDP99, rel=0.01)
    assert rows["sigma"] == pytest.approx(MDP99 / np.sqrt(2 * np.log(100)), rel=0.03)
    if name == "pd_0.1_weighted":
        assert set(rows["degree"]) == {0.1}
    else:
        assert 0 <= rows["degree"].min() < 0.05 < rows["degree"].max() <= 0.1
    for kind in COLUMNS[3:]:
        assert np.sum(rows[kind] < rows["degree"]) <= 1
    assert np.all(rows["contour"] > rows["free"])


def test_a_round_contour() -> None:
    covariance = np.eye(2)[None] * 0.04**2
    found = _contour(np.array([0.03]), np.array([0.04]), covariance)
    assert found == pytest.approx(0.05 + 0.04 * np.sqrt(-2 * np.log1p(-THREE_SIGMA)), rel=1e-4)
