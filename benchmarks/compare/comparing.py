"""Do a task on both sides: inputs, environments, runs in turns, checks; what fails says why."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.command import trials
from benchmarks.compare.environments import (
    PEERS,
    CannotRun,
    library_variables,
    make_environment,
    pinned,
)
from benchmarks.compare.measuring import Cost, last_record, run_script, typical, user_lines
from benchmarks.compare.readings import Record
from benchmarks.compare.tasks import SCRIPTS, Check, Task

ROOT = Path(__file__).resolve().parents[2]
RUNS = 3
"""Measured runs of a script, after one that fills its caches."""
Side = dict[str, Any]


def compare(task: Task, folder: Path, seed: int, fraction: float) -> dict[str, Any]:
    """Return the record of one task: what both sides found and took, or why they did not run."""
    sides: dict[str, Side] = {
        "xsurvey": _side(task.ours, importlib.metadata.version("xsurvey")),
        task.peer: _side(task.theirs, pinned(task.peer)[task.peer]),
    }
    if task.read is None:
        sides["xsurvey"]["not_run"] = task.not_yet
    with recorded(sides[task.peer]):
        make_environment(task.peer)
    with recorded(*(side for side in sides.values() if "not_run" not in side)):
        task.make(folder, seed, fraction)
    _take_turns(sides, {
        "xsurvey": lambda: run_ours(task.ours, task, folder),
        task.peer: lambda: run_theirs(task.theirs, task, folder),
    }, trials(RUNS, fraction))  # fmt: skip
    return {
        "name": task.name, "title": task.title, "data": task.data, "peer": task.peer,
        "peer_title": PEERS[task.peer].title, "seed": seed, "sides": sides,
        "quantities": [q._asdict() for q in task.quantities],
        "checks": [_check(check, task, folder, sides) for check in task.checks],
    }  # fmt: skip


def _take_turns(
    sides: dict[str, Side], runners: dict[str, Callable[[], tuple[Cost, Record]]], runs: int
) -> None:
    """Run both sides in turns, so that a busy machine is so for both, and record the medians."""
    costs: dict[str, list[Cost]] = {name: [] for name in runners}
    for turn in range(1 + runs):
        for name in (n for n in runners if "not_run" not in sides[n]):
            with recorded(sides[name]):
                cost, sides[name]["values"] = runners[name]()
                if turn:
                    costs[name].append(cost)
    for name, taken in costs.items():
        if "not_run" not in sides[name]:
            sides[name] |= typical(taken)


def _check(check: Check, task: Task, folder: Path, sides: dict[str, Side]) -> dict[str, Any]:
    """Return the record of a check, which runs where its side did."""
    record = {**check._asdict(), "script": _relative(SCRIPTS / check.script)}
    if "not_run" in sides[check.side]:
        return record | {"not_run": f"{check.side} did not run"}
    run = run_ours if check.side == "xsurvey" else run_theirs
    with recorded(record):
        _, record["values"] = run(SCRIPTS / check.script, task, folder)
    return record


def run_ours(script: Path, task: Task, folder: Path) -> tuple[Cost, Record]:
    """Run a shell script of xsurvey's commands, and read what they wrote."""
    assert task.read is not None
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    cost = run_script(
        ["sh", "-e", str(script)], folder, folder / "home_xsurvey",
        {"PATH": path, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        return cost, task.read(folder)
    except (OSError, KeyError, ValueError) as error:
        raise CannotRun(f"its result cannot be read: {error!r}") from error


def run_theirs(script: Path, task: Task, folder: Path) -> tuple[Cost, Record]:
    """Run a script in the peer's environment, and read its last line."""
    cost = run_script(
        [str(make_environment(task.peer)), str(script)], folder, folder / f"home_{task.peer}",
        library_variables(task.peer),
    )  # fmt: skip
    return cost, last_record(cost.output)


def _side(script: Path, version: str) -> Side:
    if not script.exists():
        return {"version": version}
    return {"version": version, "script": _relative(script), "lines": user_lines(script)}


def _relative(script: Path) -> str:
    return script.relative_to(ROOT).as_posix()


@contextmanager
def recorded(*sides: Side) -> Iterator[None]:
    """Write why something cannot run into the records of sides, and go on."""
    try:
        yield
    except CannotRun as error:
        print(f"not run: {error}", file=sys.stderr)
        for side in sides:
            side["not_run"] = str(error)
