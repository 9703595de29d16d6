"""A Dask of the user's own, runs in jobs that wait for their folder, and facts of workers."""

import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from distributed import LocalCluster
from fault_tools import told as in_table
from toy_stages import toy_plan, write_inputs

from xsurvey.engine import Store, run_plan, start_cluster
from xsurvey.engine.clusters.environment import carried_variables, nested
from xsurvey.engine.clusters.in_job import job_facts
from xsurvey.engine.clusters.profiles import ClusterError, load_profile
from xsurvey.engine.clusters.scheduler_file import check_listens
from xsurvey.engine.lock import WAIT_VARIABLE, folder_lock
from xsurvey.errors import OutputError


@pytest.fixture
def own_dask(tmp_path):
    """Start a Dask as users do, and return the path of a profile with its scheduler file."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
        silence_logs=50,
    ) as cluster:  # fmt: skip
        path = tmp_path / "scheduler.json"
        path.write_text(json.dumps({"address": cluster.scheduler_address}))
        profile = tmp_path / "mine.yaml"
        profile.write_text(f"backend: scheduler-file\nscheduler_file: {path}\n")
        yield cluster, str(profile)


def test_a_dask_that_runs_already_does_the_work_and_stays(tmp_path, own_dask):
    cluster, profile = own_dask
    before = cluster.scheduler.allowed_failures, cluster.scheduler.worker_ttl
    paths = write_inputs(tmp_path / "in", ["a", "killed once"])
    result = run_plan(toy_plan(paths), Store(tmp_path / "out"), cluster=profile)
    assert result.counts() == {"done": 5}
    assert (cluster.scheduler.allowed_failures, cluster.scheduler.worker_ttl) == before
    assert cluster.status.name == "running"


def scheduler_file(folder, **values):
    path, profile = folder / "scheduler.json", folder / "mine.yaml"
    text = "".join(f"{name}: {value}\n" for name, value in values.items())
    profile.write_text(f"backend: scheduler-file\nscheduler_file: {path}\n{text}")
    return path, str(profile)


NOBODY = "nobody listens at tcp://127.0.0.1:1, named in FILE; start a scheduler again, and"
FILES = [
    (None, "FILE does not exist; start a scheduler with `dask scheduler --scheduler-file FILE`, "),
    ("", "FILE is empty; start a scheduler with `dask scheduler "),
    ("{", "FILE is not a scheduler file \\(JSON\\); start a scheduler with "),
    (b"\xff\x00", "FILE is not a scheduler file \\(JSON\\); start a scheduler with "),
    ("[1]", "FILE has no address of a scheduler; start"),
    ('{"address": 5}', "FILE has no address of a scheduler; start"),
    ('{"address": "nothing"}', "'nothing' in FILE is not an address such as tcp://HOST:8786; "),
    ('{"address": "tcp://h:x"}', "'tcp://h:x' in FILE is not an address such as "),
    ('{"address": "foo://h:9"}', "'foo://h:9' in FILE is not an address such as "),
    ('{"address": "tcp://127.0.0.1:1"}', NOBODY),
    ('{"address": "ws://127.0.0.1:1"}', NOBODY.replace("tcp", "ws")),
    # no socket tells who listens there, and the library that would is not installed
    ('{"address": "ucx://127.0.0.1:1"}', "what listens at ucx://127.0.0.1:1, named in FILE, does"),
]


@pytest.mark.parametrize(("text", "message"), FILES)
def test_a_scheduler_file_of_no_scheduler_is_told(tmp_path, text, message):
    path, profile = scheduler_file(tmp_path)
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    told = message.replace("FILE", str(path))
    with pytest.raises(ClusterError, match=f"^cluster 'scheduler-file': {told}") as refused:
        start_cluster(profile).__enter__()
    if message == NOBODY:
        line = str(refused.value).replace("tcp://127.0.0.1:1", "ADDRESS").replace(str(path), "FILE")
        assert in_table(f"xsurvey: error: {line}")


def test_a_scheduler_file_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    path, profile = scheduler_file(tmp_path)
    path.mkdir()
    with pytest.raises(ClusterError, match=rf"{path} is a folder; give the file"):
        start_cluster(profile).__enter__()

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    loaded = load_profile(profile)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ClusterError, match=r"cannot be read \(Permission denied\); check its perm"):
        start_cluster(loaded).__enter__()


def test_what_listens_but_is_no_scheduler_is_told(tmp_path):
    path, profile = scheduler_file(tmp_path, start_timeout="1s")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        for protocol in ("tcp", "tls"):  # no keys are configured
            path.write_text(json.dumps({"address": f"{protocol}://{address}"}))
            told = f"what listens at {protocol}://{address}, named in {path}, does not answer as a "
            with pytest.raises(ClusterError, match=told):
                start_cluster(profile).__enter__()


@pytest.mark.parametrize(("error", "message"), [
    (socket.gaierror(-2, "unknown"), "there is no host 'far', which F names; run it where"),
    (TimeoutError(), "tcp://far:8786, named in F, does not answer within 3 s; run it where"),
])  # fmt: skip
def test_hosts_that_cannot_be_reached_are_told(monkeypatch, error, message):
    asked = []

    def connect(place, timeout):
        asked.append((place, timeout))
        raise error

    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises(ClusterError, match=message):
        check_listens(Path("F"), "tcp://far:8786", 3.0)
    assert asked == [(("far", 8786), 3.0)]


def lock_of_another_host(path, age):
    path.write_text(json.dumps({"pid": 1, "host": "elsewhere", "token": "x"}))
    then = time.time() - age
    os.utime(path, (then, then))


def test_a_run_in_a_job_waits_for_the_folder(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    lock_of_another_host(path, age=179)
    with pytest.raises(OutputError, match="in use by the run of process 1 on host elsewhere"):
        folder_lock(path).__enter__()
    monkeypatch.setenv(WAIT_VARIABLE, "60")
    monkeypatch.setattr("xsurvey.engine.lock._LOOK_EVERY_S", 0.05)
    began = time.monotonic()
    with folder_lock(path):
        assert time.monotonic() - began < 30


def test_a_run_that_lives_is_waited_for_until_it_ends_or_the_time_is_over(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    monkeypatch.setattr("xsurvey.engine.lock._LOOK_EVERY_S", 0.02)
    for patience, message in (("0.2", "elsewhere"), ("nonsense", "elsewhere")):
        monkeypatch.setenv(WAIT_VARIABLE, patience)
        lock_of_another_host(path, age=0)
        with pytest.raises(OutputError, match=message):
            folder_lock(path).__enter__()
    monkeypatch.setenv(WAIT_VARIABLE, "60")
    threading.Timer(0.2, path.unlink).start()
    with folder_lock(path):
        pass


def test_facts_of_a_job(monkeypatch):
    monkeypatch.setenv("XSURVEY_JOB", "12")
    monkeypatch.setenv("XSURVEY_JOB_ENDS", "1700000000")
    monkeypatch.setenv("XSURVEY_JOB_LOG", "/x/worker-%t.log")
    monkeypatch.setenv("SLURM_PROCID", "3")
    facts = job_facts()
    assert (facts["job"], facts["ends"], facts["log"]) == ("12", 1.7e9, "/x/worker-3.log")
    for none in ("", "N/A", "NONE"):
        monkeypatch.setenv("XSURVEY_JOB_ENDS", none)
        assert job_facts()["ends"] is None
    monkeypatch.setenv("XSURVEY_CONDOR_JOB", "12.0")
    # they are of one job, and not of those that it starts
    assert not [name for name in carried_variables() if "_JOB" in name]
    assert nested({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
