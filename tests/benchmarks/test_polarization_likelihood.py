"""The benchmark of polarization likelihoods: what it counts, and a few of its simulations."""

import importlib.util

import numpy as np
import pytest

from benchmarks.polarization_likelihood import CELLS, Cell, measured, summary


def rows(scale: float) -> np.ndarray:
    """Return 4000 results of unit sigma .02 times a factor, for a degree of 0."""
    generator = np.random.default_rng(3)
    found = 0.02 * scale * generator.standard_normal((4000, 2))
    variance = np.full(4000, (0.02 * scale) ** 2)
    chi2 = (found**2).sum(axis=1) / variance
    mdp99 = np.full(4000, 3.035 * 0.02 * scale)
    return np.column_stack(
        [found, variance, 0 * variance, variance, chi2, mdp99, mdp99, 0 * variance]
    )


def test_summary_counts_and_compares() -> None:
    """Nominal rates of what is Gaussian, areas as squares of errors."""
    found = summary({"empirical": rows(1.0), "likelihood": rows(0.8)}, Cell(1000, 0.0))
    own = found["likelihood"]
    assert own["relative_area"] == pytest.approx(0.64)
    assert own["above_mdp99"]["share"] == pytest.approx(0.01, abs=0.006)
    assert own["ellipse_0.683"]["share"] == pytest.approx(0.683, abs=0.03)
    assert own["above_mdp99"]["share"] == pytest.approx(own["chi2_above_9.21"]["share"], abs=1e-3)


@pytest.mark.skipif(importlib.util.find_spec("ixpeobssim") is None, reason="needs its responses")
def test_a_few_simulations_of_a_background() -> None:
    """All estimators are near the truth, and say so, on the same events."""
    cell = CELLS["pd_0.3_on_background"]
    found = measured("pd_0.3_on_background", 3, 5)
    assert set(found) == {"empirical", "likelihood", "psf"}
    true = cell.degree * np.array([0.5, np.sqrt(0.75)])
    for one in found.values():
        assert one.shape == (3, 9)
        assert np.all(np.abs(one[:, :2] - true) < 4.5 * np.sqrt(one[:, [2, 4]]))
    assert np.all(found["psf"][:, 2] < found["empirical"][:, 2])
