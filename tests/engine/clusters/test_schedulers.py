"""Workers as jobs of each scheduler, whose commands are played by processes of this machine.

Slurm is tested itself, in ``tests/slurm``.
"""

import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import dask
import pytest
from distributed import Client
from distributed.security import Security
from fault_tools import told, wait_for
from toy_stages import toy_plan, write_inputs

from xsurvey.engine import Store, run_plan, start_cluster
from xsurvey.engine.clusters import waiting
from xsurvey.engine.clusters.job_folder import JobRecord, clear_left_jobs
from xsurvey.engine.clusters.profiles import ClusterError, load_profile
from xsurvey.engine.clusters.queue_systems import QUEUE_SYSTEMS
from xsurvey.engine.clusters.queues import _checker
from xsurvey.engine.clusters.slurm_reasons import slurm_advice
from xsurvey.engine.clusters.waiting import Delay
from xsurvey.engine.workers.limits import TimeLimit
from xsurvey.errors import OutOfTime

COMMANDS = {
    "pbs": ("qsub", "qdel", "qstat"), "lsf": ("bsub", "bkill", "bjobs"),
    "sge": ("qsub", "qdel", "qstat"), "htcondor": ("condor_submit", "condor_rm", "condor_q"),
}  # fmt: skip


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Return a function that puts the commands of a scheduler into the path."""

    def make(kind):
        place = tmp_path / "commands"
        place.mkdir()
        source = (Path(__file__).parent / "fake_scheduler.py").read_text()
        for name in COMMANDS[kind]:
            (place / name).write_text(f"#!{sys.executable}\n{source}")
            (place / name).chmod(0o755)
        (place / "kind").write_text(kind)
        monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        return place

    return make


def profile_of(kind, folder, **values):
    path = folder / f"{kind}.yaml"
    text = "".join(f"{name}: {value}\n" for name, value in values.items())
    path.write_text(
        f"backend: {kind}\nworkers: 1\nmemory: 500MB\ninterface: lo\nstart_timeout: 90s\n{text}"
    )
    return str(path)


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_run_on_each_scheduler(tmp_path, commands, kind):
    place = commands(kind)
    folder = tmp_path / "my survey"
    folder.mkdir()
    store = Store(folder / "out")
    paths = write_inputs(folder / "in", ["a", "b"])
    result = run_plan(toy_plan(paths), store, cluster=profile_of(kind, tmp_path))
    assert result.counts() == {"done": 5}
    (jobs,) = store.root.glob("jobs/*")
    (number,) = [path.stem for path in place.glob("*.pid")]
    wait_for(lambda: not Path(f"/proc/{(place / f'{number}.pid').read_text()}/root").exists())
    assert "distributed.worker" in (jobs / f"job.o{number}").read_text()
    # scripts carry variables of the user
    assert {p.stat().st_mode & 0o777 for p in (jobs, *jobs.glob("*.sh"))} == {0o700}
    assert list(jobs.glob("*.sh"))
    assert (jobs / "jobs.json").exists() and not list(jobs.rglob("*.pem"))


def test_facts_of_a_worker_and_the_keys_of_its_run(tmp_path, commands):
    commands("pbs")
    jobs = tmp_path / "jobs" / "12345678"
    with start_cluster(profile_of("pbs", tmp_path, walltime="10min"), jobs=jobs) as cluster:
        ((address, facts),) = cluster.describe().items()
        assert address.startswith("tls://127.0.0.1:")
        assert (facts.job, facts.log) == ("100", jobs / "job.o100")
        assert facts.ends is not None and cluster.ends is None
        modes = {path.name: path.stat().st_mode & 0o777 for path in jobs.rglob("*.pem")}
        assert modes == {"key.pem": 0o600, "certificate.pem": 0o600}
        assert (jobs / "tls").stat().st_mode & 0o777 == 0o700
        scheduler = cluster.client.scheduler.address
        # strangers, with keys of their own or none
        with dask.config.set({"distributed.comm.require-encryption": False}):
            for there, keys in ((scheduler, Security.temporary()), (f"tcp{scheduler[3:]}", None)):
                with pytest.raises(OSError, match=r"TLS certificate|Timed out|reset|[Cc]losed"):
                    Client(there, security=keys, timeout="1s")
    assert not list(jobs.rglob("*.pem"))


def test_jobs_that_are_left_are_cancelled_once(tmp_path, commands):
    place = commands("sge")
    jobs = tmp_path / "jobs"
    for number, name in enumerate(("old", "batch-1", *(f"n{i}" for i in range(7)))):
        (jobs / name).mkdir(parents=True)
        os.utime(jobs / name, (number, number))
    (place / "100.pid").write_text("999999999")
    JobRecord(jobs / "old", "sge", "x").add("100")
    (jobs / "n0" / "jobs.json").write_text("{")  # cut short
    os.utime(jobs / "n0", (2, 2))
    asked = place / "asked"
    (place / "qdel").write_text(f'#!/bin/sh\necho "$@" >> "{asked}"\n')
    clear_left_jobs(jobs)
    clear_left_jobs(jobs)
    assert asked.read_text() == "100\n"
    # those of the last runs stay, and runs that were submitted whole
    assert {p.name for p in jobs.iterdir()} == {"batch-1", "n3", "n4", "n5", "n6", "old"}


@pytest.mark.parametrize("kind", list(QUEUE_SYSTEMS))
def test_a_scheduler_that_is_not_there(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("PATH", "/nowhere")
    submit = QUEUE_SYSTEMS[kind].submit
    with (
        pytest.raises(ClusterError, match=rf"'{kind}': the command {submit} is not found; run it"),
        start_cluster(profile_of(kind, tmp_path), jobs=tmp_path / "jobs/1"),
    ):
        pass
    assert not (tmp_path / "jobs").exists()


def test_a_network_device_that_is_not_there(tmp_path, commands):
    place = commands("pbs")
    path = Path(profile_of("pbs", tmp_path))
    path.write_text(path.read_text().replace("interface: lo", "interface: nosuch0"))
    with (
        pytest.raises(ClusterError, match=r"'pbs': its Dask scheduler does not start here \(.*"),
        start_cluster(str(path), jobs=tmp_path / "jobs/1"),
    ):
        pass
    assert not list(place.glob("*.pid")) and not list((tmp_path / "jobs").rglob("*.pem"))


def test_a_run_without_workers_ends_in_good_order_when_its_time_is_over(tmp_path, commands):
    place = commands("pbs")
    profile = profile_of("pbs", tmp_path, time_limit="3s", prologue='["sleep 300"]')
    store = Store(tmp_path / "out")
    paths = write_inputs(tmp_path / "in", ["a"])
    with pytest.raises(OutOfTime) as stopped:
        run_plan(toy_plan(paths), store, cluster=profile, summary=tmp_path / "out/run.json")
    assert re.fullmatch(
        r"time limit: no worker came \(.+\), 3 are left; submit or run it again to go on",
        str(stopped.value),
    )
    assert json.loads((tmp_path / "out/run.json").read_text())["interrupted"] == "OutOfTime"
    (number,) = [path.stem for path in place.glob("*.pid")]
    wait_for(lambda: not Path(f"/proc/{(place / f'{number}.pid').read_text()}/root").exists())


class Waiting:
    """A client to which no worker comes, and a clock that moves on while it is looked at."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(waiting, "time", SimpleNamespace(
            monotonic=lambda: self.now, time=lambda: self.now, sleep=self.sleep,
        ))  # fmt: skip

    def sleep(self, seconds):
        self.now += seconds

    def nthreads(self):
        return {}


