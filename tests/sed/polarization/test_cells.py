"""Depolarization by random cells: closed forms, random draws, tails."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.sed.polarization.cells import RandomCells, mean_depolarization, rms_depolarization

ANGLE = (np.arange(20_000) + 0.5) * np.pi / 2 / 20_000


def moment(cells: int, power: int) -> float:
    """Integrate d^power P(d) over the sine of an angle, since P of two cells has a pole."""
    d = np.sin(ANGLE)
    density = np.exp(RandomCells(cells).log_density(d)) * np.cos(ANGLE)
    return float((density * d**power).sum() * np.pi / 2 / len(ANGLE))


@pytest.mark.parametrize("cells", [2, 3, 4, 5, 6, 9, 12, 13, 30, 400])
def test_moments(cells: int) -> None:
    assert moment(cells, 0) == pytest.approx(1, abs=1e-4)
    assert moment(cells, 2) == pytest.approx(rms_depolarization(np.array(cells)) ** 2, rel=1e-4)
    fourth = (2 * cells**2 - cells) / cells**4  # of a random walk
    assert moment(cells, 4) == pytest.approx(fourth, rel=2e-4)


def test_means() -> None:
    assert moment(2, 1) == pytest.approx(2 / np.pi, rel=1e-4)
    assert moment(3, 1) == pytest.approx(1.5745972 / 3, rel=1e-4)  # Borwein et al. 2012
    for cells, tolerance in ((5, 0.014), (50, 1.4e-3), (400, 2e-4)):
        ratio = moment(cells, 1) / mean_depolarization(np.array(cells))
        assert ratio == pytest.approx(1, abs=tolerance)
        assert ratio > 1


@pytest.mark.parametrize("cells", [3, 5, 20])
def test_quantiles_are_those_of_draws(cells: int) -> None:
    phases = np.random.default_rng(3).uniform(0, 2 * np.pi, (cells, 40_000))
    drawn = np.abs(np.exp(1j * phases).mean(axis=0))
    levels = np.array([0.05, 0.3, 0.5, 0.9, 0.99])
    below = (drawn[:, None] < RandomCells(cells).quantile(levels)).mean(axis=0)
    np.testing.assert_allclose(below, levels, atol=4 * 0.5 / 200)


def test_many_cells_are_rayleigh_distributed_and_few_have_shorter_tails() -> None:
    d = np.sqrt(np.array([0.1, 1.0, 5.0, 30.0]) / 3000)
    rayleigh = np.log(2 * 3000 * d) - 3000 * d**2
    np.testing.assert_allclose(RandomCells(3000).log_density(d), rayleigh, atol=0.08)
    far = np.sqrt(100 / 3000)  # the next cumulant of a cosine is -N d^4 / 4
    excess = RandomCells(3000).log_density(np.array(far)) - (np.log(6000 * far) - 100)
    assert excess == pytest.approx(-(100**2) / 4 / 3000, abs=0.06)


def test_quantiles_of_very_many_cells() -> None:
    levels = np.array([0.01, 0.5, 0.99])
    found = RandomCells(1_000_000).quantile(levels)
    np.testing.assert_allclose(found, 1e-3 * np.sqrt(-np.log1p(-levels)), rtol=1e-3)


def test_tails_reach_to_one_without_a_step() -> None:
    d = np.linspace(0.01, 0.99, 2000)
    for cells in (13, 25, 300):
        value = RandomCells(cells).log_density(d)
        assert np.isfinite(value).all()
        assert np.all(np.diff(value, 2) < 1e-3)


def test_there_is_nothing_outside() -> None:
    outside = RandomCells(7).log_density(np.array([-0.1, 0.0, 1.0, 1.3]))
    assert np.all(outside == -np.inf)


def test_one_cell_has_no_distribution() -> None:
    with pytest.raises(ValueError, match="1 cells"):
        RandomCells(1)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 60), st.floats(0.02, 0.98))
def test_quantiles_integrate_the_density(cells: int, probability: float) -> None:
    d = RandomCells(cells).quantile(np.array([probability]))[0]
    inside = np.sin(ANGLE) < d
    density = np.exp(RandomCells(cells).log_density(np.sin(ANGLE))) * np.cos(ANGLE)
    assert density[inside].sum() * np.pi / 2 / len(ANGLE) == pytest.approx(probability, abs=2e-3)
