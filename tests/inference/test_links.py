"""Links: arithmetic of parameters, and nothing else."""

import ast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import ParameterError
from xsurvey.inference.links import parse_link

NAMES = ["apec.kt", "apec.norm", "2:apec.norm"]
ROWS = np.array([[2.0, 3.0, 5.0], [-1.0, 0.5, 4.0]])


def find(name: str) -> int:
    if name.lower() not in NAMES:
        raise ParameterError(name, "unknown", "look")
    return NAMES.index(name.lower())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("apec.kT", [2, -1]), ("2*apec.kT", [4, -2]), ("-apec.kT", [-2, 1]),
        ("+apec.kT - 1.5e1", [-13, -16]), ("2:apec.norm / apec.norm", [5 / 3, 8]),
        ("apec.kT**2 + apec.norm", [7, 1.5]), ("2*(apec.kT+apec.norm)", [10, -1]),
        ("1/(apec.kT+apec.kT)", [0.25, -0.5]), (" apec.KT ", [2, -1]),
    ],
)  # fmt: skip
def test_arithmetic(text: str, value: list[float]) -> None:
    link = parse_link(text, find, "link")
    assert link.evaluate(ROWS) == pytest.approx(value)
    assert link.text == text.strip()


def test_what_has_no_value_is_not_finite() -> None:
    assert not np.isfinite(parse_link("apec.kT / 0", find, "link").evaluate(ROWS)).any()
    assert np.isnan(parse_link("apec.kT ** 0.5", find, "link").evaluate(ROWS)[1])
    assert not np.isfinite(parse_link("apec.kT*9**9**9**9", find, "link").evaluate(ROWS)).any()


@pytest.mark.parametrize(
    "text",
    [
        "", "3", "2*", "apec.kT apec.norm", "apec.kT +", "(apec.kT", "p0 + apec.kT",
        "p7*apec.kT", "apec.kT if 1 else 2", "exp(apec.kT)", "apec.kT[0]", "apec.kT.real",
        "apec.kT < 3", "apec.kT // 2", "apec.kT % 2", "1j*apec.kT", "e*apec.kT", "__import__('os')",
        "lambda: apec.kT", "apec.kT, apec.norm", "not apec.kT", "~apec.kT", "apec.kT\n+1;2",
        "apec.kT+" + "1+" * 200 + "1", "apec.kT*1e", "0x10*apec.kT",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="not arithmetic of parameters"):
        parse_link(text, find, "link")


def test_unknown_names_are_told() -> None:
    with pytest.raises(ParameterError, match=r"powerlaw\.norm"):
        parse_link("2*powerlaw.norm", find, "link")


def test_names_without_a_component() -> None:
    names = ["log10_B", "delta", "e1", "p"]

    def column(name: str) -> int:
        if name not in names:
            raise ParameterError(name, "unknown", "look")
        return names.index(name)

    rows = np.array([[-1.0, 20.0, 3.0, 2.5]])
    assert parse_link("2*delta - 1e1*p", column, "link").evaluate(rows) == pytest.approx([15])
    assert parse_link("log10_B + e1", column, "link").evaluate(rows) == pytest.approx([2])
    with pytest.raises(ParameterError, match="not arithmetic of parameters: detla is none"):
        parse_link("2*detla", column, "link")


@given(st.text(alphabet="apec.kT norm0123456789e+-*/()_:", max_size=40))
def test_random_text_is_arithmetic_or_an_error(text: str) -> None:
    try:
        link = parse_link(text, find, "link")
    except ParameterError:
        return
    assert link.evaluate(ROWS).shape == (2,)
    nodes = {type(n) for n in ast.walk(link._tree)}
    assert nodes <= {
        ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.Load, ast.Add, ast.Sub, ast.Mult,
        ast.Div, ast.Pow, ast.USub, ast.UAdd,
    }  # fmt: skip
