"""What the tests of faults share: runs in processes of their own, and what they left."""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TABLE = (HERE.parents[1] / "docs" / "faults.md").read_text()
ENVIRONMENT = {
    **os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)]),
}  # fmt: skip


@contextlib.contextmanager
def start(
    folder: Path, *arguments: object, command: str = "run", bokeh: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Start the command line, with the pipeline of faults, in a process group of its own.

    With ``bokeh`` there are a dashboard and a performance report, which take a second.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "fault_pipeline", command, *map(str, arguments)],
        cwd=folder, env={**ENVIRONMENT, "FAULTS_BOKEH": "1" if bokeh else ""}, text=True,
        start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:  # a test that fails must not wait for it
            process.kill()


def run(folder: Path, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    with start(folder, *arguments, **options) as process:
        out, error = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def tasks(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what ``run.json`` tells of each task, by its target."""
    return {t["target"]: t for t in json.loads((folder / "out/run.json").read_text())["tasks"]}


def progress(folder: Path) -> dict[str, Any]:
    """Return what the run under way tells of itself; nothing if there is none."""
    with contextlib.suppress(FileNotFoundError):
        return json.loads((folder / "out/.xsurvey/progress.json").read_text())
    return {}


def causes(folder: Path) -> dict[str, str]:
    """Return why tasks failed, by target."""
    return {t: v["cause"] for t, v in tasks(folder).items() if v["status"] == "failed"}


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all outputs and products, but of those that hold times."""
    out = folder / "out"
    found = [p for p in (out / ".xsurvey/tasks").rglob("*") if p.is_file()]
    found += [p for p in out.rglob("*") if p.is_file() and ".xsurvey" not in p.parts]
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
        if path.name not in ("manifest.json", "run.json", "performance.html")
    }


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def counts(folder: Path, stage: str) -> dict[str, int]:
    """Return the numbers of tasks of a stage, by status, that the run under way tells."""
    return progress(folder).get("stages", {}).get(stage, {})


def members(group: int) -> list[int]:
    """Return the living processes of a group; nobody may have collected those that ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgrp, *_ = path.read_text().rpartition(")")[2].split()
            if pgrp == str(group) and state != "Z":
                found.append(int(path.parent.name))
    return found


def told(text: str) -> bool:
    """Return whether a message is in the table of faults, whatever folders and processes are."""
    text = re.sub(r"(\S*/)?out(/|:)", r"OUTPUT\2", text).replace("1.txt", ".txt")
    return re.sub(r"(process|kill) \d+", r"\1 N", text) in TABLE


def last_line(text: str) -> str:
    return text.rstrip("\n").splitlines()[-1]
