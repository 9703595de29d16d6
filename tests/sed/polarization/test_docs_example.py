"""The example of docs/sed.md runs."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[3] / "docs" / "sed.md"


def test_example(capsys: pytest.CaptureFixture[str]) -> None:
    section = PAGE.read_text().split("\n## Polarization\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert np.all((np.asarray(names["synchrotron"]) > 0.69) & (np.asarray(names["compton"]) < 0.27))
    assert "[[35. 35.]]" in capsys.readouterr().out
