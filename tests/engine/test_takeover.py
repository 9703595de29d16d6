"""What remains of runs that died: their locks, their workers, their half-made results."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path

import pytest
from fault_tools import told, wait_for
from hypothesis import given
from hypothesis import strategies as st
from toy_stages import toy_plan, write_inputs

from xsurvey.engine import Store, TaskId, load_profile, run_plan
from xsurvey.engine.clusters.local import _start
from xsurvey.engine.clusters.profiles import ClusterError, LocalProfile
from xsurvey.engine.clusters.running import RunningCluster
from xsurvey.engine.process import has_ended, this_process
from xsurvey.engine.workers.dask_pool import DaskPool, _Sent
from xsurvey.engine.workers.worker import run_task
from xsurvey.errors import OutputError
from xsurvey.io.atomic import atomic_output, remove_leftovers

KEY = "cd" + "1" * 62


def test_a_worker_of_a_killed_run_cannot_harm_the_next(tmp_path):
    old, new = Store(tmp_path), Store(tmp_path)
    late = old.attempt(KEY)
    (late.outputs / "x.txt").write_text("half")
    with new.writing():
        mine = new.attempt(KEY)
        (mine.outputs / "x.txt").write_text("whole")
        # the old worker goes on: what it had is gone, and it gets nothing into place
        with pytest.raises(OSError, match="No such file"):
            old.commit(late, KEY, {})
        late.discard()
        assert new.manifest(KEY) is None and new.attempts(KEY) == [mine]
        # one that starts a task now works beside ours, and the first result stays
        later = old.attempt(KEY)
        (later.outputs / "x.txt").write_text("whole")
        old.commit(later, KEY, {})
        inode = new.folder(KEY).stat().st_ino
        new.commit(mine, KEY, {})
        assert new.folder(KEY).stat().st_ino == inode
        assert new.manifest(KEY)["outputs"][0]["size"] == 5
    assert not (tmp_path / ".xsurvey" / "tmp").exists()


def test_a_result_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    # both look, both see nothing, both move
    store = Store(tmp_path)
    first, second = store.attempt(KEY), store.attempt(KEY)
    look = store.manifest
    answers = iter([None, None])
    monkeypatch.setattr(store, "manifest", lambda key: next(answers, look(key)))
    for attempt in (first, second):
        (attempt.outputs / "x.txt").write_text("same")
        store.commit(attempt, KEY, {})
    assert look(KEY) is not None


def test_a_process_that_ended_uncollected_keeps_nobody_out(tmp_path):
    code = (
        "import sys, os, signal; from pathlib import Path; from xsurvey.engine import Store\n"
        "with Store(Path(sys.argv[1])).writing(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    stat = Path(f"/proc/{process.pid}/stat")
    wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z")
    owner = json.loads((tmp_path / ".xsurvey/lock").read_text())
    assert owner["pid"] == process.pid and has_ended(owner)
    with Store(tmp_path).writing():
        assert json.loads((tmp_path / ".xsurvey/lock").read_text())["pid"] == os.getpid()
        with pytest.raises(OutputError) as refused, Store(tmp_path).writing():
            pass
    assert told(f"xsurvey: error: {refused.value}".replace(str(tmp_path), "out"))
    assert process.wait() == -signal.SIGKILL
    assert has_ended(owner) and not has_ended(this_process())


def test_a_run_that_slept_while_another_took_over_stops(tmp_path, monkeypatch):
    monkeypatch.setattr("xsurvey.engine.lock._TOUCH_EVERY_S", 0.01)
    store = Store(tmp_path / "out")
    paths = write_inputs(tmp_path / "in", ["a"])
    lock = tmp_path / "out" / ".xsurvey" / "lock"
    theirs = json.dumps({"pid": 7, "host": "node17", "token": "theirs"})
    summary = tmp_path / "out" / "run.json"
    with pytest.raises(OutputError) as stopped, store.writing():
        lock.write_text(theirs)
        wait_for(store._lock._lost.is_set)
        (store.root / "tmp" / "theirs").mkdir(parents=True)
        run_plan(toy_plan(paths), store, workers=0, summary=summary)
    assert told(f"xsurvey: error: {stopped.value}".replace("node17", "HOST"))
    # all that is there is the other's
    assert lock.read_text() == theirs and (store.root / "tmp" / "theirs").is_dir()
    assert not list(store.root.glob("tasks/*/*")) and not summary.exists()


def test_a_lock_is_whole_or_absent(tmp_path, monkeypatch):
    def cut_short(path, text):
        path.open("w").write(text[:4])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", cut_short)
    with (
        pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"),
        Store(tmp_path).writing(),
    ):
        pass
    assert [p.name for p in (tmp_path / ".xsurvey").iterdir()] == ["lock.guard"]


def test_a_task_that_was_done_by_a_worker_thought_dead_is_not_done_again(tmp_path, monkeypatch):
    paths = write_inputs(tmp_path / "in", ["a"])
    result = run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=0)
    outcome = result.outcomes[TaskId("noise", "a")]
    orders = []
    monkeypatch.setattr(
        "xsurvey.engine.workers.pools.run_task", lambda o: orders.append(o) or run_task(o)
    )
    run_plan(toy_plan(paths), Store(tmp_path / "again"), workers=0)
    monkeypatch.setattr(
        "xsurvey.engine.workers.worker._run_stage", lambda *_: pytest.fail("done again")
    )
    order = next(o for o in orders if o.key == outcome.key)
    report = run_task(order)
    assert report.cause is None and report.record == outcome.record


@dataclass
class LostReport:
    """A future whose worker died after its task, before the report was fetched."""

    key: str = "k"
    status: str = "finished"
    released: bool = False

    def result(self, timeout):
        assert timeout > 0
        raise CancelledError(self.key)

    def release(self):
        self.released = True


def test_a_report_that_was_lost_is_asked_for_again(tmp_path, monkeypatch):
    client = type("Client", (), {"nthreads": lambda _: {}, "subscribe_topic": lambda *_: None})()
    pool = DaskPool(RunningCluster(client, load_profile("local"), 2), Store(tmp_path))
    paths = write_inputs(tmp_path / "in", ["a"])
    orders = []
    monkeypatch.setattr(
        "xsurvey.engine.workers.pools.run_task", lambda o: orders.append(o) or run_task(o)
    )
    run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=0)
    future = LostReport()
    waiting = _Sent(orders[0])
    assert pool._report(future, waiting) is None
    assert list(pool._backlog) == [waiting] and waiting.losses == 1 and future.released


def test_a_cluster_without_workers_ends_the_run(tmp_path):
    profile = LocalProfile(backend="local", start_timeout="10ms")
    client = type("Client", (), {"nthreads": lambda _: {}, "subscribe_topic": lambda *_: None})()
    pool = DaskPool(RunningCluster(client, profile, 2), Store(tmp_path))
    pool._backlog.append(None)
    time.sleep(0.02)
    with pytest.raises(ClusterError, match=r"'local': no worker came within 0\.01 s; see why"):
        pool.wait()


@pytest.mark.parametrize("failures", [1, 2])
def test_workers_that_die_while_they_start_are_tried_once_more(monkeypatch, failures):
    started = []

    def start(**options):
        started.append(options)
        if len(started) <= failures:
            raise RuntimeError("Nanny failed to start.")
        return "cluster"

    monkeypatch.setattr("xsurvey.engine.clusters.local.LocalCluster", start)
    profile = load_profile("local")
    if failures == 1:
        assert _start(profile, 2) == "cluster"
    else:
        with pytest.raises(ClusterError, match=r"workers did not start \(Nanny failed to start"):
            _start(profile, 2)
    assert len(started) == 2 and started[0] == started[1]


def test_leftovers_beside_products_are_removed_and_nothing_else(tmp_path):
    keep = [".0123abcd.other", ".0123abcg.catalog", "0123abcd.catalog", ".short.catalog"]
    for name in [".0123abcd.catalog", *keep]:
        (tmp_path / name).mkdir()
    (tmp_path / ".89abcdef.catalog").write_text("")
    remove_leftovers(tmp_path / "catalog")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(keep)


@given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,5})?", fullmatch=True), st.booleans())
def test_what_a_killed_writer_leaves_is_removed(tmp_path_factory, name, is_folder):
    folder = tmp_path_factory.mktemp("cut")
    writer = atomic_output(folder / name)
    temporary = writer.__enter__()  # never left, as by a process that was killed
    temporary.mkdir() if is_folder else temporary.touch()
    remove_leftovers(folder / name)
    assert list(folder.iterdir()) == []
