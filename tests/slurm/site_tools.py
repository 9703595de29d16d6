"""Runs on the private Slurm, as users start them: by workers that are jobs, or as one job."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from start import PrivateSlurm, wait_until

ENGINE_TESTS = Path(__file__).parents[1] / "engine"
LINES = {
    "backend": "slurm", "workers": 2, "memory": "1GB", "walltime": "10min", "interface": "lo",
    "start_timeout": "90s",
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A Slurm, and how runs are started on it.

    Attributes
    ----------
    slurm : PrivateSlurm
        It runs.
    """

    slurm: PrivateSlurm

    @property
    def environment(self) -> dict[str, str]:
        """Variables of commands, with which jobs find the modules of the tests too."""
        places = [str(ENGINE_TESTS), *filter(None, sys.path)]
        return {**self.slurm.environment, "PYTHONPATH": os.pathsep.join(places)}

    def profile(self, folder: Path, module: str = "xsurvey", **values: Any) -> Path:
        """Write a profile for this Slurm; ``module`` is what stands for xsurvey in its jobs."""
        path = folder / "slurm.yaml"
        lines = {**LINES, "python": str(_python(folder, module)), **values}
        path.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in lines.items()))
        return path

    @contextlib.contextmanager
    def start(
        self, folder: Path, *arguments: object, module: str = "xsurvey"
    ) -> Iterator["subprocess.Popen[str]"]:
        """Start a command of xsurvey in a folder, in a process group of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)], cwd=folder, text=True,
            env=self.environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        with process:
            try:
                yield process
            finally:  # a test that fails must not wait for it
                process.kill()

    def call(
        self, folder: Path, *arguments: object, module: str = "xsurvey", seconds: float = 600
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command of xsurvey in a folder to its end."""
        with self.start(folder, *arguments, module=module) as process:
            out, error = process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)

    def run(
        self, folder: Path, config: object, profile: Path, *, how: str, module: str = "xsurvey",
        seconds: float = 600,
    ) -> None:  # fmt: skip
        """Run a config to its good end, through ``how``: ``run`` with jobs, or ``submit``."""
        if how == "run":
            done = self.call(folder, "run", config, "--cluster", profile, module=module,
                             seconds=seconds)  # fmt: skip
            assert done.returncode == 0, done.stderr
            return
        number, log = self.submit(folder, config, profile, module=module)
        self.wait_for_end(number, seconds)
        assert self.exit_status(number) == 0, log.read_text()

    def submit(
        self, folder: Path, config: object, profile: Path, module: str = "xsurvey"
    ) -> tuple[str, Path]:
        """Submit a config as one job; return the job's number and its log."""
        done = self.call(folder, "submit", config, "--cluster", profile, module=module)
        assert done.returncode == 0, done.stderr
        found = re.fullmatch(
            r"job (\d+) submitted to Slurm\nlog:   (.*)\nwatch: xsurvey status .*\n", done.stdout
        )
        assert found is not None, done.stdout
        return found[1], Path(found[2])

    def wait_for_end(self, number: str, seconds: float = 120) -> None:
        """Wait until a job has ended."""
        wait_until(lambda: number not in self.slurm.jobs(), seconds, f"job {number} to end")

    def exit_status(self, number: str) -> int:
        """Return the exit status of a job that has ended."""
        text = self.slurm.call("scontrol", "show", "job", number)
        found = re.search(r"ExitCode=(\d+):(\d+)", text)
        assert found is not None
        return int(found[1]) or int(found[2])


def _python(folder: Path, module: str) -> Path:
    """Write a Python for jobs in which another module may stand for xsurvey."""
    path = folder / "python of jobs"
    real = shlex.quote(sys.executable)
    path.write_text(
        f'#!/bin/sh\nif [ "$1 $2" = "-m xsurvey" ]; then\n  shift 2\n'
        f'  exec {real} -m {module} "$@"\nfi\nexec {real} "$@"\n'
    )
    path.chmod(0o755)
    return path
