"""The benchmark of model comparison: sets as drawn, and its sums."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import blazar_model_comparison
from benchmarks.blazar_model_comparison import (
    LIVE_POINTS,
    choice,
    compared,
    confirmed,
    coverage,
    covers,
    joined,
    likelihood_of,
    within_boxes,
)
from benchmarks.blazar_sets import BOXES, DEGREE, FREQUENCIES, MDP99, TRUTHS, draw, source
from xsurvey.inference.nested import Evidence
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.sed.polarization.measurements import Kind


@pytest.mark.parametrize("truth", list(TRUTHS))
def test_sets_are_those_of_their_truth(truth: str) -> None:
    drawn = draw(truth, 3)
    assert drawn.degrees[0] == pytest.approx(DEGREE)
    assert len(drawn.points) == len(FREQUENCIES)
    model = source(truth)
    theta = np.array([[drawn.truth[p.name] for p in model.parameters]])
    flux = sum(model.components(theta, FREQUENCIES).values())[0]
    pull = (drawn.points.flux - flux) / drawn.points.sigma
    assert abs(pull.mean()) < 4 / np.sqrt(len(pull))
    assert 0.5 < pull.std() < 1.6
    assert (drawn.limit is None) == (Kind.LIMIT not in drawn.measurements.kinds)
    if drawn.limit is not None:
        assert drawn.limit < MDP99 + 0.03 * 3.5


def test_priors_are_the_boxes_and_twice_as_wide() -> None:
    drawn = draw("hadronic", 5)
    for name in TRUTHS:
        narrow, wide = (likelihood_of(name, drawn, factor) for factor in (1.0, 2.0))
        for parameter, (low, high) in BOXES[name].items():
            place = narrow.parameters.free_names.index(parameter)
            assert np.transpose(narrow.parameters.bounds)[place] == pytest.approx((low, high))
            width = np.diff(np.transpose(wide.parameters.bounds)[place])[0]
            assert high - low < width <= 2 * (high - low) * (1 + 1e-12)


def test_evidence_of_a_part_of_the_priors() -> None:
    drawn = draw("leptonic", 5)
    wide = likelihood_of("leptonic", drawn, 2.0)
    names = wide.parameters.free_names
    low, high = wide.parameters.bounds
    generator = np.random.default_rng(1)
    samples = generator.uniform(low, high, (20000, len(names)))
    # a likelihood of one everywhere: evidences are one, of the whole and of its part
    flat = Evidence(
        names=names, log_evidence=0.0, log_evidence_error=0.0, information=0.0, samples=samples,
        weights=np.full(len(samples), 1 / len(samples)), log_likelihood=np.zeros(len(samples)),
        evaluations=0, converged=True, warnings=(), seed=1,
    )  # fmt: skip
    weights, ln_volume = within_boxes(flat, wide, "leptonic")
    assert ln_volume == pytest.approx(-np.log(weights.sum()), abs=0.15)
    assert joined(flat, flat, wide, "leptonic") == pytest.approx(0, abs=0.01)
    middle = {name: (a + b) / 2 for name, a, b in zip(names, low, high, strict=True)}
    assert all(covers(flat, flat.weights, drawn._replace(truth=middle)).values())


def test_sets_that_are_kept_are_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        blazar_model_comparison, "compare", lambda truth, seed, widen: {"is": truth}
    )
    assert compared("leptonic", 7, True, tmp_path) == {"is": "leptonic"}
    monkeypatch.setattr(blazar_model_comparison, "compare", None)
    assert compared("leptonic", 7, True, tmp_path) == {"is": "leptonic"}
    assert [p.name for p in tmp_path.iterdir()] == ["leptonic-7-widened.json"]


def test_evidences_are_computed_until_they_are_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def evidence(fit: object, sampling: NestedParameters, seed: int) -> Evidence:
        tried.append(sampling.live_points)
        one = np.ones(1)
        return Evidence(
            names=("a",), log_evidence=0.0, log_evidence_error=0.1, information=0.0,
            samples=one[None], weights=one, log_likelihood=one, evaluations=10,
            converged=len(tried) > 1, warnings=(), seed=seed,
        )  # fmt: skip

    monkeypatch.setattr(blazar_model_comparison, "evidence_of", evidence)
    assert confirmed(None, 1).evaluations == 20  # type: ignore[arg-type]
    assert tried == list(LIVE_POINTS)


def test_sums() -> None:
    found = [
        {"truth": "leptonic", "log_evidence": {"leptonic": 5.0, "hadronic": 0.0},
         "covered": {"a": True, "b": False}},
        {"truth": "leptonic", "log_evidence": {"leptonic": 1.0, "hadronic": 0.0},
         "covered": {"a": True, "b": True}},
        {"truth": "hadronic", "log_evidence": {"leptonic": 4.0, "hadronic": 0.0},
         "covered": {"c": False}},
    ]  # fmt: skip
    both = choice(found, "log_evidence")["both"]
    assert (both["strong"], both["right"], both["right_rate"]) == (2, 1, 0.5)
    assert both["mean_ln_b_of_truth"] == pytest.approx(2 / 3)
    rates = coverage(found)
    assert rates["leptonic"]["a"]["rate"] == 1
    assert rates["both"]["rate"] == pytest.approx(3 / 5)
