"""Polarized expressions taken apart, and their Stokes parameters."""

import numpy as np
import pytest

from xsurvey.errors import ParameterError
from xsurvey.polarization.spectra.polarized_terms import parse_polarized
from xsurvey.polarization.spectra.stokes_model import PolarizedSpectrum
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings

from .conftest import EDGES


@pytest.mark.parametrize(
    ("text", "whole", "terms"),
    [
        ("polconst*powerlaw", "powerlaw", ["powerlaw"]),
        ("tbabs*(pollin*powerlaw)", "tbabs*powerlaw", ["tbabs*powerlaw"]),
        ("polpow(bbody+powerlaw)", "bbody+powerlaw", ["bbody+powerlaw"]),
        (
            "tbabs*(polconst*bbody+polconst*powerlaw+gaussian)",
            "tbabs*(bbody+powerlaw+gaussian)", ["tbabs*bbody", "tbabs*powerlaw"],
        ),
        ("polconst*cflux*powerlaw", "cflux(powerlaw)", ["cflux(powerlaw)"]),
        ("powerlaw*tbabs*polconst", "powerlaw*tbabs", ["powerlaw*tbabs"]),
    ],
)  # fmt: skip
def test_terms(text: str, whole: str, terms: list[str]) -> None:
    found = parse_polarized(text)
    assert found.whole.expression.text == whole
    assert [t.expression.text for t in found.terms] == terms
    for term in (found.whole, *found.terms):
        names = [found.expression.parameters[c].name for c in term.columns]
        assert names == [p.name for p in term.expression.parameters]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("powerlaw", "polarizes nothing"),
        ("polconst*(polconst*bbody+powerlaw)", "polconst and polconst_2 polarize the same"),
        ("polconst*pollin*powerlaw", "polconst and pollin polarize the same"),
        ("cflux*(polconst*powerlaw)", "cflux acts on a polarization"),
        ("(polconst+tbabs)*powerlaw", "adds a polarization"),
        ("polconst", "no additive component"),
        ("polconstant*powerlaw", "no such model"),
    ],
)
def test_what_cannot_be_polarized(text: str, cause: str) -> None:
    with pytest.raises(ParameterError, match=cause):
        parse_polarized(text)


def test_stokes_parameters_add_up_over_components() -> None:
    text = "constant*(polconst*bbody+polconst*powerlaw+gaussian)"
    spectrum = PolarizedSpectrum(parse_polarized(text), EDGES, ModelSettings())
    # factor; degree, angle, kT, norm; degree, angle, index, norm; line
    row = [2.0, 0.6, 10.0, 0.5, 0.01, 0.2, 100.0, 2.0, 0.02, 6.4, 0.1, 1e-3]
    i, q, u = spectrum(np.array([row]))[:, 0]

    def flux(part: str, values: list[float]) -> np.ndarray:
        return 2 * ModelEvaluator(parse_expression(part), EDGES)(np.array(values))

    body, law = flux("bbody", [0.5, 0.01]), flux("powerlaw", [2.0, 0.02])
    line = flux("gaussian", [6.4, 0.1, 1e-3])
    assert np.allclose(i, body + law + line, rtol=1e-12)
    twice = np.radians([20.0, 200.0])
    assert np.allclose(q, 0.6 * np.cos(twice[0]) * body + 0.2 * np.cos(twice[1]) * law)
    assert np.allclose(u, 0.6 * np.sin(twice[0]) * body + 0.2 * np.sin(twice[1]) * law)
    assert spectrum.description["polconst_2"] == "closed form of polconst"


def test_a_batch_has_the_numbers_of_its_rows_and_is_not_written_over() -> None:
    spectrum = PolarizedSpectrum(parse_polarized("pollin*powerlaw"), EDGES, ModelSettings())
    rows = np.random.default_rng(1).uniform([0, 0, -80, -2, 1, 0.1], [1, 0.1, 80, 2, 3, 1], (7, 6))
    together = spectrum(rows)
    alone = np.concatenate([spectrum(row[None]) for row in rows], axis=1)
    assert np.allclose(together, alone, rtol=1e-12, atol=0)
    assert np.array_equal(spectrum(rows), together)
    with pytest.raises(ValueError, match="read-only"):
        together[0, 0, 0] = 1.0


def test_degree_and_angle_by_energy() -> None:
    spectrum = PolarizedSpectrum(parse_polarized("pollin*powerlaw"), EDGES, ModelSettings())
    degree, angle = spectrum.degree_and_angle(np.array([[0.1, 0.05, 70.0, 5.0, 2.0, 1.0]]))
    assert np.allclose(degree[0], 0.1 + 0.05 * (spectrum.energy - 1))
    expected = (70 + 5 * (spectrum.energy - 1) + 90) % 180 - 90
    assert np.allclose(angle[0], expected)


def test_a_model_without_a_value_is_nan_in_all_of_them() -> None:
    spectrum = PolarizedSpectrum(parse_polarized("polconst*powerlaw"), EDGES, ModelSettings())
    assert np.isnan(spectrum(np.array([[0.1, 0.0, 50.0, 1.0]]))).all()
