"""The examples of docs/sed.md print what the page says."""

import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from xsurvey.io.datasets import get_dataset, is_installed

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sed.md").read_text()
_NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")


@pytest.fixture
def mrk421(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a copy of the table."""
    dataset = get_dataset("mrk421")
    if not is_installed(dataset):
        pytest.skip("the table of Mrk 421 is not installed (xsurvey data install mrk421)")
    shutil.copy(dataset.path, tmp_path)
    monkeypatch.chdir(tmp_path)


def same(shown: str, expected: str, tolerance: float) -> None:
    """Assert that texts agree, and their numbers to what other libraries may change."""
    assert _NUMBER.sub("N", shown).split() == _NUMBER.sub("N", expected).split()
    values = [[float(n) for n in _NUMBER.findall(text)] for text in (shown, expected)]
    assert values[0] == pytest.approx(values[1], rel=tolerance)


def test_the_command(mrk421: None, call: Callable[..., tuple[int, str, str]]) -> None:
    code, expected = re.findall(r"```bash\n([^`]*)```\s+```\n(.*?)```", PAGE, re.DOTALL)[0]
    status, out, errors = call(*shlex.split(code.strip().splitlines()[-1])[1:])
    assert status == 0
    same(out + errors, expected, 2e-3)
    assert Path("sed_fit.png").read_bytes().startswith(b"\x89PNG")


def test_the_points_of_a_spectrum(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = get_dataset("3c273")
    if not is_installed(dataset):
        pytest.skip("3C 273 is not installed (xsurvey data install 3c273)")
    for path in dataset.path.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    section = PAGE.partition("## X-ray points from spectra")[2]
    code, expected = re.findall(r"```bash\n([^`]*)```\s+```\n(.*?)```", section, re.DOTALL)[0]
    status, out, errors = call(*shlex.split(code.strip().splitlines()[-1])[1:])
    assert status == 0
    same(out + errors, expected, 2e-2)  # errors are shown by two digits
    assert Path("sed_points.png").read_bytes().startswith(b"\x89PNG")


def test_the_example_in_python(mrk421: None) -> None:
    check_example(0)


def test_the_models_in_python() -> None:
    check_example(1)


def check_example(number: int) -> None:
    """Assert that an example in Python prints what stands below it."""
    # code with what it prints below it
    pairs = re.findall(r"```python\n((?:(?!```).)*)```\s+```\n(.*?)```", PAGE, re.DOTALL)
    code, expected = pairs[number]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "sed.md", "exec"), {"__name__": "example"})
    same(printed.getvalue(), expected, 5e-3)


def test_fluxes_and_polarization_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[..., tuple[int, str, str]]
) -> None:
    """What the page simulates, and the statistic of its fit; that of a chain is the same."""
    section = PAGE.split("\n## Fluxes and polarization together\n")[1]
    code, command, expected = re.findall(r"```(?:python|bash|)\n(.*?)```", section, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "sed.md", "exec"), {"__name__": "example"})
    words = shlex.split(command.partition(" --mcmc ")[0])[1:]
    status, out, errors = call(*words, "--starts", "1", "--no-intervals")
    assert status == 0
    same(out.splitlines()[0], expected.splitlines()[0], 2e-3)
    notes = [line for line in expected.splitlines() if line.startswith("xsurvey: note")]
    assert errors.splitlines() == notes
    for row in (row for row in expected.splitlines() if "Hz: " in row):
        assert row.split("; model")[0] in out
