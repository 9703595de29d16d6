"""The engine at scale: overhead of a task, workers, memory and resuming against numbers of tasks.

Stages do nothing, or are busy for a given time, so that what is measured is the engine's. Each
measurement is a process of its own, of which the memory is the highest resident set.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.command import benchmark, trials
from xsurvey.engine import Plan, Stage, Store, Task, TaskContext, run_plan
from xsurvey.engine import store as store_module
from xsurvey.engine.parts import PARTS_FILE, write_parts

NOTHING = 2000
"""Tasks that do nothing, for the overhead."""

BUSY = 120
"""Tasks that are busy for a second, for the workers' speed-up."""

ELEMENT_SECONDS = 2e-4
PART_SECONDS = 1.0
ELEMENTS = (10_000, 100_000, 1_000_000)
RESUMED = (1_000, 10_000, 100_000)


def nothing(context: TaskContext) -> dict[str, Any]:
    """Write a file of a line."""
    (context.folder / "out.txt").write_text(f"{context.target}\n")
    return {"value": 1.0}


def busy(context: TaskContext) -> dict[str, Any]:
    """Spend a second of processor time."""
    _spend(1.0)
    return nothing(context)


def divide(context: TaskContext) -> dict[str, Any]:
    """List as many elements as the target says, in parts of a second."""
    number, size = int(context.target), round(PART_SECONDS / ELEMENT_SECONDS)
    names = (f"source_{i:07d}" for i in range(number))
    write_parts(
        context.folder / PARTS_FILE,
        ([next(names) for _ in range(min(size, number - i))] for i in range(0, number, size)),
    )
    return {"elements": number}


def measure(context: TaskContext) -> dict[str, Any]:
    """Be busy with each element, and write a row of it."""
    with (context.folder / "rows.txt").open("w") as stream:
        for element in context.elements:
            _spend(ELEMENT_SECONDS)
            stream.write(f"{element} 1.0 2.0 3.0\n")
    return {}


def join(context: TaskContext) -> dict[str, Any]:
    """Count the rows of all members, one after the other."""
    rows = 0
    for path in context.paths("rows"):
        with path.open("rb") as stream:
            rows += sum(1 for _ in stream)
    (context.folder / "count.txt").write_text(f"{rows}\n")
    return {"rows": rows}


NOTHING_STAGE = Stage("nothing", "1", nothing, ("out.txt",))
BUSY_STAGE = Stage("busy", "1", busy, ("out.txt",))
FIRST = Stage("first", "1", nothing, ("out.txt",))
SECOND = Stage("second", "1", nothing, ("out.txt",), inputs=("first",))
DIVIDE = Stage("divide", "1", divide, (PARTS_FILE,))
MEASURE = Stage("measure", "1", measure, ("rows.txt",))
JOIN = Stage("join", "1", join, ("count.txt",), inputs=("rows",))


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure the engine's overhead, speed-up, memory and time to resume."""
    pairs = [{n: _measured("workers", trials(BUSY, fraction), n) for n in (1, 2)} for _ in range(2)]
    return {
        "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
        "overhead": _measured("overhead", trials(NOTHING, fraction), 2),
        "workers": {
            "runs": pairs,
            "speed_up": [round(p[1]["wall_seconds"] / p[2]["wall_seconds"], 2) for p in pairs],
        },
        "elements": [_measured("elements", trials(n, fraction), 2) for n in ELEMENTS],
        "resume": [_measured("resume", trials(n, fraction), 2) for n in RESUMED],
    }  # fmt: skip


def _measured(what: str, number: int, workers: int) -> dict[str, Any]:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine_scale", f"--{what}", str(number), str(workers)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def overhead(number: int, workers: int) -> dict[str, Any]:
    """Do tasks that do nothing."""
    return _timed(Plan([Task(NOTHING_STAGE, f"t{i}") for i in range(number)]), workers, number)


def speed_up(number: int, workers: int) -> dict[str, Any]:
    """Do tasks of a second each."""
    return _timed(Plan([Task(BUSY_STAGE, f"t{i}") for i in range(number)]), workers, number)


def elements(number: int, workers: int) -> dict[str, Any]:
    """Do a family of so many elements, then the finished plan again."""
    divided = Task(DIVIDE, str(number))
    family = Task(MEASURE, str(number), over=divided.output(PARTS_FILE))
    plan = Plan([Task(JOIN, str(number), {"rows": family.output("rows.txt")})])
    with tempfile.TemporaryDirectory() as name:
        first = _timed(plan, workers, number, Path(name))
        again = _timed(plan, workers, number, Path(name))
        files = [
            len(list(folder.iterdir())) for folder in (Path(name) / ".xsurvey/tasks").iterdir()
        ]
        used = sum(p.stat().st_size for p in Path(name).rglob("*") if p.is_file())
    return {
        **first, "resume_seconds": again["wall_seconds"], "most_files_in_a_folder": max(files),
        "store_mb": round(used / 1e6, 1),
    }  # fmt: skip


def resume(number: int, _: int) -> dict[str, Any]:
    """Resume a finished plan of so many tasks, half of which need another's result."""
    firsts = [Task(FIRST, f"t{i}") for i in range(number // 2)]
    started = time.perf_counter()
    plan = Plan([Task(SECOND, t.target, {"first": t.output("out.txt")}) for t in firsts])
    planned = time.perf_counter() - started
    memory = _memory()
    with tempfile.TemporaryDirectory() as name:
        # power cuts are no part of this: a finished plan is wanted soon
        sync, store_module._sync = store_module._sync, lambda path: None
        before = run_plan(plan, Store(Path(name)), workers=0)
        store_module._sync = sync
        assert before.ok
        again = _timed(plan, 2, number, Path(name))
    return {
        "tasks": len(plan.tasks), "plan_seconds": round(planned, 2),
        "resume_seconds": again["wall_seconds"], "plan_memory_mb": memory,
        "memory_mb": again["memory_mb"],
    }  # fmt: skip


def _timed(plan: Plan, workers: int, number: int, folder: Path | None = None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        output = folder or Path(name)
        before, started = _processor(), time.perf_counter()
        result = run_plan(
            plan, Store(output), workers=workers, summary=output / "run.json", config={}
        )
        wall = time.perf_counter() - started
        assert result.ok, result.failed[:1]
    own, others = (after - b for after, b in zip(_processor(), before, strict=True))
    return {
        "tasks": number, "workers": workers, "wall_seconds": round(wall, 2),
        "client_and_scheduler_cpu_seconds": round(own, 2),
        "workers_cpu_seconds": round(others, 2),
        "client_and_scheduler_ms_a_task": round(1e3 * own / number, 3),
        "memory_mb": _memory(),
    }  # fmt: skip


def _spend(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def _processor() -> tuple[float, float]:
    """Return processor seconds of this process, which has the scheduler, and of its children."""
    own, children = (
        resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


def _memory() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1)


MEASUREMENTS: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "--overhead": overhead, "--workers": speed_up, "--elements": elements, "--resume": resume,
}  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] in MEASUREMENTS:
        print(json.dumps(MEASUREMENTS[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))))
    else:
        benchmark(run, seed=20261126, libraries=("dask", "distributed"))
