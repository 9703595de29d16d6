"""A plan with a family: a target's elements are divided, done in parts, and joined."""

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np
from pydantic import Field

from xsurvey.engine import Plan, Stage, Task, TaskContext
from xsurvey.engine.parts import PARTS_FILE, write_parts
from xsurvey.errors import InputError
from xsurvey.parameters import StepParameters


class GroupParameters(StepParameters):
    size: int = Field(3, description="Elements of a part.")


def divide(context: TaskContext) -> dict:
    names = context.path("names").read_text().split()
    size = context.section(GroupParameters).size
    parts = [names[i : i + size] for i in range(0, len(names), size)]
    write_parts(context.folder / PARTS_FILE, parts)
    return {"elements": len(names)}


def measure(context: TaskContext) -> dict:
    """Write a line for each element, which its name and the seed decide."""
    lines = []
    for element in context.elements:
        fault = element.rstrip("0123456789")
        if fault == "bad":
            raise InputError(element, "cannot be measured", "look at it")
        if fault == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "segfault":
            ctypes.string_at(0)
        if fault == "hang":
            ctypes.PyDLL(None).sleep(600)
        if fault == "slow":
            time.sleep(0.3)
        own = np.random.SeedSequence([context.seed, *element.encode()])
        lines.append(f"{context.target} {element} {np.random.default_rng(own).normal():.6f}\n")
    (context.folder / "lines.txt").write_text("".join(lines))
    return {}


def join(context: TaskContext) -> dict:
    lines = [path.read_text() for path in context.paths("lines")]
    lines += [f"# {name}: {cause}\n" for name, cause in sorted(context.missing.items())]
    (context.folder / "all.txt").write_text("".join(lines))
    return {"members": len(context.paths("lines"))}


DIVIDE = Stage(
    "divide", "1", divide, (PARTS_FILE,), inputs=("names",), parameters={"group": GroupParameters}
)
MEASURE = Stage("measure", "1", measure, ("lines.txt",), inputs=("names",))
JOIN = Stage("join", "1", join, ("all.txt",), inputs=("lines",), needs_all=False)
JOIN_ALL = Stage("join", "1", join, ("all.txt",), inputs=("lines",))


def family_plan(
    path: Path, size: int = 3, measuring: Stage = MEASURE, joining: Stage = JOIN, seed: int = 0
) -> Plan:
    """Return a plan: the names in a file are divided, measured in parts, and joined."""
    divided = Task(DIVIDE, path.stem, {"names": path}, {"group": GroupParameters(size=size)})
    family = Task(measuring, path.stem, {"names": path}, over=divided.output(PARTS_FILE))
    return Plan([Task(joining, path.stem, {"lines": family.output("lines.txt")})], seed)
