"""What of a model is absorption, and the model without it."""

import numpy as np
import pytest

from xsurvey.errors import ParameterError
from xsurvey.sed.flux_points.unabsorbed import (
    UnabsorbedSpectrum,
    absorption_of,
    without_components,
)
from xsurvey.spectra.flux import ERG_PER_KEV
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings

EDGES = np.geomspace(0.3, 10, 200)


@pytest.mark.parametrize(
    ("text", "named", "expected"),
    [
        ("tbabs*powerlaw", (), ("tbabs",)),
        ("constant*tbabs*ztbabs*highecut*powerlaw", (), ("tbabs", "ztbabs")),
        ("tbabs*(powerlaw+phabs*powerlaw)", (), ("tbabs", "phabs")),
        ("powerlaw", (), ()),
        ("tbabs*zphabs*powerlaw", ("TBabs",), ("tbabs",)),
        ("tbabs*zphabs*powerlaw", ("none",), ()),
        ("redden*tbabs*powerlaw", ("redden", "tbabs"), ("redden", "tbabs")),
    ],
)
def test_which_components(text: str, named: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert absorption_of(parse_expression(text), named) == expected


@pytest.mark.parametrize(
    ("text", "named", "cause"),
    [
        ("tbabs*powerlaw", ("phabs",), "'phabs' is no factor of tbabs*powerlaw"),
        ("tbabs*powerlaw", ("powerlaw",), "'powerlaw' is no factor"),
        ("edge*tbabs*powerlaw", (), "edge of edge*tbabs*powerlaw may be on the way"),
    ],
)
def test_what_is_refused(text: str, named: tuple[str, ...], cause: str) -> None:
    with pytest.raises(ParameterError, match=cause.replace("*", r"\*")):
        absorption_of(parse_expression(text), named)


def test_without_is_with_no_column() -> None:
    """Also in parentheses, convolutions and sums of factors."""
    for text in ("tbabs*(powerlaw+phabs*bbody)", "gsmooth*(tbabs*powerlaw)",
                 "(constant*tbabs+constant)*powerlaw"):  # fmt: skip
        expression = parse_expression(text)
        removed = absorption_of(expression)
        values = np.array([p.definition.default for p in expression.parameters])
        clear = values.copy()
        for component in expression.components:
            if component.name in removed:
                clear[component.first] = 0.0
        pruned = ModelEvaluator(without_components(expression, removed), EDGES)
        assert pruned(values) == pytest.approx(ModelEvaluator(expression, EDGES)(clear), rel=1e-12)


def test_a_bare_term_of_a_sum_of_factors_is_refused() -> None:
    expression = parse_expression("(tbabs+constant)*powerlaw")
    with pytest.raises(ParameterError, match="is a term of a sum of factors"):
        without_components(expression, ("tbabs",))


def test_a_power_law_is_its_own_spectrum() -> None:
    expression = parse_expression("tbabs*powerlaw")
    spectrum = UnabsorbedSpectrum(expression, ("tbabs",), ModelSettings(), (0.5, 7.0))
    rows = np.array([[0.5, 1.7, 2e-3], [2.0, 2.5, 1e-3]])
    energy = np.array([0.5, 1.234, 7.0])
    expected = rows[:, 2:] * energy ** (2 - rows[:, 1:2]) * ERG_PER_KEV
    assert spectrum(rows, energy) == pytest.approx(expected, rel=1e-5)
    assert np.abs(spectrum.roughness(rows[0], energy)).max() < 1e-3


def test_lines_are_rough() -> None:
    expression = parse_expression("powerlaw+gaussian")
    spectrum = UnabsorbedSpectrum(expression, (), ModelSettings(), (0.5, 7.0))
    rough = spectrum.roughness(np.array([1.7, 1e-3, 6.4, 0.01, 1e-3]), np.array([2.0, 6.4]))
    assert abs(rough[0]) < 1e-3
    assert rough[1] > 0.5
