"""Hamiltonian chains on densities that are known."""

import numpy as np
import pytest
from scipy import stats

from xsurvey.errors import ParameterError
from xsurvey.inference.hamiltonian import sample_hamiltonian
from xsurvey.inference.hamiltonian_parameters import HamiltonianParameters

QUICK = HamiltonianParameters(chains=8, warmup=120, min_steps=300, max_steps=1200)


def gaussian(covariance: np.ndarray, mean: np.ndarray):
    inverse = np.linalg.inv(covariance)

    def target(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = theta - mean
        force = -away @ inverse
        return 0.5 * (away * force).sum(axis=1), force

    return target


def test_a_narrow_gaussian_from_a_wrong_covariance() -> None:
    covariance = np.array([[1.0, 0.95, 0.0], [0.95, 1.0, 0.0], [0.0, 0.0, 25.0]])
    mean = np.array([1.0, -2.0, 3.0])
    chains = sample_hamiltonian(
        gaussian(covariance, mean), mean, np.eye(3), ["a", "b", "c"], QUICK, seed=3
    )
    assert chains.converged
    samples = chains.samples
    error = np.sqrt(np.diag(covariance) / min(chains.diagnostics["ess_bulk"]))
    assert np.all(np.abs(samples.mean(axis=0) - mean) < 4 * error)
    assert np.allclose(np.cov(samples.T), covariance, rtol=0.15, atol=0.3)
    assert min(chains.diagnostics["ess_bulk"]) > 400


def test_quantiles_of_a_skewed_density() -> None:
    # theta = ln x of a gamma distribution of shape 2: 2 theta - exp(theta)
    def target(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = np.exp(theta[:, 0])
        return 2 * theta[:, 0] - x, (2 - x)[:, None]

    chains = sample_hamiltonian(target, np.array([np.log(2)]), np.eye(1) / 2, ["ln_x"], QUICK, 1)
    probability = stats.gamma(2).cdf(np.exp(chains.samples[:, 0]))
    for level in (0.05, 0.5, 0.95):
        error = np.sqrt(level * (1 - level) / chains.diagnostics["ess_tail"][0])
        assert np.mean(probability < level) == pytest.approx(level, abs=4 * error)


def test_a_wall_keeps_the_chains_inside() -> None:
    def target(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = np.where(theta[:, 0] > 0, -(theta[:, 0] ** 2) / 2, -np.inf)
        return value, -theta

    chains = sample_hamiltonian(target, np.array([0.5]), np.eye(1), ["x"], QUICK, seed=2)
    assert chains.samples.min() > 0
    assert chains.samples.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.05)


def test_the_same_seed_gives_the_same_chain() -> None:
    target = gaussian(np.eye(2), np.zeros(2))
    one, two, other = (
        sample_hamiltonian(target, np.zeros(2), np.eye(2), ["a", "b"], QUICK, seed)
        for seed in (5, 5, 6)
    )
    assert np.array_equal(one.chain, two.chain)
    assert not np.array_equal(one.chain, other.chain)


def test_chains_that_cannot_agree_are_marked() -> None:
    # two peaks 40 sigma apart, the chains start in one or the other
    def target(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        side = np.where(theta[:, 0] > 0, 20.0, -20.0)
        return -((theta[:, 0] - side) ** 2) / 2, -(theta - side[:, None])

    chains = sample_hamiltonian(
        target, np.zeros(1), np.array([[400.0]]), ["x"],
        HamiltonianParameters(chains=8, warmup=40, min_steps=50, max_steps=50), seed=1,
    )  # fmt: skip
    assert not chains.converged
    assert "R-hat" in chains.warnings[0]


def test_refusals() -> None:
    with pytest.raises(ParameterError, match="probability"):
        sample_hamiltonian(
            lambda t: (np.full(len(t), -np.inf), t), np.zeros(1), np.eye(1), ["x"], QUICK
        )
    with pytest.raises(ParameterError, match="positive"):
        sample_hamiltonian(gaussian(np.eye(1), np.zeros(1)), np.zeros(1), -np.eye(1), ["x"], QUICK)
