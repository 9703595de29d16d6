"""Run all tasks, and print or write what both sides found and what it took."""

from __future__ import annotations

import datetime
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.command import benchmark
from benchmarks.compare.comparing import compare
from benchmarks.compare.page import write_page
from benchmarks.compare.tasks import NOT_RUN, TASKS


def run(
    seed: int, fraction: float, page: str | None = None, only: str | None = None
) -> dict[str, Any]:
    """Compare xsurvey with packages that pip can install, on the same inputs.

    Each side of a task is one script, run in a process of its own with one thread: once to fill
    its caches, then three times, in turns with the other side. What cannot run says why.
    """
    names = [task.name for task in TASKS]
    chosen = only.split(",") if only else names
    if not set(chosen) <= set(names):
        raise SystemExit(f"--only {only}: the tasks are {', '.join(names)}")
    result: dict[str, Any] = {
        "date": datetime.date.today().isoformat(), "seed": seed, "machine": _machine(),
        "not_run": NOT_RUN, "tasks": [],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for number, task in enumerate(TASKS):
            if task.name in chosen:
                print(task.title, file=sys.stderr)
                place = Path(folder) / task.name
                place.mkdir()
                result["tasks"].append(compare(task, place, seed + number, fraction))
    if page:
        write_page(Path(page), result)
    return result


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
