"""Small stages and a plan of them, importable by worker processes."""

import logging
import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
from pydantic import Field

from xsurvey.engine import Plan, Stage, Store, Task, TaskContext, run_plan
from xsurvey.errors import InputError
from xsurvey.parameters import StepParameters


class ScaleParameters(StepParameters):
    factor: float = Field(2.0, description="What to multiply by.")


class NoiseParameters(StepParameters):
    sigma: float = Field(1.0, description="Width of the noise.")


def scale(context: TaskContext) -> dict:
    try:
        values = np.loadtxt(context.path("values"), ndmin=1)
    except ValueError:
        cause = "holds no numbers"
        raise InputError(context.path("values"), cause, "give a table of numbers") from None
    np.savetxt(context.folder / "scaled.txt", values * context.section(ScaleParameters).factor)
    return {"count": len(values)}


def add_noise(context: TaskContext) -> dict:
    values = np.loadtxt(context.path("scaled"), ndmin=1)
    if "slow" in context.target:
        time.sleep(0.3)
    if "crash" in context.target:
        os._exit(7)
    if "killed once" in context.target and not _seen(context):
        os.kill(os.getpid(), signal.SIGKILL)
    if "bug" in context.target:
        raise RuntimeError(f"odd\nvalue of {context.folder}/x at 0x7f00")
    if "warns" in context.target:
        logging.getLogger("xsurvey.toy").warning("approximate")
        warnings.warn("numpy is unhappy", stacklevel=1)
        print("printed by a library")
    noise = np.random.default_rng(context.seed).normal(size=len(values))
    noisy = values + context.section(NoiseParameters).sigma * noise
    np.savetxt(context.folder / "noisy.txt", noisy)
    return {"mean": float(noisy.mean()), "limit": float("nan")}


def _seen(context: TaskContext) -> bool:
    mark = context.path("scaled").parent.parent / "killed"
    seen = mark.exists()
    mark.touch()
    return seen


def collect(context: TaskContext) -> dict:
    lines = [path.read_text() for path in context.paths("noisy")]
    lines += [f"# {target}: {cause}\n" for target, cause in context.missing.items()]
    (context.folder / "all.txt").write_text("".join(lines))
    return {"targets": len(context.paths("noisy"))}


def report_threads(context: TaskContext) -> dict:
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
    text = " ".join(f"{name}={os.environ.get(name)}" for name in names)
    (context.folder / "threads.txt").write_text(text)
    return {}


SCALE = Stage(
    "scale", "1", scale, ("scaled.txt",), inputs=("values",), parameters={"scale": ScaleParameters}
)
NOISE = Stage(
    "noise", "1", add_noise, ("noisy.txt",), inputs=("scaled",),
    parameters={"noise": NoiseParameters},
)  # fmt: skip
COLLECT = Stage("collect", "1", collect, ("all.txt",), inputs=("noisy",), needs_all=False)


def write_inputs(folder: Path, names: list[str]) -> list[Path]:
    """Write one input file a target, older than the tick of any file system's clock."""
    folder.mkdir(exist_ok=True)
    paths = []
    for i, name in enumerate(names):
        path = folder / f"{name}.txt"
        path.write_text("not a number\n" if name == "bad" else f"{i}\n{i + 1}\n")
        paths.append(path)
    return paths


def toy_plan(
    paths: list[Path], factor: float = 2.0, sigma: float = 1.0, seed: int = 0,
    collector: Stage = COLLECT,
) -> Plan:  # fmt: skip
    """Return a plan: scale and noise for each file, then one collecting task."""
    sections = {"scale": ScaleParameters(factor=factor), "noise": NoiseParameters(sigma=sigma)}
    tasks = []
    for path in paths:
        scaled = Task(SCALE, path.stem, {"values": path}, sections)
        tasks.append(Task(NOISE, path.stem, {"scaled": scaled.output("scaled.txt")}, sections))
    collected = Task(collector, "all", {"noisy": [t.output("noisy.txt") for t in tasks]})
    return Plan([*tasks, collected], seed)


def main(folder: str, *names: str) -> None:
    """Run the toy plan on two workers; for tests that kill the process which does it."""
    root = Path(folder)
    store = Store(root / "out")
    plan = toy_plan([root / "in" / f"{name}.txt" for name in names])
    run_plan(plan, store, workers=2, summary=root / "out" / "run.json")
