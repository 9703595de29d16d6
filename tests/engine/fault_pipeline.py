"""A pipeline whose targets misbehave as their names say, and the command line with it.

``python -m fault_pipeline run CONFIG ...`` is ``xsurvey run`` with the pipeline ``faults``.
"""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from xsurvey.config import Config
from xsurvey.engine import Plan, RunResult, Stage, Task, TaskContext
from xsurvey.engine.products import record_products
from xsurvey.errors import InputError
from xsurvey.io.atomic import atomic_output
from xsurvey.pipelines import _WHERE
from xsurvey.pipelines.base import Pipeline


def work(context: TaskContext) -> dict:
    """Write noise after doing what the target's name says."""
    fault = context.target.rstrip("0123456789")
    if fault in FAULTS:
        FAULTS[fault](context)
    noise = np.random.default_rng(context.seed).normal(size=2000)
    np.savetxt(context.folder / "noise.txt", noise + float(context.path("value").read_text()))
    return {"mean": float(noise.mean())}


def bad(context: TaskContext) -> None:
    raise InputError(context.path("value").name, "holds no numbers", "give a table of numbers")


def slow(context: TaskContext) -> None:
    time.sleep(0.4)


def segfault(context: TaskContext) -> None:
    ctypes.string_at(0)


def killed(context: TaskContext) -> None:
    """Die by SIGKILL, the first time only."""
    mark = context.path("value").with_suffix(".killed")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def dies(context: TaskContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang(context: TaskContext) -> None:
    """Hang in C code that keeps the interpreter's lock, so that no Python can run."""
    ctypes.PyDLL(None).sleep(600)


def held(context: TaskContext) -> None:
    """Keep the interpreter's lock for a while, then go on."""
    mark = context.path("value").with_suffix(".held")
    if not mark.exists():
        mark.write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(600)


def hungry(context: TaskContext) -> None:
    """Take memory, fast."""
    taken = []
    while True:
        taken.append(np.ones(1_000_000))
        time.sleep(0.005)


def leaves(context: TaskContext) -> None:
    sys.exit(3)


def large(context: TaskContext) -> None:
    (context.folder / "large.bin").write_bytes(bytes(8_000_000))


def array(context: TaskContext) -> None:
    """Write much through a library that tells of a short write without the system's number."""
    np.ones(1_000_000).tofile(context.folder / "large.bin")


FAULTS = {
    f.__name__: f
    for f in (bad, slow, segfault, killed, dies, hang, held, hungry, leaves, large, array)
}


def join(context: TaskContext) -> dict:
    """Join what there is."""
    parts = [path.read_text() for path in context.paths("noise")]
    parts += [f"# {target}: {cause}\n" for target, cause in context.missing.items()]
    (context.folder / "all.txt").write_text("".join(parts))
    return {"targets": len(context.paths("noise"))}


WORK = Stage("work", "1", work, ("noise.txt",), inputs=("value",))
JOIN = Stage("join", "1", join, ("all.txt",), inputs=("noise",), needs_all=False)


def plan(config: Config) -> Plan:
    """Plan one task a target, and one that joins them."""
    tasks = [Task(WORK, p.stem, {"value": p}) for e in config.inputs for p in e.events]
    joined = Task(JOIN, "all", {"noise": [t.output("noise.txt") for t in tasks]})
    return Plan([joined], config.seed)


def publish(config: Config, plan: Plan, result: RunResult) -> None:
    """Write the joined file as the report."""
    task = plan.tasks[-1]
    if not result.outcomes[task.id].good:
        return
    report = config.output / "report.html"
    with atomic_output(report) as temporary:
        temporary.write_bytes(result.path(task, "all.txt").read_bytes())
    record_products(result.store, {report: [str(result.outcomes[task.id].key)]})


FAULTY = Pipeline(
    name="faults", summary="Targets that misbehave.", sections={}, stages=(WORK, JOIN), kinds=(),
    plan=plan, publish=publish, example_inputs=(),
)  # fmt: skip


def write_config(folder: Path, targets: list[str]) -> Path:
    """Write inputs and a config; the output folder is ``out`` beside them."""
    (folder / "in").mkdir(exist_ok=True)
    for number, target in enumerate(targets):
        (folder / "in" / f"{target}.txt").write_text(f"{number}\n")
    inputs = "".join(f"  - in/{target}.txt\n" for target in targets)
    config = folder / "config.yaml"
    config.write_text(f"schema: 1\npipeline: faults\ninputs:\n{inputs}output: out\nseed: 4\n")
    return config


if __name__ == "__main__":
    if os.environ.get("FAULTS_BOKEH") == "":
        sys.modules["bokeh"] = None  # type: ignore[assignment]
    from xsurvey.cli.main import main

    # by its name, as workers import it
    _WHERE["faults"] = ("fault_pipeline", "FAULTY")
    main()