def wait(client, advice=None, limit=None, **values):
    profile = type(load_profile("slurm")).read({"backend": "slurm", **values}, "")
    delay = Delay(lambda: "2 jobs are pending (Why)", advice=lambda: advice)
    waiting.wait_for_workers(client, profile, delay, limit)


def test_the_wait_for_workers_ends_with_the_run_and_not_later(monkeypatch):
    client = Waiting(monkeypatch)
    # of a run that began 40 s before
    limit = TimeLimit("time limit", 960.0, 1060.0, 10.0)
    with pytest.raises(OutOfTime, match=r"^time limit: no worker came \(2 jobs are pending"):
        wait(client, limit=limit)
    assert client.now == pytest.approx(1050, abs=0.3)


def test_advice_is_told_each_minute_and_at_the_end(monkeypatch, caplog):
    client = Waiting(monkeypatch)
    with caplog.at_level("INFO", logger="xsurvey"), pytest.raises(ClusterError) as ended:
        wait(client, "ask for less", start_timeout="00:02:10")
    assert caplog.messages == 2 * ["waiting for workers: 2 jobs are pending (Why); ask for less"]
    assert str(ended.value) == (
        "cluster 'slurm': no worker came within 130 s: 2 jobs are pending (Why); ask for less"
    )


def test_jobs_that_never_fit_end_the_wait(tmp_path):
    watch = SimpleNamespace(
        failure=None, hopeless=False, unfit=True,
        reason=lambda: "2 jobs are pending (PartitionTimeLimit)",
        advice=lambda: slurm_advice("PartitionTimeLimit").text,
    )  # fmt: skip
    with pytest.raises(ClusterError) as ended:
        _checker(watch, QUEUE_SYSTEMS["slurm"], load_profile("slurm"), tmp_path)()
    assert told(f"xsurvey: error: {ended.value}"), str(ended.value)
    watch.hopeless = True
    scratch = "scratch: FOLDER is no folder on NODE that can be written in; correct the profile"
    (tmp_path / "worker-7.log").write_text(f"xsurvey: error: {scratch}\n")
    with pytest.raises(ClusterError) as ended:
        _checker(watch, QUEUE_SYSTEMS["slurm"], load_profile("slurm"), tmp_path)()
    assert told(f"xsurvey: error: {ended.value}".partition(" in /")[0]), str(ended.value)


