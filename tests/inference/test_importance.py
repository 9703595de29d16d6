"""Mixtures and importance sampling: closed forms, tails, edges, what is flagged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xsurvey.inference.gaussian_mixture import Mixture, fit_mixture
from xsurvey.inference.importance import importance_sample, resampled
from xsurvey.inference.nested import nested_sampling
from xsurvey.inference.nested_parameters import NestedParameters


def test_mixture_densities_against_scipy() -> None:
    root = np.array([[1.0, 0.0], [0.5, 2.0]])
    mixture = Mixture(
        np.array([0.3, 0.7]), np.array([[0.0, 1.0], [3.0, -2.0]]), np.array([root] * 2)
    )
    x = np.random.default_rng(1).normal(0, 3, (20, 2))
    rows = list(zip(mixture.shares, mixture.means, strict=True))
    cores = sum(s * stats.multivariate_normal(m, root @ root.T).pdf(x) for s, m in rows)
    tails = sum(s * stats.multivariate_t(m, root @ root.T, df=6).pdf(x) for s, m in rows)
    assert mixture.log_core(x) == pytest.approx(np.log(cores))
    assert mixture.log_density(x) == pytest.approx(np.log(tails))


def test_two_heaps_are_found() -> None:
    generator = np.random.default_rng(2)
    x = np.concatenate([generator.normal(-5, 1, (300, 2)), generator.normal(5, 0.5, (700, 2))])
    mixture = fit_mixture(x, generator)
    assert np.sort(mixture.shares) == pytest.approx([0.3, 0.7], abs=1e-3)
    first = np.argmin(mixture.shares)
    assert mixture.means[first] == pytest.approx([-5, -5], abs=0.2)
    widths = np.diagonal(mixture.roots, axis1=1, axis2=2)
    assert widths[first] == pytest.approx([1, 1], abs=0.15)
    assert widths[1 - first] == pytest.approx([0.5, 0.5], abs=0.1)


@settings(max_examples=20, deadline=None)
@given(
    x=st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=3, max_size=60),
    seed=st.integers(0, 99),
)
def test_any_points_make_a_mixture(x: list[tuple[float, float]], seed: int) -> None:
    """Also if all are the same, as after one weight has outgrown the others."""
    mixture = fit_mixture(np.array(x), np.random.default_rng(seed))
    assert mixture.shares.sum() == pytest.approx(1)
    draws = mixture.draw(10, np.random.default_rng(seed))
    assert np.isfinite(mixture.log_density(draws)).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=50), st.integers(1, 200))
def test_systematic_resampling_keeps_shares(amounts: list[float], n: int) -> None:
    weights = np.array(amounts) / np.sum(amounts)
    chosen = resampled(weights, n, np.random.default_rng(1))
    counts = np.bincount(chosen, minlength=len(weights))
    assert (np.abs(counts - n * weights) < 1 + 1e-6).all()


def test_evidence_of_half_a_gaussian_at_an_edge() -> None:
    generator = np.random.default_rng(3)
    cube = 1 - np.abs(generator.normal(0, 0.01, (500, 2)))

    def likelihood(x: np.ndarray) -> np.ndarray:
        return stats.norm(1, 0.01).logpdf(x).sum(axis=1)

    found = importance_sample(likelihood, lambda u: u, [cube], 3000, 100_000, generator)
    assert found.effective_size >= 3000
    assert found.error < 0.02
    assert found.log_evidence == pytest.approx(-2 * np.log(2), abs=4 * found.error)


def test_a_likelihood_that_says_nothing_has_the_evidence_one() -> None:
    generator = np.random.default_rng(4)
    found = importance_sample(
        lambda x: np.zeros(len(x)),
        lambda u: u,
        [generator.random((500, 3))],
        500,
        50_000,
        generator,
    )
    assert found.log_evidence == pytest.approx(0, abs=4 * found.error)
    assert found.weights.sum() == pytest.approx(1)


def test_two_separate_modes_and_a_free_batch() -> None:
    """The likelihood is asked for rows together, many at a time."""
    sizes = []

    def likelihood(x: np.ndarray) -> np.ndarray:
        sizes.append(len(x))
        one = stats.norm([0.2, 0.3], 0.01).logpdf(x).sum(axis=1)
        other = stats.norm([0.8, 0.6], 0.01).logpdf(x).sum(axis=1)
        return np.logaddexp(np.log(0.25) + one, np.log(0.75) + other)

    found = nested_sampling(
        likelihood, lambda u: u, ("a", "b"), NestedParameters(live_points=100), 1
    )
    assert found.log_evidence == pytest.approx(0, abs=4 * found.log_evidence_error)
    assert found.weights[found.samples[:, 0] < 0.5].sum() == pytest.approx(0.25, abs=0.04)
    assert sum(sizes) == found.evaluations
    assert found.evaluations / len(sizes) > 50


def test_where_draws_are_few_nested_sampling_stands_alone() -> None:
    """A needle shell: no mixture of sixteen Gaussians in six dimensions is like it."""

    def likelihood(x: np.ndarray) -> np.ndarray:
        return -0.5 * ((np.linalg.norm(x - 0.5, axis=1) - 0.3) / 1e-4) ** 2

    parameters = NestedParameters(live_points=50, evidence_tolerance=1)
    found = nested_sampling(likelihood, lambda u: u, tuple("abcdef"), parameters, seed=1)
    shell = np.pi**3 * 0.3**5 * 1e-4 * np.sqrt(2 * np.pi)
    assert found.log_evidence == pytest.approx(np.log(shell), abs=2)
    assert found.log_evidence_error > 0.5  # that of importance sampling is far from it
    assert "nested sampling alone" in found.warnings[-1]
    assert not found.converged
