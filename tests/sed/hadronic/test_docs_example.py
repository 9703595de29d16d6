"""The hadronic example of docs/sed.md prints what stands below it."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "sed.md"


def test_example(capsys: pytest.CaptureFixture[str]) -> None:
    section = PAGE.read_text().split("\n## Hadronic processes\n")[1].split("\n## ")[0]
    code, expected = re.findall(r"```python\n(.*?)```\s+```\n(.*?)```", section, re.DOTALL)[0]
    exec(compile(code, str(PAGE), "exec"), {})
    generations, kept = capsys.readouterr().out.split()
    shown_generations, shown_kept = expected.split()
    assert generations == shown_generations
    assert float(kept.strip("[]")) == pytest.approx(float(shown_kept.strip("[]")), abs=5e-3)
