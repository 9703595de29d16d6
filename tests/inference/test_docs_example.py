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
        # other libraries, or another processor's kernels of them, make other chains of the same
        # posterior; the effective size, the one number in thousands, differs most
        values = [[float(n) for n in numbers.findall(t)] for t in (shown, expected)]
        for got, wanted in zip(*values, strict=True):
            if wanted > 1000:
                assert wanted / 3 < got < wanted * 3
            else:
                assert got == pytest.approx(wanted, rel=0.3, abs=0.05)
