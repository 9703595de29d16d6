"""``xsurvey status``: the truth about a run, from outside, and nothing is touched."""

import json
import os
import re
import socket
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from fault_pipeline import write_config
from fault_tools import counts, last_line, run, start, wait_for
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.cli.status import _lines, status_command
from xsurvey.engine.clusters.submitted import record_submitted
from xsurvey.engine.process import this_process
from xsurvey.engine.watching.status import read_status
from xsurvey.errors import InputError


def status(folder: Path, *options: object) -> str:
    done = run(folder, "out", *options, command="status")
    assert done.returncode == 0, done.stderr
    return done.stdout


def contents(folder: Path) -> dict[str, int]:
    """Return all files with their times of change, but for those that the run itself writes."""
    return {
        str(path): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.name not in ("lock", "progress.json")
        and path.suffix != ".jsonl"
        and "tmp" not in path.parts
    }


def test_a_run_is_told_while_it_works_and_after_it_was_killed_or_ended(tmp_path):
    write_config(tmp_path, ["good1", "bad1", "hang1"])
    with start(tmp_path, "config.yaml", "--workers", 2) as process:
        ended = {"done": 1, "failed": 1}
        wait_for(lambda: ended.items() <= counts(tmp_path, "work").items())
        wait_for(lambda: list(tmp_path.glob("out/.xsurvey/tmp/*/*/*/trace.txt")))
        before = contents(tmp_path / "out")
        text = status(tmp_path, "--json", tmp_path / "status.json")
        assert contents(tmp_path / "out") == before
        process.kill()
        process.communicate()
    lines = text.splitlines()
    host = socket.gethostname()
    assert lines[0] == f"running: process {process.pid} on {host} does tasks"
    assert lines[1].endswith("; cluster 'local', 2 workers")
    assert lines[3].split()[-4:] == ["time", "CPU", "peak", "memory"]
    assert lines[4].split()[:8] == ["work", "3", "1", "0", "1", "0", "1", "0"]
    assert re.search(r" \d+\.\d s +\d+\.\d s +\d+ MB$", lines[4])
    assert lines[5].split() == ["join", "1", "0", "0", "0", "0", "0", "1", "-", "-", "-"]
    assert lines[6].startswith("running: work hang1 for ")
    assert lines[7] == "failed: work bad1: bad1.txt: holds no numbers; give a table of numbers"
    assert lines[8] == "time left: not known yet"
    values = json.loads((tmp_path / "status.json").read_text())
    assert values["state"] == "running" and values["process"] == {"pid": process.pid, "host": host}
    assert [task["target"] for task in values["running"]] == ["hang1"]
    assert values["stages"]["work"]["failed"] == 1 and values["seconds_left"] is None
    killed = status(tmp_path).splitlines()
    assert killed[0] == f"stopped: process {process.pid} has ended; run it again to go on"
    assert killed[4].split()[:8] == ["work", "3", "1", "0", "1", "0", "0", "1"]
    write_config(tmp_path, ["good1", "bad1"])
    assert run(tmp_path, "config.yaml", "--workers", 0).returncode == 3
    text = status(tmp_path)
    assert text.startswith("failed: some tasks failed; run it again to try these once more\n")
    assert "failed: work bad1: bad1.txt: holds no numbers" in text


def test_a_good_run(tmp_path):
    write_config(tmp_path, ["good1"])
    assert run(tmp_path, "config.yaml", "--workers", 0).returncode == 0
    assert status(tmp_path).startswith("done: all tasks succeeded\n")


def test_a_run_that_ended_in_an_error_is_not_taken_for_the_one_before(tmp_path):
    write_config(tmp_path, ["good1"])
    assert run(tmp_path, "config.yaml", "--workers", 0).returncode == 0
    (tmp_path / "out/report.html").unlink()
    (tmp_path / "out/report.html").mkdir()
    (tmp_path / "out/report.html/in the way").touch()
    assert run(tmp_path, "config.yaml", "--workers", 0).returncode == 2
    text = status(tmp_path)
    assert text.startswith("stopped: process ") and "while it wrote products" in text


def test_a_folder_without_a_run_is_an_error(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "file").touch()
    causes = {"out": "holds no run", "nowhere": "does not exist", "file": "is a file"}
    for name, cause in causes.items():
        done = run(tmp_path, name, command="status")
        assert done.returncode == 2
        assert last_line(done.stderr).startswith(f"xsurvey: error: {name}: {cause}")
        with pytest.raises(InputError, match=cause):
            read_status(tmp_path / name)
    assert list((tmp_path / "out").iterdir()) == []


def told(folder: Path, **changes: object) -> Path:
    """Write what a run of this process would tell of itself."""
    state = {
        "schema": 1, "process": this_process(), "updated": "2026-01-01T00:01:00+00:00",
        "started": "2026-01-01T00:00:00+00:00", "run": "x", "cluster": "local", "phase": "tasks",
        "workers": 2, "stages": {"image": {"total": 10, "done": 3, "cached": 1, "seconds": 80.0}},
        "sent": [], "failed": [],
    }  # fmt: skip
    root = folder / ".xsurvey"
    root.mkdir(exist_ok=True)
    (root / "progress.json").write_text(json.dumps({**state, **changes}))
    (root / "lock").write_text(json.dumps({**this_process(), "token": "x"}))
    return folder


