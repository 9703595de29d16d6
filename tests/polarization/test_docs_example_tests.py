"""The example of docs/polarization_tests.md prints what the page says."""

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "polarization_tests.md"


def test_the_example_prints_what_the_page_says() -> None:
    code, said = re.findall(r"```(?:python)?\n(.*?)```", PAGE.read_text(), re.DOTALL)[:2]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, str(PAGE), "exec"), {})
    # sums in another order on another processor may change a last digit: words and rough numbers
    number = re.compile(r"-?\d+\.?\d*")
    assert number.sub("#", out.getvalue()) == number.sub("#", said)
    for found, printed in zip(number.findall(out.getvalue()), number.findall(said), strict=True):
        assert abs(float(found) - float(printed)) <= 0.02 * abs(float(printed)) + 0.002
