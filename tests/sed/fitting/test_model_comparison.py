"""Evidences compared, priors of other widths, and correlations: closed forms and invariants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xsurvey.inference.parameter_set import FitParameter, ParameterSet
from xsurvey.inference.priors import LogUniform, Normal, Uniform
from xsurvey.sed.fit_parameters import ScaleFree
from xsurvey.sed.fitting.degeneracies import correlation_matrix, degeneracies
from xsurvey.sed.fitting.likelihood import SedLikelihood
from xsurvey.sed.fitting.model_comparison import compare_evidences, grade, grades_within
from xsurvey.sed.fitting.prior_widths import with_prior_widths
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.tables.points import select_points

from ..toy_model import TwoHumps, drawn

_LN_Z = arrays(float, st.integers(1, 6), elements=st.floats(-1e4, 1e4))


@given(_LN_Z)
def test_probabilities_are_those_of_evidences(ln_z: np.ndarray) -> None:
    found = compare_evidences(ln_z, np.full(len(ln_z), 0.1))
    assert found.probability.sum() == pytest.approx(1)
    assert found.ln_bayes.max() == found.ln_bayes[found.order[0]] == 0
    assert np.all(np.diff(found.ln_bayes[found.order]) <= 0)
    # only differences count
    other = compare_evidences(ln_z + 7, np.full(len(ln_z), 0.1))
    np.testing.assert_allclose(other.probability, found.probability, atol=1e-9)


def test_two_models() -> None:
    found = compare_evidences(np.array([-10.0, -8.0]), np.array([0.3, 0.4]))
    np.testing.assert_allclose(found.ln_bayes, [-2, 0])
    np.testing.assert_allclose(found.error, [0.5, 0])
    np.testing.assert_allclose(found.probability, [1 / (1 + np.e**2), 1 / (1 + np.e**-2)])


@pytest.mark.parametrize(
    ("ln_bayes", "name"),
    [
        (0.0, "not worth more than a bare mention"), (1.0, "not worth more than a bare mention"),
        (1.01, "positive"), (-2.9, "positive"), (3.5, "strong"), (5.0, "strong"),
        (5.1, "very strong"), (500.0, "very strong"),
    ],
)  # fmt: skip
def test_grades_are_those_of_kass_and_raftery(ln_bayes: float, name: str) -> None:
    """Their table: 2 ln B of 0 to 2, 2 to 6, 6 to 10, and above."""
    assert grade(ln_bayes) == name


def test_grades_within_the_error() -> None:
    assert list(grades_within(2.0, 0.1)) == ["positive"]
    assert list(grades_within(2.8, 0.5)) == ["positive", "strong"]
    assert grades_within(0.2, 3.5)[0].startswith("not worth")
    assert grades_within(0.2, 3.5)[-1] == "strong"


def likelihood(*parameters: FitParameter) -> SedLikelihood:
    """Return a likelihood whose priors are looked at."""
    points = select_points(drawn(), SedFitParameters())
    return SedLikelihood(TwoHumps(), points, ParameterSet(parameters))


def test_widths_of_priors() -> None:
    of = likelihood(
        FitParameter("free", 2, -100, 100, prior=Uniform(1, 3)),
        FitParameter("cut", 2, 0.5, 100, prior=Uniform(1, 3)),
        FitParameter("whole", 2, 1, 3, prior=Uniform(1, 3)),
        FitParameter("log", 2, 1e-6, 1e6, prior=LogUniform(1, 100)),
        FitParameter("held", 2, 1, 1e6, prior=ScaleFree(1, 100)),
        FitParameter("known", 2, 0, 10, prior=Normal(2, 1)),
        FitParameter("frozen", 2, 0, 10, frozen=True, prior=Uniform(1, 3)),
    )
    wide = with_prior_widths(of, 2)
    priors = [p.prior for p in wide.likelihood.parameters.parameters]
    assert (priors[0].low, priors[0].high) == (0, 4)
    assert (priors[1].low, priors[1].high) == (0.5, 4)
    assert (priors[2].low, priors[2].high) == (1, 3)
    assert (priors[3].low, priors[3].high) == pytest.approx((0.1, 1000))
    assert (priors[4].low, priors[4].high) == pytest.approx((1, 1000))
    assert isinstance(priors[4], ScaleFree)
    assert priors[5:] == [Normal(2, 1), Uniform(1, 3)]
    assert wide.changed == ("free", "cut", "log", "held")
    assert wide.cut == ("cut", "whole", "held")
    assert wide.likelihood.priors.priors == tuple(priors[:6])
    narrow = with_prior_widths(of, 0.5)
    first = narrow.likelihood.parameters.parameters[0]
    assert (first.prior.low, first.prior.high, first.value) == (1.5, 2.5, 2)
    assert narrow.cut == ()
    assert "whole" in narrow.changed
    same = with_prior_widths(of, 1)
    assert (same.changed, same.cut) == ((), ())


@given(arrays(float, (40, 3), elements=st.floats(-1e3, 1e3)), st.floats(0.1, 10), st.floats(-5, 5))
def test_correlations_do_not_depend_on_units(x: np.ndarray, scale: float, shift: float) -> None:
    x = x + np.random.default_rng(0).standard_normal(x.shape)
    matrix = correlation_matrix(x)
    np.testing.assert_allclose(correlation_matrix(scale * x + shift), matrix, atol=1e-8)
    np.testing.assert_allclose(matrix, np.corrcoef(x.T), atol=1e-8)


def test_the_strongest_pairs_come_first() -> None:
    random = np.random.default_rng(2)
    a, b = random.standard_normal((2, 5000))
    samples = np.column_stack([a, a + 0.1 * b, -a + 0.8 * b, random.standard_normal(5000)])
    found = degeneracies(("a", "b", "c", "d"), samples)
    pairs = [(p["first"], p["second"]) for p in found["pairs"]]
    assert pairs[0] == ("a", "b")
    assert set(pairs) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert [p["correlation"] < 0 for p in found["pairs"]] == [False, True, True]
    still = degeneracies(("a", "still"), np.column_stack([a, np.ones(5000)]))
    assert still["pairs"] == []
