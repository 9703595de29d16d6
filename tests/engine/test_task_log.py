"""The log of events, what tasks took, and the table of stages."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fault_pipeline import write_config
from fault_tools import run
from hypothesis import given
from hypothesis import strategies as st
from toy_stages import toy_plan, write_inputs

from xsurvey.engine import Plan, Stage, Store, Task, run_plan
from xsurvey.engine.watching.progress import LogProgress
from xsurvey.engine.watching.task_log import TaskLog
from xsurvey.engine.watching.totals import StageTotals, TimeLeft, stage_table, time_left
from xsurvey.engine.workers.usage import Meter, Usage

MB = 1_000_000


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_task_is_told_from_its_start_to_its_end(tmp_path):
    paths = write_inputs(tmp_path / "in", ["a", "bad"])
    store, summary = Store(tmp_path / "out"), tmp_path / "out" / "run.json"
    run_plan(toy_plan(paths), store, workers=0, summary=summary)
    values = json.loads(summary.read_text())
    events = read(tmp_path / "out" / values["events"])
    told = [(e["event"], e.get("stage"), e.get("target")) for e in events]
    assert told[0][0] == "begin" and told[-1][0] == "end"
    for stage, target, status in [
        ("scale", "a", "done"), ("scale", "bad", "failed"), ("noise", "a", "done"),
        ("collect", "all", "done"),
    ]:  # fmt: skip
        assert told.index(("sent", stage, target)) < told.index((status, stage, target))
    assert ("sent", "noise", "bad") not in told and ("skipped", "noise", "bad") in told
    (failed,) = (e for e in events if e["event"] == "failed")
    assert failed["cause"].endswith("bad.txt: holds no numbers; give a table of numbers")
    assert (tmp_path / "out" / failed["log"]).exists()
    (done,) = (e for e in events if (e["event"], e.get("stage")) == ("done", "noise"))
    assert (done["host"], done["attempt"]) == (socket.gethostname(), 1)
    assert done["seconds"] > 0 and done["cpu_seconds"] >= 0 and done["peak_memory"] > 10 * MB
    assert events[-1]["status"] == "failed"
    assert [e["stage"] for e in events if e["event"] == "stage"] == list(values["stages"])
    assert sum(s["share"] for s in values["stages"].values()) == pytest.approx(1, abs=1e-3)
    assert values["stages"]["noise"]["skipped"] == 1
    again = run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=0)
    cached = [e for e in read(again.store.root / "logs" / f"{again.store.run}.jsonl")
              if e["event"] == "cached"]  # fmt: skip
    assert {(e["stage"], e["target"]) for e in cached} == {
        ("scale", "a"), ("noise", "a"), ("collect", "all"),
    }  # fmt: skip
    noise = next(e for e in cached if e["stage"] == "noise")
    assert noise["peak_memory"] == done["peak_memory"] and "host" not in noise


def test_workers_that_die_are_told(tmp_path):
    write_config(tmp_path, ["killed1", "good1"])
    assert run(tmp_path, "config.yaml", "--workers", 2).returncode == 0
    (path,) = tmp_path.glob("out/.xsurvey/logs/*.jsonl")
    mine = [e for e in read(path) if e.get("target") == "killed1"]
    assert [(e["event"], e["attempt"]) for e in mine] == [
        ("sent", 1), ("lost", 1), ("sent", 2), ("done", 2),
    ]  # fmt: skip
    assert mine[1]["worker"] == mine[0]["worker"] != mine[2]["worker"] == mine[3]["worker"]
    assert mine[1]["cause"] == "a worker died"


def test_a_full_disk_does_not_stop_the_run_and_leaves_no_half_lines(tmp_path, caplog, monkeypatch):
    log = TaskLog(Store(tmp_path))
    log.add("begin", run="x")
    log._write()

    truncate = os.ftruncate
    monkeypatch.setattr("os.ftruncate", lambda *_: fail())

    def fail():
        raise OSError(errno.ENOSPC, "No space left on device")

    append = TaskLog._append
    full = True

    def half(self, text):
        if not full:
            append(self, text)
            return
        with self.path.open("ab") as stream:
            size = stream.tell()
            stream.write(text[: len(text) // 2].encode())
            stream.flush()
            truncate(stream.fileno(), size)
        fail()

    monkeypatch.setattr(TaskLog, "_append", half)
    for i in range(3):
        log.add("done", target=str(i))
        log._write()
    assert caplog.text.count("cannot be written (No space left on device); events are lost") == 1
    full = False
    log.add("end")
    log.stop()
    assert [(e["event"], e.get("lines")) for e in read(log.path)] == [
        ("begin", None), ("dropped", 3), ("end", None),
    ]  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_what_cannot_be_written_is_dropped(tmp_path, caplog):
    log = TaskLog(Store(tmp_path))
    log.path = Path("/dev/full")
    log.add("begin")
    log.stop()
    assert "/dev/full: cannot be written (No space left on device); events are lost" in caplog.text


def test_the_logs_of_the_last_twenty_runs_are_kept(tmp_path):
    paths = []
    for i in range(25):
        log = TaskLog(Store(tmp_path, f"run{i}"))
        log.add("begin")
        log.stop()
        os.utime(log.path, (i, i))
        paths.append(log.path)
    assert [p for p in paths if p.exists()] == paths[-20:]


def test_numbers_that_are_not_finite_are_no_json(tmp_path):
    log = TaskLog(Store(tmp_path))
    with pytest.raises(ValueError, match="not JSON compliant"):
        log.add("done", seconds=float("nan"))
    log.stop()


def take_and_compute(context):
    size = int(context.target) * MB // 8
    block = np.ones(size)
    (context.folder / "x").write_text(f"{block.sum()}")
    del block
    clock = time.process_time()
    while time.process_time() - clock < 0.2:
        pass
    return {}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_each_task_has_its_own_peak_and_its_own_time(tmp_path):
    stage = Stage("take", "1", take_and_compute, ("x",))
    large, small = (Task(stage, size) for size in ("400", "1"))
    result = run_plan(Plan([large, small]), Store(tmp_path), workers=1)
    used = {i.target: o.usage for i, o in result.outcomes.items()}
    # the second was done by the process that had been large before
    assert used["400"].peak_memory - used["1"].peak_memory > 300 * MB
    assert all(0.2 <= usage.cpu_seconds < 5 for usage in used.values())
    assert {usage.peak_of for usage in used.values()} == {"task"}
    manifest = result.store.manifest(result.outcomes[large.id].key)["provenance"]
    assert manifest["peak_memory"] > 400 * MB
    assert Usage.recorded(manifest).peak_memory == manifest["peak_memory"]
    # where it ran is no part of it
    assert socket.gethostname() not in json.dumps(manifest)


def test_time_of_processes_that_a_task_starts_counts():
    meter = Meter()
    code = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert meter.read().cpu_seconds >= 0.25


def test_without_proc_the_peak_is_that_of_the_process(monkeypatch):
    def refused(self, *_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refused)
    monkeypatch.setattr(Path, "read_text", refused)
    usage = Meter().read()
    assert usage.peak_of == "process" and usage.peak_memory > 10 * MB


def test_results_of_older_versions_tell_nothing_of_it():
    assert Usage.recorded({"seconds": 3.0}) is None


def test_the_table_of_stages():
    image, fits = StageTotals(3), StageTotals(2)
    image.add("done", 6.0, Usage(5.0, 300))
    image.add("cached", 2.0, None)
    image.add("failed", 1.0, Usage(1.0, 200))
    fits.add("skipped", 0.0, None)
    table = stage_table({"image": image, "fits": fits})
    assert table["image"] == {
        "total": 3, "done": 1, "cached": 1, "failed": 1, "seconds": 8.0, "wasted_seconds": 1.0,
        "cpu_seconds": 6.0, "peak_memory": 300, "share": 1.0,
    }  # fmt: skip
    assert table["fits"]["share"] == 0.0 and table["fits"]["peak_memory"] is None
    assert stage_table({"fits": StageTotals(1)})["fits"]["share"] == 0.0


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1e5)), max_size=5),
    st.integers(0, 20) | st.none(), st.floats(0, 1e6),
)  # fmt: skip
def test_the_time_left_does_not_grow_with_time_spent(stages, workers, spent):
    told = {
        f"s{i}": {"total": done + left, "done": done, "seconds": seconds if done else 0.0}
        for i, (done, left, seconds) in enumerate(stages)
    }
    fresh = time_left(told, [], workers)
    to_do = {name: s for name, s in told.items() if s["total"] > s["done"]}
    known = {n for n, s in to_do.items() if s["done"] >= min(3, s["total"] / 3)}
    if fresh is None:
        shortest = [told[n]["seconds"] / told[n]["done"] for n in known]
        assert workers is None or (set(to_do) - known and all(s < 1 for s in shortest))
        return
    assert workers is not None and (known or not to_do)
    assert set(fresh.without) == set(to_do) - known
    running = [(name, spent) for name in to_do]
    later = time_left(told, running, workers)
    assert later is not None or fresh.without
    assert later is None or 0 <= later.seconds <= fresh.seconds * (1 + 1e-9)


def test_one_task_is_done_by_one_worker():
    told = {"fits": {"total": 4, "done": 3, "seconds": 300.0}}
    assert time_left(told, [], 8).seconds == 100.0
    assert time_left(told, [("fits", 30.0)], 8).seconds == 70.0
    assert time_left(told, [("fits", 1e4)], 8).seconds == 0.0


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "about 2 min 00 s"),
        ({"maps": (4, 1)}, "about 2 min 00 s and what maps takes"),
        ({"maps": (4, 1), "join": (1, 0)}, "about 2 min 00 s and what maps, join take"),
        ({n: (9, 0) for n in "abcd"}, "about 2 min 00 s and what 4 other stages take"),
        ({"maps": (2, 1)}, "about 2 min 30 s"),
    ],
)
def test_stages_of_which_too_little_is_known_are_named(more, text):
    told = {"fits": {"total": 7, "done": 3, "seconds": 180.0}}
    told |= {n: {"total": t, "done": d, "seconds": 60.0 * d} for n, (t, d) in more.items()}
    assert str(time_left(told, [], 2)) == text


def test_progress_lines_tell_the_time_left(caplog, monkeypatch):
    monkeypatch.setattr("xsurvey.engine.watching.progress._LINE_EVERY_S", -1.0)
    lines = LogProgress()
    left = iter([None, TimeLeft(754.0)])
    lines.start({"image": 3}, lambda: next(left))
    with caplog.at_level("INFO", logger="xsurvey"):
        lines.settled("image", "done")
        lines.settled("image", "done")
    assert caplog.messages == [
        "1 of 3 tasks: 1 done", "2 of 3 tasks: 2 done; time left: about 12 min 34 s",
    ]  # fmt: skip
