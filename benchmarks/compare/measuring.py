"""What a script takes: CPU of imports and of work, peak memory, lines of code."""

from __future__ import annotations

import ast
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.compare.environments import CannotRun, cause

HERE = Path(__file__).parent
LIMIT = 1800
"""Seconds that a script may take."""
MARK = "# what the comparison reads"
"""Below this line of a script is no user's code: it writes values down for the comparison."""
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")


class Cost(NamedTuple):
    """What one run of a script took, and what it printed."""

    imports_s: float
    work_s: float
    wall_s: float
    peak_mb: float
    output: str


def one_thread(home: Path) -> dict[str, str]:
    """Return variables that give all libraries one thread, and nothing of the user's settings."""
    return {
        **{f"{name}_NUM_THREADS": "1" for name in _THREADS},
        "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"),
        "XSURVEY_CACHE": str(home / "xsurvey"), "MPLBACKEND": "Agg", "PYTHONHASHSEED": "0",
    }  # fmt: skip


def run_script(command: list[str], folder: Path, home: Path, variables: Mapping[str, str]) -> Cost:
    """Run a command in a folder and measure it.

    Parameters
    ----------
    command : list of str
    folder : Path
        Working directory, which has the inputs.
    home : Path
        The user's folder; caches of fonts and the like stay in it from run to run.
    variables : mapping
        Further variables of its environment.

    Raises
    ------
    CannotRun
        It failed, with its last words, or took too long.
    """
    home.mkdir(parents=True, exist_ok=True)
    report, imports = home / "report.json", home / "imports.txt"
    report.unlink(missing_ok=True)
    imports.unlink(missing_ok=True)
    environment = {**os.environ, **one_thread(home), **variables, "COMPARE_IMPORTS": str(imports)}
    path = [str(HERE / "hooks"), variables.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(p for p in path if p)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(HERE / "child.py"), str(report), str(LIMIT), *command],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = json.loads(report.read_text()) if report.exists() else {"exit": "nothing"}
    if found["exit"] == -9:
        raise CannotRun(f"it was killed: out of memory, or longer than {LIMIT} s")
    if found["exit"] != 0:
        raise CannotRun(f"it ended with {found['exit']}: {cause(done.stderr, done.stdout)}")
    spent = sum(map(float, imports.read_text().split())) if imports.exists() else 0.0
    return Cost(spent, found["cpu_s"] - spent, found["wall_s"], found["peak_mb"], done.stdout)


def typical(costs: list[Cost]) -> dict[str, Any]:
    """Return the medians of several runs, for the record."""
    names = ("imports_s", "work_s", "wall_s", "peak_mb")
    return {
        "runs": len(costs),
        **{n: round(statistics.median(getattr(c, n) for c in costs), 3) for n in names},
    }


def user_lines(script: Path) -> int:
    """Return the lines of user's code: none that is blank, comment, docstring or below MARK."""
    text = script.read_text().partition(MARK)[0]
    lines = text.splitlines()
    skipped: set[int] = set()
    if script.suffix == ".py":
        first = next(iter(ast.parse(text).body), None)
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            skipped = set(range(first.lineno - 1, first.end_lineno or first.lineno))
    return sum(
        1 for number, line in enumerate(lines)
        if number not in skipped and line.strip() and not line.strip().startswith("#")
    )  # fmt: skip


def last_record(output: str) -> dict[str, Any]:
    """Return the JSON of the last line of an output: libraries chatter before it.

    Raises
    ------
    CannotRun
        There is none.
    """
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise CannotRun(f"it printed no result: {cause(output)}")
    return dict(json.loads(lines[-1]))
