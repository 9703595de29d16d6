"""The store: what counts as done, who may write, what is left of the dead."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xsurvey.engine import Store
from xsurvey.engine.hashes import check_unchanged
from xsurvey.errors import InputError, OutputError

KEY = "ab" + "0" * 62


def commit(store: Store, text: str = "result") -> Path:
    attempt = store.attempt(KEY)
    (attempt.outputs / "part").mkdir()
    (attempt.outputs / "part" / "data.txt").write_text(text)
    store.commit(attempt, KEY, {"stage": "toy"})
    attempt.discard()
    return store.folder(KEY)


def test_a_result_is_found_again(tmp_path):
    store = Store(tmp_path)
    assert store.manifest(KEY) is None
    folder = commit(store)
    assert folder == tmp_path / ".xsurvey" / "tasks" / "ab" / KEY
    manifest = Store(tmp_path).manifest(KEY)
    digest = hashlib.sha256(b"result").hexdigest()
    assert manifest["outputs"] == [{"name": "part/data.txt", "size": 6, "sha256": digest}]
    assert store.attempts(KEY) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"key": "other", "outputs": []}', "{}"])
def test_a_damaged_manifest_is_not_done(tmp_path, text):
    store = Store(tmp_path)
    (commit(store) / "manifest.json").write_text(text)
    assert store.manifest(KEY) is None
    commit(store)
    assert store.manifest(KEY) is not None


def test_outputs_that_are_gone_or_cut_short_are_not_done(tmp_path):
    store = Store(tmp_path)
    output = commit(store) / "part" / "data.txt"
    output.write_text("resul")
    assert store.manifest(KEY) is None
    commit(store)
    output.unlink()
    assert store.manifest(KEY) is None


def test_the_second_of_two_same_results_changes_nothing(tmp_path):
    store = Store(tmp_path)
    late = store.attempt(KEY)
    inode = commit(store).stat().st_ino
    store.commit(late, KEY, {})
    assert store.folder(KEY).stat().st_ino == inode and store.manifest(KEY) is not None


def test_a_live_run_keeps_others_out_and_says_which(tmp_path):
    code = (
        "import sys; from pathlib import Path; from xsurvey.engine import Store\n"
        "with Store(Path(sys.argv[1])).writing(): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(OutputError, match=f"in use by the run of process {other.pid};"),
            Store(tmp_path).writing(),
        ):
            pass
        other.kill()
        other.wait()
        with Store(tmp_path).writing():
            assert json.loads((tmp_path / ".xsurvey/lock").read_text())["pid"] == os.getpid()
    assert not (tmp_path / ".xsurvey/lock").exists()


def test_a_lock_of_another_host_is_kept_while_it_shows_signs_of_life(tmp_path):
    lock = tmp_path / ".xsurvey" / "lock"
    lock.parent.mkdir()
    lock.write_text(json.dumps({"pid": 1, "host": "node17", "token": "x"}))
    with (
        pytest.raises(OutputError, match="in use by the run of process 1 on host node17"),
        Store(tmp_path).writing(),
    ):
        pass
    assert json.loads(lock.read_text())["token"] == "x"
    os.utime(lock, (time.time() - 200, time.time() - 200))
    with Store(tmp_path).writing():
        assert json.loads(lock.read_text())["token"] != "x"


def test_a_run_shows_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr("xsurvey.engine.lock._TOUCH_EVERY_S", 0.01)
    lock = tmp_path / ".xsurvey" / "lock"
    with Store(tmp_path).writing():
        os.utime(lock, (1, 1))
        end = time.monotonic() + 30
        while lock.stat().st_mtime < 2:
            assert time.monotonic() < end


@pytest.mark.parametrize("text", ["", '{"pid": '])
def test_a_lock_that_names_nobody_is_taken_over(tmp_path, text):
    lock = tmp_path / ".xsurvey" / "lock"
    lock.parent.mkdir()
    lock.write_text(text)
    with Store(tmp_path).writing():
        assert json.loads(lock.read_text())["host"] == socket.gethostname()


def test_a_number_used_again_by_another_process_does_not_keep_the_lock(tmp_path):
    lock = tmp_path / ".xsurvey" / "lock"
    lock.parent.mkdir()
    mine = {"pid": os.getpid(), "host": socket.gethostname(), "token": "x", "started": "1"}
    lock.write_text(json.dumps(mine))
    with Store(tmp_path).writing():
        assert json.loads(lock.read_text())["token"] != "x"


def test_leftovers_of_dead_runs_are_removed(tmp_path):
    store = Store(tmp_path)
    (store.attempt(KEY).outputs / "half.fits").write_text("x")
    assert [attempt.pid for attempt in store.attempts(KEY)] == [os.getpid()]
    with store.writing(), store.writing():
        assert store.attempts(KEY) == []


def test_clearing_forgets_results(tmp_path):
    store = Store(tmp_path)
    commit(store)
    with store.writing():
        store.clear()
    assert store.manifest(KEY) is None


def test_an_output_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), Store(tmp_path / "out").writing():
        pass


def test_a_settled_file_is_hashed_once(tmp_path, monkeypatch):
    path = tmp_path / "old.fits"
    path.write_bytes(b"x" * 10)
    # long ago: both its times, of which the second cannot be set
    monkeypatch.setattr("xsurvey.engine.hashes._SETTLED_AFTER_NS", -1)
    store = Store(tmp_path)
    digest = store.hashes.sha256(path)
    store.root.mkdir()
    store.hashes.save()
    monkeypatch.setattr("xsurvey.engine.hashes._hash", lambda path: pytest.fail("hashed again"))
    assert Store(tmp_path).hashes.sha256(path) == digest


def test_a_young_file_is_not_remembered(tmp_path):
    # written again in the same tick of the clock it would look the same
    path = tmp_path / "young.fits"
    path.write_bytes(b"1")
    store = Store(tmp_path)
    store.root.mkdir()
    store.hashes.sha256(path)
    store.hashes.save()
    assert not (store.root / "hashes.json").exists()


def test_new_content_with_an_old_time_is_noticed(tmp_path, monkeypatch):
    # as after `cp --preserve`
    monkeypatch.setattr("xsurvey.engine.hashes._SETTLED_AFTER_NS", -1)
    path = tmp_path / "x.fits"
    path.write_bytes(b"1")
    store = Store(tmp_path)
    store.root.mkdir()
    first, stamp = store.hashes.sha256(path), path.stat().st_mtime_ns
    store.hashes.save()
    time.sleep(0.05)
    path.write_bytes(b"2")
    os.utime(path, ns=(stamp, stamp))
    assert Store(tmp_path).hashes.sha256(path) != first


@pytest.mark.parametrize("text", ["", "[1]", '{"x": 3}'])
def test_a_damaged_hash_cache_only_costs_time(tmp_path, text):
    store = Store(tmp_path)
    store.root.mkdir()
    (store.root / "hashes.json").write_text(text)
    (tmp_path / "x").write_text("x")
    assert len(store.hashes.sha256(tmp_path / "x")) == 64


def test_a_file_that_changed_since_it_was_hashed_is_noticed(tmp_path):
    path = tmp_path / "x"
    path.write_text("x")
    stamp = Store(tmp_path).hashes.stamp(path)
    check_unchanged(path, stamp)
    path.write_text("xy")
    with pytest.raises(InputError, match="changed during the run"):
        check_unchanged(path, stamp)
