"""Priors of random directions and cells: densities, quantiles, penalties, narrower bounds."""

import numpy as np
import pytest

from xsurvey.inference.priors import Prior
from xsurvey.sed.polarization.priors import Isotropic, OfRandomCells

PRIORS = [
    Isotropic(0, 90), Isotropic(20, 70), OfRandomCells(1e-4, 0.9999, 5),
    OfRandomCells(1e-4, 0.9999, 40), OfRandomCells(0.1, 0.5, 12),
]  # fmt: skip


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_density_and_quantiles_agree(prior: Prior) -> None:
    x = np.linspace(prior.low, prior.high, 40001)
    density = np.exp(prior.log_density(x))
    cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(x))])
    assert cumulative[-1] == pytest.approx(1, abs=2e-3)
    chosen = np.array([0.0, 0.05, 0.3, 0.8, 1.0])
    np.testing.assert_allclose(np.interp(prior.transform(chosen), x, cumulative), chosen, atol=3e-3)
    outside = np.array([prior.low - 0.01, prior.high + 0.01, np.nan])
    assert np.all(np.isneginf(prior.log_density(outside)))


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_penalty_is_the_density_with_its_derivatives(prior: Prior) -> None:
    x = prior.low + (prior.high - prior.low) * np.array(
        [0.1, 0.3, 0.63, 0.9]
    )  # five cells bend at .6
    value, slope, bend = prior.penalty(x)
    constant = value + 2 * prior.log_density(x)
    np.testing.assert_allclose(constant, constant[0], atol=1e-9)
    step = 1e-4 * (prior.high - prior.low)
    above, below = (prior.penalty(x + k * step) for k in (1, -1))
    np.testing.assert_allclose(slope, (above[0] - below[0]) / (2 * step), rtol=3e-3, atol=3e-4)
    assert np.all(bend >= 0)
    assert np.isinf(prior.penalty(np.array([prior.high + 0.01]))[0][0])


def test_isotropic_directions() -> None:
    """Cosines are as probable everywhere; half of all directions are beyond 60 degrees."""
    assert Isotropic(0, 90).transform(np.array([0.5]))[0] == pytest.approx(60)
    assert Isotropic(0, 90).truncated(60, 90) == Isotropic(60, 90)


@pytest.mark.parametrize("cells", [2, 3, 5, 100])
def test_moments_of_cells(cells: int) -> None:
    random = np.random.default_rng(3)
    draws = OfRandomCells(1e-4, 0.9999, cells).sample(random, 20000)
    assert np.mean(draws**2) * cells == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("bounds", [(50, 20), (-1, 90), (0, 91)])
def test_bounds_that_cannot_be(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="needs increasing bounds"):
        Isotropic(*bounds)
    with pytest.raises(ValueError, match="needs increasing bounds"):
        OfRandomCells(*(b / 90 for b in bounds), cells=4)
