import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from xsurvey.errors import ParameterError
from xsurvey.spectra.background_models import AnalyticBackground, fit_background
from xsurvey.spectra.background_models.shapes import (
    BrokenPowerLaw,
    Exponential,
    GaussianLine,
    PowerLaw,
)

EDGES = np.linspace(0.3, 10.0, 98)
LOW, HIGH = EDGES[:-1], EDGES[1:]
DENSITIES = {
    PowerLaw: lambda e, g, k: k * e**-g,
    BrokenPowerLaw: lambda e, a, b, c, k: k * (e**-a if e < b else b ** (c - a) * e**-c),
    Exponential: lambda e, s, k: k * np.exp(-e / s),
    GaussianLine: lambda e, m, s, k: k * np.exp(-0.5 * ((e - m) / s) ** 2) / s / (2 * np.pi) ** 0.5,
}  # fmt: skip
VALUES = {
    PowerLaw: [[1.0, 2.0], [1.0 + 1e-9, 2.0], [-0.5, 1.0], [2.3, 0.1]],
    BrokenPowerLaw: [[1.5, 2.03, 0.2, 1.0], [0.0, 20.0, 3.0, 1.0], [1.0, 0.1, 1.0, 2.0]],
    Exponential: [[0.5, 1.0], [1e3, 2.0]],
    GaussianLine: [[1.49, 0.05, 3.0], [6.4, 0.5, 1.0], [0.2, 0.3, 1.0]],
}


@pytest.mark.parametrize("shape", list(DENSITIES))
def test_channels_hold_integrals(shape: type) -> None:
    rates = shape().rate(np.array(VALUES[shape]), LOW, HIGH)
    for values, rate in zip(VALUES[shape], rates, strict=True):
        # a break inside a channel would spoil the numerical integral
        points = [values[1]] if shape is BrokenPowerLaw else None
        expected = [
            integrate.quad(DENSITIES[shape], a, b, args=tuple(values), epsabs=0, points=points)[0]
            for a, b in zip(LOW, HIGH, strict=True)
        ]
        np.testing.assert_allclose(rate, expected, rtol=1e-7, atol=1e-30)


def test_shapes_add_up_over_the_exposure() -> None:
    model = AnalyticBackground([PowerLaw(), PowerLaw(), GaussianLine()], LOW, HIGH, 1000.0)
    assert model.names == (
        "powerlaw.index", "powerlaw.norm", "powerlaw_2.index", "powerlaw_2.norm",
        "gaussian.energy", "gaussian.sigma", "gaussian.norm",
    )  # fmt: skip
    first, second, line = [0.5, 2.0], [3.0, 0.1], [1.5, 0.1, 4.0]
    total = model.evaluate(np.array([first + second + line]))
    parts = [
        PowerLaw().rate(np.array([first]), LOW, HIGH),
        PowerLaw().rate(np.array([second]), LOW, HIGH),
        GaussianLine().rate(np.array([line]), LOW, HIGH),
    ]
    np.testing.assert_allclose(total, 1000 * sum(parts))
    assert total.shape == (1, 97)


def test_defaults_lie_within_bounds_and_give_counts() -> None:
    shapes = [PowerLaw(), BrokenPowerLaw(), Exponential(), GaussianLine()]
    model = AnalyticBackground(shapes, LOW, HIGH, 1.0)
    assert ((model.bounds[:, 0] <= model.defaults) & (model.defaults <= model.bounds[:, 1])).all()
    assert (model.evaluate(model.defaults) > 0).all()
    assert len(model.units) == len(model.names) == len(model.defaults)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_counts_are_never_negative_or_nan(data: st.DataObject) -> None:
    shapes = [BrokenPowerLaw(), Exponential(), GaussianLine()]
    model = AnalyticBackground(shapes, LOW, HIGH, 1.0)
    values = [data.draw(st.floats(low, high)) for low, high in model.bounds]
    assert (model.evaluate(np.array(values)) >= 0).all()