def test_the_time_left_follows_from_tasks_of_the_stage(tmp_path):
    found = read_status(told(tmp_path))
    assert found.state == "running" and found.stages["image"]["to_do"] == 6
    assert found.seconds_left == 60.0  # six tasks of 20 s, two at a time
    assert "time left: about 1 min 00 s, if tasks take as long as those done" in _lines(found)


def test_stages_that_are_not_in_the_time_left_are_named(tmp_path):
    stages = {"image": {"total": 10, "done": 4, "seconds": 80.0}, "maps": {"total": 1}}
    found = read_status(told(tmp_path, stages=stages))
    assert (found.seconds_left, found.seconds_left_without) == (60.0, ["maps"])
    assert _lines(found)[-1] == (
        "time left: about 1 min 00 s and what maps takes, if tasks take as long as those done"
    )


def test_a_limit_of_time_and_what_stages_took_are_told(tmp_path):
    ends = "2026-01-01T08:00:00+00:00"
    image = {"total": 2, "done": 1, "failed": 1, "seconds": 75.0, "wasted_seconds": 5.0}
    image |= {"cpu_seconds": 60.04, "peak_memory": 1_500_000_000}
    found = read_status(told(tmp_path, ends=ends, stages={"image": image, "maps": {"total": 1}}))
    lines = _lines(found)
    assert f"stops at {ends}, or before; then run it again to go on" in lines
    rows = {line.split()[0]: line for line in lines}
    assert rows["image"].endswith(" 1 min 20 s   1 min 00 s      1500 MB")
    assert rows["maps"].split()[-3:] == ["-", "-", "-"]


@given(
    total=st.integers(1, 1000), done=st.integers(0, 1000), seconds=st.floats(0, 1e6),
    workers=st.integers(0, 64) | st.none(),
)  # fmt: skip
def test_the_time_left_is_never_negative_nor_made_up(
    tmp_path_factory, total, done, seconds, workers
):
    done = min(done, total)
    stages = {"image": {"total": total, "done": done, "seconds": seconds if done else 0.0}}
    found = read_status(told(tmp_path_factory.mktemp("t"), stages=stages, workers=workers))
    if workers is None or done < min(3, total / 3):
        assert found.seconds_left is None
    else:
        least = (total - done) * seconds / done / max(1, workers)
        assert found.seconds_left >= 0 and found.seconds_left >= 0.999 * least


def test_a_run_on_another_host_is_silent_after_three_minutes(tmp_path):
    told(tmp_path)
    lock = tmp_path / ".xsurvey" / "lock"
    lock.write_text(json.dumps({"pid": 1, "host": "node17", "token": "x"}))
    assert read_status(tmp_path).state == "running"
    os.utime(lock, (time.time() - 200, time.time() - 200))
    found = read_status(tmp_path)
    assert found.state == "silent" and found.process == {"pid": 1, "host": "node17"}


def test_a_run_that_gave_its_lock_back_is_over_though_its_process_lives(tmp_path):
    # as after an error in a notebook that goes on
    told(tmp_path)
    (tmp_path / ".xsurvey" / "lock").unlink()
    assert read_status(tmp_path).state == "stopped"


def test_a_run_that_only_has_its_lock_yet_is_running(tmp_path):
    (tmp_path / ".xsurvey").mkdir()
    (tmp_path / ".xsurvey" / "lock").write_text(json.dumps({**this_process(), "token": "x"}))
    found = read_status(tmp_path)
    assert (found.state, found.phase) == ("running", "inputs")


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_damaged_progress_file_is_no_run(tmp_path, text):
    told(tmp_path)
    (tmp_path / ".xsurvey" / "progress.json").write_text(text)
    (tmp_path / ".xsurvey" / "lock").unlink()
    with pytest.raises(InputError, match="holds no run"):
        read_status(tmp_path)


def test_a_submitted_run_is_told_before_it_begins(tmp_path: Path) -> None:
    folder = tmp_path / "out" / ".xsurvey" / "jobs" / "batch-20261126T120000-ab"
    folder.mkdir(parents=True)
    record_submitted(folder, "slurm", "7", folder / "slurm-7.log")
    status = read_status(tmp_path / "out")
    assert status.state == "submitted" and status.job is not None and status.job["job"] == "7"
    shown = CliRunner().invoke(status_command, [str(tmp_path / "out")])
    assert shown.exit_code == 0
    assert shown.output.splitlines()[0] == (
        "submitted: job 7 of slurm waits, or ended before the run began; its log is "
        f"{folder / 'slurm-7.log'}"
    )
    # the lock of a run that was killed before, here and on another host
    root = tmp_path / "out" / ".xsurvey"
    (root / "progress.json").write_text(json.dumps({"started": "2000-01-01T00:00:00+00:00"}))
    for owner in ({**this_process(), "pid": 2**22 + 1}, {"pid": 1, "host": "elsewhere"}):
        (root / "lock").write_text(json.dumps(owner))
        os.utime(root / "lock", (1e9, 1e9))
        assert read_status(tmp_path / "out").state == "submitted"
    (root / "lock").write_text(json.dumps(this_process()))
    assert read_status(tmp_path / "out").state == "running"
    (root / "lock").unlink()
    # a run that began later has more to tell
    summary = {
        "status": "done", "started": "2999-01-01T00:00:00+00:00", "seconds": 1.0, "tasks": [],
        "cluster": "local",
    }  # fmt: skip
    (tmp_path / "out" / "run.json").write_text(json.dumps(summary))
    assert read_status(tmp_path / "out").state == "done"
