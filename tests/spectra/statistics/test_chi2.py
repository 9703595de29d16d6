import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import ParameterError
from xsurvey.spectra.statistics import ChiSquare, chi2_terms
from xsurvey.spectra.statistics.chi2 import VARIANCES

COUNTS = np.array([0.0, 9.0, 100.0])
BACKGROUND = np.array([4.0, 0.0, 40.0])
R = 0.5


def test_variances() -> None:
    model = np.array([[2.0, 8.0, 90.0]])
    expected = {
        "data": [1, 9, 100 + 10],
        "gehrels": (1 + np.sqrt(COUNTS + 0.75)) ** 2 + 0.25 * (1 + np.sqrt(BACKGROUND + 0.75)) ** 2,
        "model": [2 + 2 + 1, 8, 90 + 20 + 10],
    }
    for name, variance in expected.items():
        terms = chi2_terms(COUNTS, BACKGROUND, R, model, name)  # type: ignore[arg-type]
        residual = COUNTS - R * BACKGROUND - model
        np.testing.assert_allclose(terms, residual**2 / np.asarray(variance))
        errors = ChiSquare(COUNTS, BACKGROUND, R, name).errors(model)  # type: ignore[arg-type]
        np.testing.assert_allclose(np.broadcast_to(errors, (1, 3))[0] ** 2, variance)


def test_bins_without_any_counts_have_unit_variance() -> None:
    statistic = ChiSquare(np.array([0.0, 0.0, 4.0]), np.array([0.0, 2.0, 0.0]), 0.1)
    np.testing.assert_allclose(statistic.errors() ** 2, [1, 0.02, 4])
    assert statistic.zero_count_bins == 2


def test_gehrels_without_background_has_its_error_only() -> None:
    errors = ChiSquare(COUNTS, variance="gehrels").errors()
    np.testing.assert_allclose(errors, 1 + np.sqrt(COUNTS + 0.75))


def test_systematic_errors_add_in_quadrature() -> None:
    statistic = ChiSquare(COUNTS, BACKGROUND, R, systematic=0.1, background_systematic=0.2)
    np.testing.assert_allclose(
        statistic.errors() ** 2, [1 + 0.4**2, 9 + 0.9**2, 110 + 10**2 + 4**2]
    )


def test_errors_of_a_file_are_used_as_they_are() -> None:
    rates = np.array([-3.0, 8.5])
    statistic = ChiSquare(rates, variance="given", error=np.array([2.0, 0.5]))
    np.testing.assert_allclose(statistic.total(np.array([[1.0, 8.0]])), [4 + 1])
    both = ChiSquare(
        rates, np.array([1.0, 2.0]), 0.5, "given", np.ones(2), np.array([2.0, 4.0])
    )  # fmt: skip
    np.testing.assert_allclose(both.errors() ** 2, [2.0, 5.0])
    poisson = ChiSquare(rates, np.array([1.0, 2.0]), 0.5, "given", np.ones(2))
    np.testing.assert_allclose(poisson.errors() ** 2, [1.25, 1.5])


@given(
    st.sampled_from(["data", "gehrels", "model"]),
    st.integers(0, 500), st.integers(0, 500), st.floats(0.5, 500),
)  # fmt: skip
def test_derivatives(variance: str, counts: int, back: int, m: float) -> None:
    statistic = ChiSquare(
        np.array([counts]), np.array([back]), 0.3, variance  # type: ignore[arg-type]
    )  # fmt: skip
    assert statistic.terms(np.array([m]))[0] >= 0
    step = m * 1e-4
    low, high = (statistic.terms(np.array([m + e]))[0] for e in (-step, step))
    gradient, curvature = statistic.derivatives(np.array([m]))
    scale = abs(gradient[0]) + statistic.terms(np.array([m]))[0] / m + 1
    assert (high - low) / (2 * step) == pytest.approx(gradient[0], abs=1e-4 * scale)
    assert curvature[0] > 0


def test_curvature_of_the_model_variance_is_the_expected_one() -> None:
    rng = np.random.default_rng(4)
    statistic = ChiSquare(rng.poisson(5.0, 300_000), variance="model")
    model, step = np.full(statistic.bins, 5.0), 1e-2
    slopes = [statistic.derivatives(model + e)[0].mean() for e in (-step, step)]
    expected = statistic.derivatives(model)[1].mean()
    assert (slopes[1] - slopes[0]) / (2 * step) == pytest.approx(expected, rel=0.02)


def test_nothing_expected_and_nothing_found_fits() -> None:
    statistic = ChiSquare(np.array([0.0, 1.0]), variance="model")
    np.testing.assert_array_equal(statistic.terms(np.zeros((1, 2))), [[0, np.inf]])
    assert np.isfinite(statistic.derivatives(np.zeros((1, 2)))).all()


@pytest.mark.parametrize("variance", VARIANCES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_impossible_models_are_infinitely_bad(variance: str, bad: float) -> None:
    statistic = ChiSquare(
        COUNTS, BACKGROUND, R, variance, error=np.ones(3)  # type: ignore[arg-type]
    )  # fmt: skip
    model = np.array([[1.0, bad, 1.0], [1.0, 1.0, 1.0]])
    assert statistic.terms(model)[0, 1] == np.inf
    np.testing.assert_array_equal(np.isfinite(statistic.total(model)), [False, True])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"variance": "gherels"}, "gehrels"),
        ({"counts": [-1.0, 2.0]}, "negative"),
        ({"variance": "given"}, "not given"),
        ({"variance": "given", "error": np.array([0.0, 1.0])}, "zero"),
        ({"variance": "given", "error": np.ones(2), "counts": [np.nan, 1.0]}, "finite"),
        ({"background": [1.0]}, "bins"),
        ({"scale": -1.0}, "negative"),
        ({"systematic": np.nan}, "finite"),
    ],
)
def test_impossible_data_are_refused(change: dict, word: str) -> None:
    with pytest.raises(ParameterError, match=word):
        ChiSquare(**({"counts": [1.0, 2.0]} | change))