def test_channels_from_zero_energy_stay_finite() -> None:
    model = AnalyticBackground(
        [PowerLaw()], np.array([-0.01, 0.0, 0.01]), np.array([0.0, 0.01, 0.02]), 1.0
    )
    counts = model.evaluate(np.array([[3.0, 1.0], [-1.0, 1.0]]))
    assert np.isfinite(counts).all()
    np.testing.assert_array_equal(counts[:, 0], 0)


def test_is_folded_only_when_asked() -> None:
    folding = np.full((LOW.size, 3), 1 / 3)
    plain = AnalyticBackground([PowerLaw()], LOW, HIGH, 2.0)
    folded = AnalyticBackground([PowerLaw()], LOW, HIGH, 2.0, fold=lambda r: r @ folding)
    values = np.array([[1.2, 0.5], [0.3, 0.1]])
    np.testing.assert_allclose(folded.evaluate(values), plain.evaluate(values) @ folding)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (([], LOW, HIGH, 1.0), "shapes"),
        (([PowerLaw()], HIGH, LOW, 1.0), "ascend"),
        (([PowerLaw()], LOW, HIGH[:-1], 1.0), "ascend"),
        (([PowerLaw()], LOW, HIGH, 0.0), "positive"),
        (([PowerLaw()], LOW, HIGH, np.nan), "positive"),
    ],
)
def test_impossible_models_are_refused(arguments: tuple, word: str) -> None:
    with pytest.raises(ParameterError, match=word):
        AnalyticBackground(*arguments)


def test_wrong_numbers_of_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"powerlaw\.index"):
        AnalyticBackground([PowerLaw()], LOW, HIGH, 1.0).evaluate(np.ones((4, 3)))


def test_a_fit_recovers_what_was_simulated() -> None:
    rng = np.random.default_rng(22)
    model = AnalyticBackground([PowerLaw(), GaussianLine()], LOW, HIGH, 1e4)
    truth = np.array([0.8, 0.05, 1.7, 0.12, 0.02])
    start = np.array([0.3, 0.02, 1.6, 0.08, 0.005])
    pulls = []
    for _ in range(100):
        counts = rng.poisson(model.evaluate(truth)[0])
        fit = fit_background(model, counts, start, np.ones(LOW.size, bool))
        assert fit.converged
        pulls.append((fit.parameters - truth) / np.sqrt(np.diag(fit.covariance)))
    assert np.abs(np.mean(pulls, 0)).max() < 0.45
    np.testing.assert_allclose(np.std(pulls, 0), 1, atol=0.3)


def test_parameters_at_a_bound_have_no_error() -> None:
    model = AnalyticBackground([Exponential()], LOW, HIGH, 1.0)
    counts = np.round(20 * LOW)  # rises with energy, which no exponential does
    fit = fit_background(model, counts, np.array([1.0, 50.0]), np.ones(LOW.size, bool))
    assert fit.parameters[0] == model.bounds[0, 1]
    assert np.isnan(fit.covariance[0]).all()
    total = 1e3 * -np.expm1(-9.7 / 1e3) * np.exp(-0.3 / 1e3)
    assert fit.parameters[1] == pytest.approx(counts.sum() / total, rel=1e-6)
    assert fit.covariance[1, 1] == pytest.approx(counts.sum() / total**2, rel=1e-3)


def test_what_counts_tell_nothing_of_has_no_error() -> None:
    model = AnalyticBackground([PowerLaw(), GaussianLine()], LOW, HIGH, 1.0)
    counts = np.full(LOW.size, 100.0)
    fit = fit_background(model, counts, np.array([0, 900, 50, 0.1, 1]), np.ones(LOW.size, bool))
    assert np.isnan(np.diag(fit.covariance)).tolist() == [False, False, True, True, True]
    assert fit.parameters[1] == pytest.approx(1000)
