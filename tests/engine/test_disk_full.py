"""A full disk: a clear error, nothing half-written taken for a result, and a rerun completes."""

import errno
import os
import re
import resource
import subprocess
from pathlib import Path

import pytest
from fault_pipeline import write_config
from fault_tools import causes, hashes, last_line, run, tasks, told
from toy_stages import toy_plan, write_inputs

from xsurvey.engine import Store, run_plan
from xsurvey.errors import OutputError

pytestmark = pytest.mark.slow

NO_ROOM = "its outputs cannot be written (No space left on device); make room and run again"


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of a given size on the output folder; return how to change it."""
    out = tmp_path / "out"
    out.mkdir()

    def mount(size, *options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", out]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"file systems cannot be mounted here: {done.stderr.strip()}")

    yield mount
    subprocess.run(["umount", out], capture_output=True, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount file systems")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_task_without_room_fails_alone(tmp_path, small_disk, workers):
    write_config(tmp_path, ["good1", "large1", "array1", "good2"])
    small_disk("4m")
    done = run(tmp_path, "config.yaml", "--workers", workers)
    assert done.returncode == 3, done.stderr
    # those that write at the same time may find no room either
    failed = causes(tmp_path)
    assert {"large1", "array1"} <= set(failed) and set(failed.values()) == {NO_ROOM}
    assert told(NO_ROOM) and (workers or len(failed) == 2)
    names = ", ".join(sorted(failed))
    assert last_line(done.stderr).startswith(f"xsurvey: error: {names}: {NO_ROOM} (")
    assert not list(tmp_path.glob("out/.xsurvey/**/large.bin"))
    small_disk("40m", "remount")
    assert run(tmp_path, "config.yaml", "--workers", workers).returncode == 0
    states = {name: task["status"] for name, task in tasks(tmp_path).items()}
    cached = {name for name, status in states.items() if status == "cached"}
    assert cached == {"good1", "good2"} - set(failed)
    assert {status for name, status in states.items() if name not in cached} == {"done"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount file systems")
def test_a_disk_that_fills_anywhere_loses_nothing(tmp_path, small_disk):
    write_config(tmp_path, ["good1", "good2"])
    small_disk("400k")
    filler = tmp_path / "out" / "filler"
    endings = []
    for room in range(0, 400, 24):  # kilobytes: each time it ends somewhere else
        filler.write_bytes(b"")
        with filler.open("r+b") as stream:
            stream.truncate(0)
            free = os.statvfs(filler).f_bavail * 4096
            stream.write(bytes(max(0, free - room * 1024)))
        done = run(tmp_path, "config.yaml", "--workers", 0)
        endings.append((done.returncode, last_line(done.stderr)))
        check_ending(tmp_path, *endings[-1])
        if done.returncode == 0:
            break
    assert {status for status, _ in endings} == {0, 2, 3}
    assert told(endings[0][1])  # there was no room at all
    whole = tmp_path / "whole"
    whole.mkdir()
    write_config(whole, ["good1", "good2"])
    assert run(whole, "config.yaml", "--workers", 0).returncode == 0
    filler.unlink()
    assert hashes(tmp_path) == hashes(whole)


def check_ending(folder: Path, status: int, line: str) -> None:
    """A run ended well, or says that there is no room; what is there is whole."""
    assert status == 0 or "No space left on device" in line, line
    store = Store(folder / "out")
    for result in store.root.glob("tasks/*/*"):
        assert store.manifest(result.name) is not None
    for name in ("run.json", "report.html", ".xsurvey/products.json"):
        path = folder / "out" / name
        assert not path.exists() or path.stat().st_size > 0
    assert not list((folder / "out").glob(".*.*"))


def full_for(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let the disk be full when files of these names are written, half of each."""
    write, opened = Path.write_text, Path.open

    def limited(path, text, *arguments, **options):
        if path.name.endswith(names):
            with opened(path, "w") as stream:
                stream.write(text[: len(text) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, text, *arguments, **options)

    def limited_open(path, mode="r", *arguments, **options):
        if "w" in mode and path.name.endswith(names):
            limited(path, "half of what was meant to be there")
        return opened(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", limited)
    monkeypatch.setattr(Path, "open", limited_open)


@pytest.mark.parametrize("name", ["manifest.json", "all.txt"])
def test_what_is_cut_short_is_no_result(tmp_path, monkeypatch, name):
    paths = write_inputs(tmp_path / "in", ["a", "b"])
    with monkeypatch.context() as patch:
        full_for(patch, name)
        result = run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=0)
    assert result.failed and {o.cause for o in result.failed} == {NO_ROOM}
    kept = {path.name for path in tmp_path.glob("out/.xsurvey/tasks/*/*")}
    assert kept == {o.key for o in result.outcomes.values() if o.status == "done"}
    again = run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=0)
    assert again.ok and {o.key for o in again.outcomes.values() if o.status == "cached"} == kept


@pytest.mark.parametrize("name", ["run.json", "products.json"])
def test_a_summary_that_cannot_be_written_is_an_error(tmp_path, monkeypatch, name):
    paths = write_inputs(tmp_path / "in", ["a"])
    summary = tmp_path / "out" / "run.json"
    with monkeypatch.context() as patch:
        full_for(patch, name)
        with pytest.raises(OutputError, match=rf"{name}: cannot be written") as stopped:
            run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=0, summary=summary)
    line = re.sub(r"\S*/\w+\.json", "out/report.html", str(stopped.value))
    assert told(f"xsurvey: error: {line}")
    assert not (tmp_path / "out/.xsurvey/lock").exists()
    assert not list((tmp_path / "out").glob(".*.*"))
    assert run_plan(
        toy_plan(paths), Store(tmp_path / "out"), workers=0, summary=summary
    ).counts() == {"cached": 3}
    assert summary.stat().st_size > 0


def test_a_run_goes_on_without_its_progress_file(tmp_path, monkeypatch, caplog):
    paths = write_inputs(tmp_path / "in", ["a"])
    full_for(monkeypatch, "progress.json")
    assert run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=0).ok
    assert caplog.text.count("until then `xsurvey status` is behind") == 1


def test_a_limit_of_file_sizes_is_no_other_thing(tmp_path):
    write_config(tmp_path, ["large1", "good1"])
    limit = (2_000_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    try:
        done = run(tmp_path, "config.yaml", "--workers", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.returncode == 3, done.stderr
    cause = NO_ROOM.replace("No space left on device", "File too large")
    assert causes(tmp_path) == {"large1": cause}
    assert run(tmp_path, "config.yaml", "--workers", 0).returncode == 0
    assert tasks(tmp_path)["good1"]["status"] == "cached"
