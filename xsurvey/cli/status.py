"""``xsurvey status``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xsurvey.cli.options import json_option, show_result
from xsurvey.engine.watching.totals import TimeLeft, time_text
from xsurvey.errors import printable

if TYPE_CHECKING:
    from xsurvey.engine.watching.status import RunStatus

_COLUMNS = ("total", "done", "cached", "failed", "skipped", "running", "to_do")
_TOOK = ("time", "CPU", "peak memory")
_FAILURES_SHOWN = 20


@click.command()
@click.argument("output", type=click.Path(path_type=Path), metavar="OUTPUT")
@json_option
def status_command(output: Path, json_path: Path | None) -> None:
    """Say how far the run in OUTPUT is, or how it ended.

    Reads only: it may be used while the run works, and by others than its owner.

    \b
    Example:
      xsurvey status demo_output
    """
    from dataclasses import asdict

    from xsurvey.engine.watching.status import read_status
    from xsurvey.io.atomic import check_outputs

    check_outputs([json_path])
    status = read_status(output)
    show_result(_lines(status), json_path, asdict(status))


def _lines(status: "RunStatus") -> list[str]:
    lines = [_headline(status)]
    if status.started is not None:
        lines.append(f"started {status.started}, {time_text(status.seconds)}; {_workers(status)}")
    if status.last_activity is not None:
        lines.append(f"last activity {status.last_activity}")
    if status.ends is not None:
        lines.append(f"stops at {status.ends}, or before; then run it again to go on")
    if status.stages:
        lines += _table(status.stages)
    for task in status.running:
        again = f", attempt {task['attempt']}" if task["attempt"] > 1 else ""
        lines.append(
            f"running: {task['stage']} {printable(task['target'])} "
            f"for {time_text(task['seconds'])} (process {task['pid']} on {task['host']}{again})"
        )
    shown = status.failed[:_FAILURES_SHOWN]
    lines += [printable("failed: {stage} {target}: {cause}".format(**task)) for task in shown]
    if len(status.failed) > len(shown):
        lines.append(f"failed: {len(status.failed) - len(shown)} more")
    if status.events is not None:
        lines.append(f"events: {status.events}")
    if status.state == "running" and status.phase == "tasks":
        lines.append(_left(status.seconds_left, status.seconds_left_without))
    return lines


def _headline(status: "RunStatus") -> str:
    pid, host = status.process.get("pid"), status.process.get("host")
    if status.state == "running":
        doing = {
            "inputs": "looks at the input files", "tasks": "does tasks",
            "products": "writes products",
        }[status.phase or "inputs"]  # fmt: skip
        return f"running: process {pid} on {host} {doing}"
    if status.state == "submitted" and status.job is not None:
        return (
            f"submitted: job {status.job['job']} of {status.job['backend']} waits, or ended before "
            f"the run began; its log is {status.job['log']}"
        )
    if status.state == "stopped":
        when = " while it wrote products" if status.phase == "products" else ""
        return f"stopped: process {pid} has ended{when}; run it again to go on"
    if status.state == "silent":
        return (
            f"silent: no sign of life from process {pid} on {host} for three minutes; "
            "look there, or run it again to go on"
        )
    if status.interrupted == "OutOfTime":
        return "interrupted: it came to its limit of time; run it again to go on"
    return {
        "done": "done: all tasks succeeded",
        "failed": "failed: some tasks failed; run it again to try these once more",
        "interrupted": "interrupted: it was stopped; run it again to go on",
    }[status.state]


def _workers(status: "RunStatus") -> str:
    if status.workers is None:
        return f"cluster '{status.cluster}'"
    if status.workers == 0:
        return "no workers: the process itself does the tasks"
    return f"cluster '{status.cluster}', {status.workers} workers"


def _table(stages: dict[str, dict[str, Any]]) -> list[str]:
    width = max(len("stage"), *(len(name) for name in stages))
    head = "".join(f"{name.replace('_', ' '):>9}" for name in _COLUMNS)
    head += "".join(f"{name:>13}" for name in _TOOK)
    rows = [
        f"{stage:{width}}"
        + "".join(f"{values[name]:>9}" for name in _COLUMNS)
        + "".join(f"{text:>13}" for text in _took(values))
        for stage, values in stages.items()
    ]
    return [f"{'stage':{width}}{head}", *rows]


def _took(values: Mapping[str, Any]) -> tuple[str, str, str]:
    seconds, peak = values["seconds"] + values["wasted_seconds"], values["peak_memory"]
    memory = "-" if peak is None else f"{peak / 1e6:.0f} MB"
    cpu = _short(values["cpu_seconds"]) if peak is not None else "-"
    return _short(seconds) if seconds else "-", cpu, memory


def _left(seconds: float | None, without: list[str]) -> str:
    if seconds is None:
        return "time left: not known yet"
    left = TimeLeft(seconds, tuple(without))
    return f"time left: {left}, if tasks take as long as those done"


def _short(seconds: float) -> str:
    """Return a time span to read, short ones with a decimal.

    Examples
    --------
    >>> _short(0.26), _short(75)
    ('0.3 s', '1 min 15 s')
    """
    return f"{seconds:.1f} s" if seconds < 10 else time_text(seconds)
