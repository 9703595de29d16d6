"""Evidences of fits: the peak of a best fit counts, whether nested sampling finds it or not."""

from __future__ import annotations

import numpy as np
import pytest

from xsurvey.inference.best_fit import BestFit
from xsurvey.inference.likelihood import Likelihood
from xsurvey.inference.minimum import Minimum
from xsurvey.inference.nested import nested_sampling
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.inference.parameter_set import FitParameter, ParameterSet
from xsurvey.inference.posterior import evidence_of
from xsurvey.inference.priors import Uniform

SIDE, FREE = 100.0, 4
BROAD, NEEDLE = 1.0, 0.02
HEIGHT = 8.0
"""Ln of the needle's integral over that of the broad peak."""
PLACE = 30.0
FEW = NestedParameters(live_points=100, evidence_tolerance=0.3)
TRUTH = float(np.logaddexp(0.0, HEIGHT) - FREE * np.log(SIDE))


class NeedleBesideABroadPeak(Likelihood):
    """Two Gaussians: no slope leads from the broad one to the needle."""

    bins = 10

    def __init__(self, sigma: float = NEEDLE, height: float = HEIGHT, idle: int = 0) -> None:
        self.sigma, self.height = sigma, height
        prior = Uniform(-SIDE / 2, SIDE / 2)
        super().__init__(
            ParameterSet(
                FitParameter(name, 0.0, prior.low, prior.high, step=1.0, prior=prior)
                for name in "abcdefgh"[: FREE + idle]
            )
        )

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        return theta

    def total(self, model: np.ndarray) -> np.ndarray:
        model = model[:, :FREE]
        broad = gaussian(model, 0.0, BROAD)
        needle = gaussian(model, PLACE, self.sigma)
        return np.asarray(-2 * np.logaddexp(broad, self.height + needle))

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


def gaussian(x: np.ndarray, place: float, sigma: float) -> np.ndarray:
    square = (((x - place) / sigma) ** 2).sum(axis=1)
    return np.asarray(-0.5 * square - FREE * (np.log(sigma) + 0.5 * np.log(2 * np.pi)))


def fit_at(
    place: float, covariance: np.ndarray, likelihood: NeedleBesideABroadPeak | None = None
) -> BestFit[NeedleBesideABroadPeak]:
    likelihood = likelihood or NeedleBesideABroadPeak()
    best = np.full(len(covariance), place)
    statistic = float(likelihood.statistic(best[None])[0])
    no = np.zeros(len(best), bool)
    minimum = Minimum(best, statistic, covariance, 0.0 * best, no, no, True, "", 1, 1, 1)
    return BestFit(likelihood, best, statistic, minimum, {}, 0.6827)


def test_a_needle_that_nested_sampling_does_not_find() -> None:
    likelihood = NeedleBesideABroadPeak()
    lost = nested_sampling(
        lambda x: -0.5 * likelihood.statistic(x), likelihood.priors.transform, tuple("abcd"), FEW, 1
    )
    assert lost.log_evidence < TRUTH - 5
    found = evidence_of(fit_at(PLACE, np.eye(FREE) * NEEDLE**2), FEW, 1)
    assert found.converged
    assert found.log_evidence == pytest.approx(TRUTH, abs=4 * found.log_evidence_error)
    assert found.log_evidence_error < 0.1
    low, high = found.summary()["a"]["interval"]
    assert (low, high) == pytest.approx((PLACE - NEEDLE, PLACE + NEEDLE), abs=0.2 * NEEDLE)


def test_a_best_fit_in_a_lesser_peak_does_no_harm() -> None:
    """Nested sampling finds the other one, which has twenty times the integral."""
    likelihood = NeedleBesideABroadPeak(sigma=1.0, height=3.0)
    found = evidence_of(fit_at(0.0, np.eye(FREE), likelihood), FEW, 1)
    truth = np.logaddexp(0.0, 3.0) - FREE * np.log(SIDE)
    assert found.converged
    assert found.log_evidence == pytest.approx(truth, abs=4 * found.log_evidence_error)


@pytest.mark.parametrize("sigma", [10.0, 1e5, np.nan])
def test_parameters_that_the_data_hardly_tell_of(sigma: float) -> None:
    """Their covariance is wider than the prior by far, or is not known."""
    covariance = np.diag([NEEDLE**2] * FREE + [sigma**2] * 2)
    unknown = np.isnan(np.diag(covariance))
    covariance[unknown] = covariance[:, unknown] = np.nan
    found = evidence_of(fit_at(PLACE, covariance, NeedleBesideABroadPeak(idle=2)), FEW, 1)
    assert found.converged
    assert found.log_evidence == pytest.approx(TRUTH, abs=4 * found.log_evidence_error)
    low, high = found.summary()["f"]["interval"]
    assert (low, high) == pytest.approx((-34.135, 34.135), abs=6)


def test_a_covariance_that_is_far_too_wide() -> None:
    """A fifth of 2000 places is in the needle on average: some runs, one in 40, meet none."""
    fit = fit_at(PLACE, np.eye(FREE) * (10 * NEEDLE) ** 2)
    found = [evidence_of(fit, FEW, seed) for seed in range(10)]
    near = [abs(one.log_evidence - TRUTH) < 5 * one.log_evidence_error for one in found]
    assert sum(near) >= 8


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_a_covariance_that_is_wrong(factor: float) -> None:
    """Weights are tempered until draws are like the peak."""
    found = evidence_of(fit_at(PLACE, np.eye(FREE) * (factor * NEEDLE) ** 2), FEW, 2)
    assert found.converged
    assert found.log_evidence == pytest.approx(TRUTH, abs=5 * found.log_evidence_error)


def test_an_unknown_covariance() -> None:
    """How far each parameter may go alone stands in."""
    found = evidence_of(fit_at(PLACE, np.full((FREE, FREE), np.nan)), FEW, 3)
    assert found.log_evidence == pytest.approx(TRUTH, abs=5 * found.log_evidence_error)


def test_of_two_evidences_that_disagree_the_larger_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws that are too few to confirm it still tell of a peak that nested sampling lost."""
    monkeypatch.setattr("xsurvey.inference.nested._ENOUGH", np.inf)
    found = evidence_of(fit_at(PLACE, np.eye(FREE) * NEEDLE**2), FEW, 1)
    assert not found.converged
    assert found.log_evidence == pytest.approx(TRUTH, abs=4 * found.log_evidence_error)
    assert "may be larger: nested sampling alone" in found.warnings[-1]
    assert "has -18." in found.warnings[-1]
