"""Run all tasks and print, or write, what both sides found and what it took."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.command import benchmark, trials
from benchmarks.compare.environments import (
    PEERS,
    CannotRun,
    library_variables,
    make_environment,
    pinned,
)
from benchmarks.compare.measuring import Cost, last_record, run_script, typical, user_lines
from benchmarks.compare.page import write_page
from benchmarks.compare.readings import Record
from benchmarks.compare.tasks import NOT_RUN, TASKS, Task

ROOT = Path(__file__).resolve().parents[2]
RUNS = 3
CONFIDENCE = 0.6827


def run(
    seed: int, fraction: float, page: str | None = None, only: str | None = None
) -> dict[str, Any]:
    """Compare xsurvey with packages that pip can install, on the same inputs.

    Each side of a task is one script, run in a process of its own with one thread: once to fill
    its caches, then three times, in turns with the other side. What cannot run says why.
    """
    chosen = [task for task in TASKS if only is None or task.name in only.split(",")]
    result: dict[str, Any] = {
        "confidence": CONFIDENCE, "machine": _machine(), "not_run": NOT_RUN, "tasks": []
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for number, task in enumerate(chosen):
            print(task.title, file=sys.stderr)
            place = Path(folder) / task.name
            place.mkdir()
            # the two fits of a spectrum, and any task alone, see what they see in a whole run
            result["tasks"].append(compare(task, place, seed + number, fraction))
    if page:
        write_page(Path(page), result)
    return result


def compare(task: Task, folder: Path, seed: int, fraction: float) -> dict[str, Any]:
    """Return the record of one task: what both sides found, or why they did not run."""
    sides: dict[str, Any] = {"xsurvey": _side(task.ours), task.peer: _side(task.theirs)}
    runners: dict[str, Callable[[], tuple[Cost, Record]]] = {}
    with _recorded(sides["xsurvey"], sides[task.peer]):
        task.make(folder, seed, fraction)
        if task.read is None:
            sides["xsurvey"] = {"version": _version("xsurvey"), "not_run": task.not_yet}
        else:
            sides["xsurvey"]["version"] = _version("xsurvey")
            runners["xsurvey"] = lambda: _ours(task, folder)
        with _recorded(sides[task.peer]):
            sides[task.peer]["version"] = pinned(task.peer)[task.peer]
            python = make_environment(task.peer)
            runners[task.peer] = lambda: _theirs(task, folder, python)
    costs: dict[str, list[Cost]] = {name: [] for name in runners}
    for turn in range(1 + trials(RUNS, fraction)):
        for name, runner in runners.items():
            if "not_run" in sides[name]:
                continue
            with _recorded(sides[name]):
                cost, sides[name]["values"] = runner()
                if turn:
                    costs[name].append(cost)
    for name, taken in costs.items():
        if "not_run" not in sides[name]:
            sides[name] |= typical(taken)
    return {
        "name": task.name, "title": task.title, "data": task.data, "peer": task.peer,
        "peer_title": PEERS[task.peer].title, "seed": seed, "sides": sides,
        "quantities": [q._asdict() for q in task.quantities],
    }  # fmt: skip


def _ours(task: Task, folder: Path) -> tuple[Cost, Record]:
    assert task.read is not None
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    cost = run_script(
        ["sh", "-e", str(task.ours)], folder, folder / "home_xsurvey",
        {"PATH": path, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return cost, task.read(folder)


def _theirs(task: Task, folder: Path, python: Path) -> tuple[Cost, Record]:
    cost = run_script(
        [str(python), str(task.theirs)], folder, folder / f"home_{task.peer}",
        library_variables(task.peer),
    )  # fmt: skip
    return cost, last_record(cost.output)


def _side(script: Path) -> dict[str, Any]:
    if not script.exists():
        return {}
    return {"script": str(script.relative_to(ROOT)), "lines": user_lines(script)}


@contextmanager
def _recorded(*sides: dict[str, Any]) -> Iterator[None]:
    """Write why something cannot run into the records of sides, and go on."""
    try:
        yield
    except CannotRun as error:
        print(f"not run: {error}", file=sys.stderr)
        for side in sides:
            side["not_run"] = str(error)


def _version(name: str) -> str:
    return importlib.metadata.version(name)


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    benchmark(
        run, seed=20261126,
        options={"page": "page whose table is written anew", "only": "tasks, with commas"},
    )  # fmt: skip
