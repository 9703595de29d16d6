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

    def __init__(self) -> None:
        prior = Uniform(-SIDE / 2, SIDE / 2)
        super().__init__(
            ParameterSet(
                FitParameter(name, 0.0, prior.low, prior.high, step=1.0, prior=prior)
                for name in "abcd"
            )
        )

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        return theta

    def total(self, model: np.ndarray) -> np.ndarray:
        broad = gaussian(model, 0.0, BROAD)
        needle = gaussian(model, PLACE, NEEDLE)
        return np.asarray(-2 * np.logaddexp(broad, HEIGHT + needle))

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


def gaussian(x: np.ndarray, place: float, sigma: float) -> np.ndarray:
    square = (((x - place) / sigma) ** 2).sum(axis=1)
    return np.asarray(-0.5 * square - FREE * (np.log(sigma) + 0.5 * np.log(2 * np.pi)))


def fit_at(place: float, covariance: np.ndarray) -> BestFit[NeedleBesideABroadPeak]:
    likelihood = NeedleBesideABroadPeak()
    best = np.full(FREE, place)
    statistic = float(likelihood.statistic(best[None])[0])
    no = np.zeros(FREE, bool)
    minimum = Minimum(best, statistic, covariance, np.zeros(FREE), no, no, True, "", 1, 1, 1)
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
    """Its share of draws is small, but it is not forgotten."""
    found = evidence_of(fit_at(0.0, np.eye(FREE)), FEW.model_copy(update={"live_points": 50}), 1)
    broad_alone = -FREE * np.log(SIDE)
    assert found.log_evidence == pytest.approx(broad_alone, abs=4 * found.log_evidence_error)


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_a_covariance_that_is_wrong(factor: float) -> None:
    """Weights are tempered until draws are like the peak."""
    found = evidence_of(fit_at(PLACE, np.eye(FREE) * (factor * NEEDLE) ** 2), FEW, 2)
    assert found.converged
    assert found.log_evidence == pytest.approx(TRUTH, abs=5 * found.log_evidence_error)


def test_an_unknown_covariance() -> None:
    """A step's width stands in, fifteen times what it should be."""
    found = evidence_of(fit_at(PLACE, np.full((FREE, FREE), np.nan)), FEW, 3)
    assert found.log_evidence == pytest.approx(TRUTH, abs=5 * found.log_evidence_error)


def test_of_two_evidences_that_disagree_the_larger_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws that are too few to confirm it still tell of a peak that nested sampling lost."""
    monkeypatch.setattr("xsurvey.inference.nested._ENOUGH", np.inf)
    found = evidence_of(fit_at(PLACE, np.eye(FREE) * NEEDLE**2), FEW, 1)
    assert not found.converged
    assert found.log_evidence == pytest.approx(TRUTH, abs=4 * found.log_evidence_error)
    assert "may be larger: nested sampling alone has -18." in found.warnings[-1]
