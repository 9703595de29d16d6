"""Priors: densities against scipy, inverse cumulative, text form, bounds, errors."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from xsurvey.errors import ParameterError
from xsurvey.inference.prior_set import PriorSet
from xsurvey.inference.priors import (
    LogNormal,
    LogUniform,
    Normal,
    Prior,
    PriorText,
    Uniform,
    parse_prior,
)
from xsurvey.parameters import StepParameters

CASES = [
    (Uniform(-2, 5), stats.uniform(-2, 7)),
    (LogUniform(1e-5, 3), stats.loguniform(1e-5, 3)),
    (Normal(1, 0.1), stats.norm(1, 0.1)),
    (Normal(1, 0.5, 0.2, 1.1), stats.truncnorm(-1.6, 0.2, 1, 0.5)),
    (Normal(0, 1, 3, math.inf), stats.truncnorm(3, math.inf)),
    (Normal(0, 1, 30, 31), stats.truncnorm(30, 31)),
    (Normal(0, 1, -31, -30), stats.truncnorm(-31, -30)),
    (LogNormal(2, 0.3), stats.lognorm(0.3, scale=2)),
]
IDS = [str(prior) for prior, _ in CASES]
U = np.array([1e-6, 0.01, 0.3, 0.5, 0.77, 0.99, 1 - 1e-6])


@pytest.mark.parametrize(("prior", "reference"), CASES, ids=IDS)
def test_density_and_quantiles_are_those_of_scipy(prior: Prior, reference: object) -> None:
    x = prior.transform(U)
    assert x == pytest.approx(reference.ppf(U), rel=1e-9)  # type: ignore[attr-defined]
    expected = reference.logpdf(x)  # type: ignore[attr-defined]
    assert prior.log_density(x) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("prior", [prior for prior, _ in CASES], ids=IDS)
def test_cumulative_undoes_quantiles(prior: Prior) -> None:
    priors = PriorSet([prior, Uniform(0, 1)])
    places = np.column_stack([U, U[::-1]])
    assert priors.cumulative(priors.transform(places)) == pytest.approx(places, abs=1e-9)
    beyond = np.array([[prior.low, -5.0], [prior.high, 7.0]])
    ends = priors.cumulative(beyond)
    assert ends == pytest.approx(np.array([[0.0, 0.0], [1.0, 1.0]]), abs=1e-9)


@pytest.mark.parametrize("text", ["lognormal:2,0.3,1,2.5", "normal:3,2,0,4", "lognormal:1,2,0,9"])
def test_cut_priors_are_normalised(text: str) -> None:
    prior = parse_prior(text)
    total, _ = integrate.quad(
        lambda x: math.exp(prior.log_density(np.array([x]))[0]), prior.low, prior.high, limit=200
    )
    assert total == pytest.approx(1, abs=1e-6)
    below, _ = integrate.quad(
        lambda x: math.exp(prior.log_density(np.array([x]))[0]),
        prior.low, float(prior.transform(np.array([0.3]))[0]), limit=200,
    )  # fmt: skip
    assert below == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("prior", [p for p, _ in CASES], ids=IDS)
def test_nothing_outside_the_bounds(prior: Prior) -> None:
    outside = np.array([prior.low - 1, prior.high + 1, np.nan])
    outside[~np.isfinite(outside)] = np.nan
    assert np.all(prior.log_density(outside) == -np.inf)
    ends = prior.transform(np.array([0.0, 1.0]))
    assert ends == pytest.approx([prior.low, prior.high], rel=1e-12)
    assert np.all(prior.inside(ends))


@pytest.mark.parametrize(
    "prior", [Normal(1, 0.1), LogNormal(2, 0.3), LogUniform(0.1, 9), Uniform(0, 9)], ids=str
)
def test_penalty_is_minus_two_ln_density(prior: Prior) -> None:
    x = np.linspace(0.7, 1.4, 8)
    value, gradient, curvature = prior.penalty(x)
    assert np.ptp(value + 2 * prior.log_density(x)) == pytest.approx(0, abs=1e-9)
    h = 1e-4
    slope = (prior.penalty(x + h)[0] - prior.penalty(x - h)[0]) / (2 * h)
    bend = (prior.penalty(x + h)[1] - prior.penalty(x - h)[1]) / (2 * h)
    assert gradient == pytest.approx(slope, rel=1e-5, abs=1e-6)
    assert curvature == pytest.approx(np.maximum(bend, 0), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("prior", "reference"), CASES, ids=IDS)
def test_samples_follow_the_density(prior: Prior, reference: object) -> None:
    sample = prior.sample(np.random.default_rng(3), 4000)
    assert stats.kstest(sample, reference.cdf).pvalue > 0.001  # type: ignore[attr-defined]


numbers = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-6)
positive = st.floats(1e-6, 1e6)


@given(numbers, positive, positive, st.sampled_from(["uniform", "normal", "cut", "lognormal"]))
def test_text_round_trip(a: float, b: float, c: float, kind: str) -> None:
    prior: Prior = {
        "uniform": lambda: Uniform(a, a + b), "normal": lambda: Normal(a, b),
        "cut": lambda: Normal(a, b, a - c, a + b), "lognormal": lambda: LogNormal(b, c),
    }[kind]()  # fmt: skip
    assert parse_prior(str(prior)) == prior
    assert pickle.loads(pickle.dumps(prior)) == prior


def test_texts() -> None:
    assert parse_prior(" Normal: 1, 0.1 ") == Normal(1, 0.1)
    assert str(parse_prior("loguniform:1e-5,1")) == "loguniform:1e-05,1"
    assert str(Normal(1, 0.1).truncated(low=0)) == "normal:1,0.1,0,inf"
    assert Uniform(0, 5).truncated(1, 9) == Uniform(1, 5)


@pytest.mark.parametrize(
    "text",
    ["gauss:1,2", "uniform", "uniform:1", "uniform:2,1", "uniform:0,inf", "normal:1,0", "normal:1",
     "normal:1,a", "normal:nan,1", "normal:0,1,2", "normal:0,1,3,2", "loguniform:0,1",
     "lognormal:0,1", "uniform:1,2,3,4", "5", ""],
)  # fmt: skip
def test_bad_texts_are_errors(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        parse_prior(text)


class _Step(StepParameters):
    prior: PriorText | None = None


def test_parameter_models_read_and_record_text() -> None:
    step = _Step.read({"prior": "normal:1,0.1"}, "step")
    assert step.prior == Normal(1, 0.1)
    assert _Step.read(step.normalised(), "step") == step
    assert _Step(prior=Normal(1, 0.1)) == step
    with pytest.raises(ParameterError, match=r"step\.prior: .*did you mean 'uniform'"):
        _Step.read({"prior": "unifrm:0,1"}, "step")


def test_joint_prior() -> None:
    priors = PriorSet([Uniform(0, 2), Normal(1, 0.5)])
    theta = np.array([[1.0, 1.2], [3.0, 1.0], [0.5, np.nan]])
    joint = priors.log_density(theta)
    assert joint[0] == pytest.approx(-math.log(2) + stats.norm(1, 0.5).logpdf(1.2))
    assert np.all(joint[1:] == -np.inf)
    assert priors.transform(np.array([[0.25, 0.5]])) == pytest.approx(np.array([[0.5, 1.0]]))
    assert priors.sample(np.random.default_rng(1), 7).shape == (7, 2)
    value, gradient, curvature = priors.penalty(theta)
    assert value[0] == pytest.approx(0.16)
    assert value[1] == np.inf
    assert gradient[0] == pytest.approx([0, 1.6])
    assert curvature[0] == pytest.approx([0, 8])
    with pytest.raises(ValueError, match="shape"):
        priors.log_density(np.zeros(2))
