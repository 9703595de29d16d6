"""Evidences against closed forms, Bayes factors, reproducibility, impossible regions."""

import numpy as np
import pytest
from scipy import special, stats

from xsurvey.errors import ParameterError
from xsurvey.inference.nested import nested_sampling
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.inference.prior_set import PriorSet
from xsurvey.inference.priors import Normal, Uniform

FEW = NestedParameters(live_points=100)
BOX = PriorSet([Uniform(-3, 5), Uniform(-4, 4)])
COVARIANCE = np.array([[0.09, 0.04], [0.04, 0.04]])

INVERSE = np.linalg.inv(COVARIANCE)
NORMALISATION = -0.5 * np.log(np.linalg.det(2 * np.pi * COVARIANCE))


def gaussian(x: np.ndarray) -> np.ndarray:
    return NORMALISATION - 0.5 * np.einsum("bi,ij,bj->b", x, INVERSE, x)


@pytest.mark.parametrize("walk", ["auto", "unif", "rwalk"])
def test_gaussian_in_a_box(walk: str) -> None:
    parameters = NestedParameters(live_points=100, walk=walk, effective_draws=3000)
    found = nested_sampling(gaussian, BOX.transform, ("a", "b"), parameters, seed=2)
    assert found.converged
    assert found.log_evidence == pytest.approx(-np.log(64), abs=3.5 * found.log_evidence_error)
    assert found.log_evidence_error < 0.02
    expected = np.log(64) - 0.5 * np.log(np.linalg.det(2 * np.pi * np.e * COVARIANCE))
    assert found.information == pytest.approx(expected, abs=0.05)
    assert found.weights.sum() == pytest.approx(1)
    summary = found.summary()
    assert summary["a"]["sd"] == pytest.approx(0.3, rel=0.1)
    assert summary["a"]["mean"] == pytest.approx(0, abs=0.06)
    assert summary["b"]["interval"] == pytest.approx([-0.2, 0.2], abs=0.05)
    draws = found.draws(4000, np.random.default_rng(1))
    assert np.cov(draws.T) == pytest.approx(COVARIANCE, abs=0.015)


def test_bayes_factor_of_two_models() -> None:
    """A constant of known value against one with a Gaussian prior, both in closed form."""
    data = np.random.default_rng(3).normal(0.6, 1.0, 20)
    fixed = stats.norm(0, 1).logpdf(data).sum()
    covariance = np.eye(20) + 4 * np.ones((20, 20))
    free = stats.multivariate_normal(np.zeros(20), covariance).logpdf(data)

    def likelihood(x: np.ndarray) -> np.ndarray:
        return -0.5 * ((x - data) ** 2).sum(axis=1) - 10 * np.log(2 * np.pi)

    found = nested_sampling(likelihood, PriorSet([Normal(0, 2)]).transform, ("mean",), FEW, 1)
    assert found.log_evidence - fixed == pytest.approx(
        free - fixed, abs=3.5 * found.log_evidence_error
    )


def test_poisson_counts_with_impossible_half() -> None:
    """Counts of a source whose rate is uniform, negative rates being impossible."""

    def likelihood(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return 4 * np.log(x[:, 0]) - x[:, 0] - special.gammaln(5)  # NaN below 0

    prior = PriorSet([Uniform(-20, 20)])
    found = nested_sampling(likelihood, prior.transform, ("rate",), FEW, seed=5)
    expected = np.log(special.gammainc(5, 20) / 40)
    assert found.log_evidence == pytest.approx(expected, abs=3.5 * found.log_evidence_error)
    assert "gave no number" in found.warnings[0]
    assert found.draws(500, np.random.default_rng(1)).min() > 0


def test_same_seed_same_result() -> None:
    runs = [nested_sampling(gaussian, BOX.transform, ("a", "b"), FEW, s) for s in (1, 1, 2)]
    assert runs[0].log_evidence == runs[1].log_evidence
    assert np.array_equal(runs[0].samples, runs[1].samples)
    assert runs[0].log_evidence != runs[2].log_evidence
    draws = [r.draws(50, np.random.default_rng(4)) for r in runs]
    assert np.array_equal(draws[0], draws[1])


def test_too_few_evaluations_are_said() -> None:
    parameters = NestedParameters(live_points=200, max_evaluations=1000)
    found = nested_sampling(gaussian, BOX.transform, ("a", "b"), parameters, seed=1)
    assert not found.converged
    assert "not converged" in found.warnings[0]


def test_evaluations_spent_before_the_first_step_are_said() -> None:
    # one point in 200 is possible: all go to finding some
    few = NestedParameters(live_points=600, max_evaluations=1000)
    found = nested_sampling(
        lambda x: np.where(x.sum(axis=1) < BOX.bounds[0].sum() + 0.8, gaussian(x), -np.inf),
        BOX.transform, ("a", "b"), few, seed=1,
    )  # fmt: skip
    assert not found.converged
    assert found.weights.sum() == pytest.approx(1)


def test_no_more_evaluations_than_allowed_for_importance_sampling() -> None:
    first = NestedParameters(live_points=50, evidence_tolerance=0.5, effective_draws=100)
    free = nested_sampling(gaussian, BOX.transform, ("a", "b"), first, seed=1)
    for less in (200, 1500, 2900):
        few = first.model_copy(update={"max_evaluations": free.evaluations - less})
        found = nested_sampling(gaussian, BOX.transform, ("a", "b"), few, seed=1)
        assert found.evaluations <= few.max_evaluations
        assert found.converged is not any("too few for" in text for text in found.warnings)
    assert "too few for importance sampling" in found.warnings[0]


def test_a_likelihood_that_tells_nothing() -> None:
    with pytest.raises(ParameterError, match="same at all of 100 points"):
        nested_sampling(lambda x: np.zeros(len(x)), BOX.transform, ("a", "b"), FEW)


def test_likelihoods_that_are_zero_everywhere() -> None:
    with pytest.raises(ParameterError, match="zero at all of 100 points"):
        nested_sampling(lambda x: np.full(len(x), -np.inf), BOX.transform, ("a", "b"), FEW)
