"""The example of docs/inference.md prints what the page says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "inference.md"


def test_the_example_prints_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    pairs = re.findall(r"```python\n(.*?)```\s+```\n(.*?)```", text, re.DOTALL)
    assert len(pairs) == 2
    names: dict[str, object] = {"__name__": "example"}
    numbers = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")
    for code, expected in pairs:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(PAGE), "exec"), names)
        shown = printed.getvalue()
        assert numbers.sub("N", shown).split() == numbers.sub("N", expected).split()
        # other versions of the libraries may make other chains of the same posterior
        values = [[float(n) for n in numbers.findall(t)] for t in (shown, expected)]
        assert values[0] == pytest.approx(values[1], rel=0.3, abs=0.05)
