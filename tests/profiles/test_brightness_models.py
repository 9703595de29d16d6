"""Brightness models: averages and projections against numerical integrals, and their limits."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import beta as beta_function

from xsurvey.errors import ParameterError
from xsurvey.profiles.brightness_models import parse_model

EDGES = np.array([0.0, 0.3, 0.7, 1.5, 2.2, 4.0, 7.0, 12.0])
ROWS = {
    "beta": [2, 1.3, 0.6, 0.1],
    "double_beta": [2, 0.5, 1, 3, 0.7, 0.1],
    "power_law": [2, 1.4, 0.1],
    "vikhlinin": [2, 1.3, 1.2, 0.6, 3.0, 2.0, 0.1],
    "broken_power_law": [2, 0.4, 1.3, 2.0, 1.8, 0.1],
}


@pytest.mark.parametrize("name", ROWS)
def test_averages_are_integrals_of_the_brightness(name: str) -> None:
    model, row = parse_model(name), np.array([ROWS[name]])
    found = model.averages(row, EDGES)[0]
    for low, high, average in zip(EDGES[:-1], EDGES[1:], found, strict=True):
        exact = integrate.quad(
            lambda r: 2 * r * model.brightness(row, np.array([r]))[0, 0], max(low, 1e-9), high,
            points=[2.0] if low < 2 < high else None, epsabs=1e-12, limit=300,
        )[0]  # fmt: skip
        assert average == pytest.approx(exact / (high**2 - low**2), rel=2e-5)


@pytest.mark.parametrize("name", ROWS)
def test_rows_do_not_know_each_other(name: str) -> None:
    model, row = parse_model(name), np.array(ROWS[name], float)
    rows = np.array([row, row * 1.1, row])
    together = model.averages(rows, EDGES)
    assert together.shape == (3, 7)
    assert together[0] == pytest.approx(together[2], rel=1e-14)
    assert together[1] == pytest.approx(model.averages(rows[1:2], EDGES)[0], rel=1e-12)
    for start in model.shapes(EDGES):
        assert len(start) == len(model.parameters)


@settings(max_examples=30)
@given(st.sampled_from(sorted(ROWS)), st.floats(0.2, 11.0))
def test_light_of_two_bins_is_that_of_both(name: str, cut: float) -> None:
    model, row = parse_model(name), np.array([ROWS[name]])
    whole = model.averages(row, np.array([0.1, 12.0]))[0] * (12.0**2 - 0.1**2)
    parts = model.averages(row, np.array([0.1, cut, 12.0]))[0]
    parts = parts @ [cut**2 - 0.1**2, 12.0**2 - cut**2]
    # a bin from .1 to 12 is far wider than those that eight nodes are for
    tolerance = 0.03 if name == "vikhlinin" else 1e-7
    assert parts == pytest.approx(whole[0], rel=tolerance)


def along_the_line(emissivity: object, radius: float, breaks: list[float]) -> float:
    def at(length: float) -> float:
        return emissivity(np.hypot(radius, length))  # type: ignore[operator]

    ends = [0.0, *sorted(breaks), np.inf]
    pieces = pairwise(ends)
    return 2 * sum(integrate.quad(at, a, b, epsabs=1e-13, limit=300)[0] for a, b in pieces)


@pytest.mark.parametrize("radius", [0.01, 0.5, 3.0, 10.0])
def test_vikhlinin_is_a_density_along_the_line_of_sight(radius: float) -> None:
    norm, rc, alpha, beta, rs, epsilon, background = ROWS["vikhlinin"]

    def emissivity(r: float) -> float:
        x = r / rc
        core = x**-alpha * (1 + x**2) ** (alpha / 2 - 3 * beta)
        return core * (1 + (r / rs) ** 3) ** (-epsilon / 3)

    centre = rc * beta_function(3 * beta - 0.5, 0.5)
    exact = norm * along_the_line(emissivity, radius, [5 * radius, 5.0]) / centre + background
    found = parse_model("vikhlinin").brightness(np.array([ROWS["vikhlinin"]]), np.array([radius]))
    assert found[0, 0] == pytest.approx(exact, rel=1e-8)


def test_vikhlinin_without_cusp_and_steepening_is_a_beta_model() -> None:
    row = np.array([[2, 1.3, 0.0, 0.6, 3.0, 0.0, 0.1]])
    beta = parse_model("beta").averages(np.array([[2, 1.3, 0.6, 0.1]]), EDGES)
    assert parse_model("vikhlinin").averages(row, EDGES) == pytest.approx(beta, rel=2e-5)


@pytest.mark.parametrize("radius", [0.01, 0.5, 1.99, 2.01, 10.0])
def test_jump_is_a_density_along_the_line_of_sight(radius: float) -> None:
    norm, alpha1, alpha2, rj, jump, background = ROWS["broken_power_law"]

    def emissivity(r: float) -> float:
        x = r / rj
        return x ** (-2 * alpha1) if x < 1 else x ** (-2 * alpha2) / jump**2

    inner = float(np.sqrt(max(rj**2 - radius**2, 0)))
    breaks = [inner, inner + 10] if inner else [10.0]
    exact = norm * along_the_line(emissivity, radius, breaks) / rj + background
    row = np.array([ROWS["broken_power_law"]])
    found = parse_model("broken_power_law").brightness(row, np.array([radius]))
    assert found[0, 0] == pytest.approx(exact, rel=1e-8)


def test_broken_power_law_without_break_is_a_power_law() -> None:
    alpha = 0.9
    row = np.array([[2, alpha, alpha, 2.0, 1.0, 0.1]])
    radius = np.array([0.1, 1.0, 1.999, 2.001, 8.0])
    found = parse_model("broken_power_law").brightness(row, radius)[0] - 0.1
    # n^2 of r^(-2 alpha), integrated, is r^(1 - 2 alpha) times a beta function
    exact = 2 * beta_function(alpha - 0.5, 0.5) * (radius / 2) ** (1 - 2 * alpha)
    assert found == pytest.approx(exact, rel=1e-7)


def test_what_has_no_value() -> None:
    double = parse_model("double_beta")
    assert np.isnan(double.averages(np.array([[1, 3, 1, 0.5, 0.7, 0.0]]), EDGES)).all()
    steep = parse_model("power_law").averages(np.array([[1, 2.5, 0.0]]), EDGES)[0]
    assert not np.isfinite(steep[0])
    assert np.isfinite(steep[1:]).all()


def test_unknown_model() -> None:
    with pytest.raises(ParameterError, match="did you mean 'beta'"):
        parse_model("betta")
