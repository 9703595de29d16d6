"""Walltimes on a real Slurm: nothing is lost to them, and nothing blamed on tasks.

A minute is the shortest that Slurm knows, so these take a few.
"""

import json
import re
from pathlib import Path

import pytest
from fault_pipeline import write_config
from fault_tools import last_line, tasks, told

pytestmark = pytest.mark.usefixtures("long_test")

MODULE = "fault_pipeline"
TARGETS = [f"slow{i}" for i in range(1, 200)]  # 80 s of one worker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the config."""
    write_config(tmp_path, TARGETS)
    return tmp_path


def events(folder: Path, name: str) -> list[dict]:
    """Return the events of a kind of the one run in a folder."""
    (path,) = folder.glob("out/.xsurvey/logs/*.jsonl")
    return [e for e in map(json.loads, path.read_text().splitlines()) if e["event"] == name]


def test_a_submitted_run_stops_before_its_walltime_and_goes_on(site, folder):
    profile = site.profile(folder, MODULE, walltime="1min", workers=1)
    number, log = site.submit(folder, "config.yaml", profile, MODULE)
    site.wait_for_end(number, 120)
    assert site.exit_status(number) == 130, log.read_text()
    line = re.sub(r"\d+ (is|are) left", "M are left", last_line(log.read_text()))
    assert told(re.sub(r"\d+ tasks? under way (was|were)", "N tasks under way were", line))
    summary = json.loads((folder / "out/run.json").read_text())
    assert summary["interrupted"] == "OutOfTime" and "failed" not in summary["counts"]
    assert not events(folder, "lost") and not (folder / "out/.xsurvey/lock").exists()
    kept = {name for name, task in tasks(folder).items() if task["status"] == "done"}
    profile = site.profile(folder, MODULE, walltime="10min", workers=4)
    site.run(folder, "config.yaml", profile, how="submit", module=MODULE)
    states = {name: task["status"] for name, task in tasks(folder).items()}
    assert kept and {name for name, state in states.items() if state == "cached"} == kept
    assert set(states.values()) == {"cached", "done"}


def test_jobs_that_end_are_replaced_and_no_task_is_caught_by_it(site, folder):
    profile = site.profile(folder, MODULE, walltime="1min", workers=1, attempts=1)
    done = site.call(folder, "run", "config.yaml", "--cluster", profile, module=MODULE)
    assert done.returncode == 0, done.stderr
    assert {task["status"] for task in tasks(folder).values()} == {"done"}
    jobs = {event["job"] for event in events(folder, "done")}
    assert len(jobs) >= 2 and not events(folder, "lost")
