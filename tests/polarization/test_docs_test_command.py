"""The command of docs/polarization_tests.md prints what the page says."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .made_fields import write_responses
from .moving_events import DAY, write_moving, write_series

PAGE = Path(__file__).resolve().parents[2] / "docs" / "polarization_tests.md"
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def test_the_command_prints_what_the_page_says(
    run_command: Callable[..., Any], tmp_path: Path
) -> None:
    section = PAGE.read_text().split("## Event files", 1)[1]
    command, said = re.findall(r"```(?:bash)?\n(.*?)```", section, re.DOTALL)[:2]
    paths = write_moving(
        tmp_path / "rotating", 40_000, 0.3, lambda t: 50 * t / DAY - 20, background=6000
    )
    write_series(tmp_path / "optical.ecsv", 50)
    (tmp_path / "source.reg").write_text('icrs\ncircle(150.0,2.2,60")\n')
    (tmp_path / "annulus.reg").write_text('icrs\nannulus(150.0,2.2,120",240")\n')
    words = shlex.split(command)[1:]
    at = words.index("blazar_du?.fits")
    words[at : at + 1] = map(str, paths)
    irf = write_responses(tmp_path / "caldb")
    done = run_command(*words, "--irf", irf, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "angle.png").exists()
    assert (tmp_path / "tests.json").exists()
    found = done.stdout[: done.stdout.index("responses:")]
    assert NUMBER.sub("#", found).split() == NUMBER.sub("#", said).split()
    for here, there in zip(NUMBER.findall(found), NUMBER.findall(said), strict=True):
        if "e-" in here:  # the exponent
            assert abs(float(here.split("e")[1]) - float(there.split("e")[1])) <= 1
        else:
            assert abs(float(here) - float(there)) <= 0.02 * abs(float(there)) + 0.02