def test_there_is_no_allocation(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with (
        pytest.raises(ClusterError, match=r"'allocation': this is no Slurm allocation; use it in"),
        start_cluster("allocation"),
    ):
        pass


STATES = {
    "slurm": (
        "12|PENDING|Priority\n13|RUNNING|None\n14|COMPLETING|None\n",
        {"12": ("pending", "Priority"), "13": ("running", "None"), "14": ("running", "None")},
    ),
    "pbs": (
        "Job id            Name             User              Time Use S Queue\n"
        "----------------  ---------------- ----------------  -------- - -----\n"
        "1234.pbs-server   xsurveyab        me                0        Q workq           \n"
        "1235.pbs-server   xsurveyab        me                00:01:02 R workq           \n"
        "1236[].pbs-serv*  xsurveyab        me                0        H workq           \n"
        "1237.pbs-server   xsurveyab        me                00:00:01 C workq           \n",
        {"1234": ("pending", "queued"), "1235": ("running", ""), "1236": ("pending", "held")},
    ),
    "lsf": (
        "JOBID   USER    STAT  QUEUE      FROM_HOST   EXEC_HOST   JOB_NAME   SUBMIT_TIME\n"
        "1234    me      PEND  normal     login1                  xsurvey    Nov 26 10:20\n"
        "1235    me      RUN   normal     login1      node7       xsurvey    Nov 26 10:20\n"
        "1236    me      EXIT  normal     login1      node7       xsurvey    Nov 26 10:20\n",
        {"1234": ("pending", "pending"), "1235": ("running", "")},
    ),
    "sge": (
        "job-ID  prior   name       user         state submit/start at     queue     slots\n"
        "-----------------------------------------------------------------------------\n"
        "   1234 0.55500 xsurveyab  me           qw    11/26/2026 10:20:00              1\n"
        "   1235 0.55500 xsurveyab  me           r     11/26/2026 10:20:00 all.q@n7     1\n"
        "   1236 0.00000 xsurveyab  me           Eqw   11/26/2026 10:20:00              1\n"
        "   1237 0.00000 xsurveyab  me           hqw   11/26/2026 10:20:00              1\n",
        {"1234": ("pending", "queued"), "1235": ("running", ""),
         "1236": ("stuck", "in error: see `qstat -j`"), "1237": ("pending", "held")},
    ),
    "htcondor": (
        "12.0 1 undefined\n13.0 2 undefined\n14.0 5 Job has gone over memory limit\n15.0 4\n",
        {"12.0": ("pending", "idle"), "13.0": ("running", ""),
         "14.0": ("stuck", "Job has gone over memory limit")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(QUEUE_SYSTEMS))
def test_what_schedulers_tell_of_jobs(kind):
    text, states = STATES[kind]
    system = QUEUE_SYSTEMS[kind]
    assert system.parse(text) == states
    assert system.parse("") == {}
    assert all(re.fullmatch(r"[\w-]+", w) for w in system.query("name", ["1"])[:1])


def test_an_explicit_cluster_is_never_another(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    paths = write_inputs(tmp_path / "in", ["a"])
    with pytest.raises(ClusterError, match="sbatch"):
        run_plan(toy_plan(paths), Store(tmp_path / "out"), cluster="slurm")
    assert not list((tmp_path / "out").rglob("*.txt"))
    assert load_profile("slurm").backend == "slurm"
