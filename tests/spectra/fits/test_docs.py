"""What docs/spectra/fitting.md and ARCHITECTURE.md show of fits is what happens."""

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from xsurvey.io.datasets import get_dataset, is_installed
from xsurvey.spectra.models import python_models
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.python_models import register_model

from .conftest import ENERGIES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "spectra" / "fitting.md").read_text()
_NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")


@pytest.fixture
def quasar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of copies of 3C 273's files."""
    dataset = get_dataset("3c273")
    if not is_installed(dataset):
        pytest.skip("3C 273 is not installed (xsurvey data install 3c273)")
    for file in dataset.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget the models that a test registers."""
    monkeypatch.setattr(python_models, "_REGISTERED", {})
    yield


def same(shown: str, expected: str) -> None:
    """Assert that texts agree, and their numbers to what other libraries may change."""
    assert _NUMBER.sub("N", shown).split() == _NUMBER.sub("N", expected).split()
    values = [[float(n) for n in _NUMBER.findall(text)] for text in (shown, expected)]
    assert values[0] == pytest.approx(values[1], rel=5e-3, abs=1e-20)


def fits() -> list[tuple[str, str]]:
    """Return commands of the page whose output follows them."""
    pairs = re.findall(r"```bash\n([^`]*)```\s+```\n(.*?)```", PAGE, re.DOTALL)
    return [(code.strip().splitlines()[-1], output) for code, output in pairs]


@pytest.mark.parametrize(("line", "expected"), fits(), ids=["wstat", "modelled"])
def test_commands(
    quasar: None, call: Callable[..., tuple[int, str, str]], line: str, expected: str
) -> None:
    status, out, errors = call(*shlex.split(line)[1:])
    assert status == 0, errors
    notes = [n for n in expected.splitlines() if n.startswith("xsurvey: note")]
    same(out, "\n".join(n for n in expected.splitlines() if n not in notes))
    assert set(notes) <= set(errors.splitlines())


def test_python(quasar: None) -> None:
    code, expected = re.findall(r"```python\n([^`]*)```\s+```\n(.*?)```", PAGE, re.DOTALL)[0]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "fitting.md", "exec"), {})
    same(printed.getvalue(), expected)


def own_models() -> list[str]:
    pages = (PAGE, (ROOT / "ARCHITECTURE.md").read_text())
    return [
        code
        for page in pages
        for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        if "PythonModel(" in code
    ]


def test_both_pages_show_a_model() -> None:
    assert len(own_models()) == 2


@pytest.mark.parametrize("code", own_models(), ids=["fitting", "architecture"])
def test_own_models(registry: None, code: str) -> None:
    """The example is XSPEC's ``logpar`` in natural logarithms."""
    names: dict[str, object] = {}
    exec(compile(code, "example", "exec"), names)
    register_model(names["CURVED"])  # type: ignore[arg-type]
    mine = ModelEvaluator(parse_expression("curved"), ENERGIES)
    theirs = ModelEvaluator(parse_expression("logpar"), ENERGIES)
    found = mine(np.array([1.7, 0.2, 3.0]))
    assert found == pytest.approx(theirs(np.array([1.7, 0.2 * np.log(10), 1.0, 3.0])), rel=1e-3)
