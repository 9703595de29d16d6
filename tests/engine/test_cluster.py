"""Runs on Dask workers: the same results, whoever dies."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import Client, Future
from distributed.security import Security
from toy_stages import report_threads, toy_plan, write_inputs

from xsurvey.engine import Plan, Stage, Store, Task, load_profile, run_plan, start_cluster
from xsurvey.engine.clusters.profiles import LocalProfile
from xsurvey.errors import InputError, ParameterError

pytestmark = pytest.mark.slow

TOYS = Path(__file__).parent


def outputs(store: Store) -> dict[str, bytes]:
    """Return all outputs by their place; manifests hold times, which differ."""
    found = (store.root / "tasks").rglob("*")
    return {
        str(path.relative_to(store.root)): path.read_bytes()
        for path in found
        if path.is_file() and path.name != "manifest.json"
    }


def test_results_are_the_same_with_one_worker_two_and_none(tmp_path):
    paths = write_inputs(tmp_path / "in", ["a", "b", "c", "bad"])
    results = []
    for workers in (0, 1, 2):
        store = Store(tmp_path / f"out{workers}")
        results.append(run_plan(toy_plan(paths, seed=5), store, workers=workers))
    assert outputs(results[0].store) == outputs(results[1].store) == outputs(results[2].store)
    assert [r.counts() for r in results] == [{"done": 7, "failed": 1, "skipped": 1}] * 3


def test_reports_are_not_asked_of_workers(tmp_path, monkeypatch):
    # one that has been given a task which keeps the interpreter to itself answers nobody
    def asked(*_):
        raise AssertionError("a worker was asked")

    monkeypatch.setattr(Future, "result", asked)
    paths = write_inputs(tmp_path / "in", ["a", "bad", "b"])
    result = run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=2)
    assert result.counts() == {"done": 5, "failed": 1, "skipped": 1}
    assert not list((tmp_path / "out").rglob("reports/*.json"))


def test_a_task_that_kills_its_worker_stops_nobody_else(tmp_path, capfd):
    names = ["a", "crash", "b", "killed once", "c", "warns"]
    result = run_plan(
        toy_plan(write_inputs(tmp_path / "in", names)), Store(tmp_path / "out"), workers=2
    )
    assert [str(outcome.id) for outcome in result.failed] == ["noise crash"]
    assert "its worker process died 3 times" in result.failed[0].cause
    assert result.counts() == {"done": 12, "failed": 1}
    # what a library prints must not get among the results of the command
    out, error = capfd.readouterr()
    assert out == "" and "printed by a library" in error and "Traceback" not in error


def test_strangers_on_this_machine_are_not_let_in():
    with start_cluster(workers=1) as cluster:
        scheduler = cluster.client.scheduler.address
        ports = [scheduler, *cluster.describe()]
        ports += [w["nanny"] for w in cluster.client.scheduler_info()["workers"].values()]
        assert len(ports) == 3
        for port in ports:
            assert port.startswith("tls://127.0.0.1:")
            # keys of their own, or none
            for there, keys in ((port, Security.temporary()), (f"tcp{port[3:]}", None)):
                with pytest.raises(OSError, match=r"TLS certificate|Timed out|reset|[Cc]losed"):
                    Client(there, security=keys, timeout="1s")
        assert cluster.client.submit(abs, -1).result() == 1


@pytest.fixture
def killable(tmp_path):
    """Start a run over some slow targets in a process group of its own."""
    started = []

    def start(names):
        write_inputs(tmp_path / "in", names)
        code = "import sys, toy_stages; toy_stages.main(*sys.argv[1:])"
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), *names],
            env={**os.environ, "PYTHONPATH": str(TOYS)}, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        started.append(process)
        wait_for(lambda: len(list(tmp_path.glob("out/.xsurvey/tasks/*/*/noisy.txt"))) >= 1)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def alive(group: int) -> list[str]:
    """Return the processes of a group; nobody may have collected those that have ended."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stats.append(path.read_text().rpartition(")")[2].split())
    return [state for state, _, pgrp, *_ in stats if pgrp == str(group) and state != "Z"]


SLOW = [f"slow{i}" for i in range(8)]


def test_ctrl_c_stops_at_once_and_keeps_what_is_done(tmp_path, killable):
    process = killable(SLOW)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    error = process.communicate(timeout=60)[1].decode()
    assert process.returncode == -signal.SIGINT
    assert error.count("Traceback") == 1 and error.endswith("KeyboardInterrupt\n")
    summary = json.loads((tmp_path / "out" / "run.json").read_text())
    assert summary["status"] == "interrupted"
    assert summary["counts"]["done"] >= 1 and summary["counts"]["pending"] >= 1
    assert not (tmp_path / "out" / ".xsurvey" / "lock").exists()
    wait_for(lambda: not alive(process.pid))


def listening(pid: int) -> set[str]:
    """Return the addresses, in hexadecimal, at which a process listens."""
    sockets = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in {str(s) for s in sockets}:
                found.add(fields[1].split(":")[0])
    return found


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux's /proc")
def test_local_workers_listen_on_the_loopback_device_only():
    with start_cluster("local", workers=1) as cluster:
        (pid,) = cluster.client.run(os.getpid).values()
        addresses = {address for p in (os.getpid(), pid) for address in listening(p)}
    assert addresses == {"0100007F"}


def test_libraries_in_workers_have_one_thread(tmp_path):
    task = Task(Stage("threads", "1", report_threads, ("threads.txt",)), "t")
    result = run_plan(Plan([task]), Store(tmp_path), workers=1)
    text = result.path(task, "threads.txt").read_text()
    assert text == "OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1"


def test_a_profile_may_be_a_file_of_the_user(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_text("backend: local\nmemory: 4GiB\nworkers: 3\n")
    profile = load_profile(str(path))
    assert isinstance(profile, LocalProfile)
    assert (profile.memory, profile.workers, profile.attempts) == (4 * 1024**3, 3, 3)
    assert load_profile("local").memory == 2_000_000_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("backend: slrum", r"backend: no back end 'slrum'; did you mean 'slurm'\?"),
        ("memory: 4GB", r"backend: is required"),
        ("backend: local\nmemory: 4", r"\.yaml: memory: 4 has no unit; write 4GB, or 4MB"),
        ("backend: local\nmemory: 4MB", r"\.yaml: memory: 4MB is too little; write 100MB or more"),
        ("backend: local\nmemory: lots", r"\.yaml: memory: 'lots' is not an amount of memory"),
        ("backend: local\nmemry: 4GB", r"\.yaml: memry: unknown key; did you mean 'memory'"),
    ],
)
def test_a_wrong_profile_is_explained(tmp_path, text, message):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=message):
        load_profile(str(path))
    with pytest.raises(InputError, match="does not exist"):
        load_profile(str(tmp_path / "none.yaml"))
