"""The watch of jobs: which are lost, what is done about it, and what is told."""

import asyncio
import subprocess
from types import SimpleNamespace

import pytest

from xsurvey.engine.clusters import job_watch
from xsurvey.engine.clusters.job_watch import JobWatch
from xsurvey.engine.clusters.profiles import load_profile
from xsurvey.engine.clusters.queue_systems import QUEUE_SYSTEMS
from xsurvey.engine.clusters.queues import _is_of_one_queue


class FakeJob:
    """A job as dask-jobqueue has it."""

    def __init__(self, number, failure=None):
        self.job_id, self.failure, self.closed = number, failure, False

    async def close(self):
        self.closed = True


class FakeCluster:
    """A cluster whose jobs are taken at once, or refused."""

    def __init__(self):
        self.workers, self.worker_spec = {}, {}
        self.scheduler = SimpleNamespace(workers={})
        self.refusal = None
        self.submitted = 0

    def scale(self, jobs):
        while len(self.worker_spec) < jobs:
            name = f"x-{self.submitted}"
            self.submitted += 1
            self.worker_spec[name] = None
            number = None if self.refusal else str(100 + self.submitted)
            self.workers[name] = FakeJob(number, self.refusal)

    async def _correct_state(self):
        pass

    def connect(self, *names):
        self.scheduler.workers = {n: SimpleNamespace(name=n) for n in names}


class Site:
    """A cluster of two jobs, its watch, and what the scheduler tells when it is asked."""

    def __init__(self, monkeypatch, jobs=2, kind="slurm"):
        self.cluster, self.answer, self.now, self.asked = FakeCluster(), "", 1000.0, 0
        self.error = ""
        self.watch = JobWatch(self.cluster, QUEUE_SYSTEMS[kind], jobs, "x")
        monkeypatch.setattr(job_watch, "call", self.call)
        monkeypatch.setattr(job_watch, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.cluster.scale(jobs)

    def call(self, words, seconds):
        self.asked += 1
        if self.answer is None:
            raise subprocess.TimeoutExpired(words, seconds)
        return SimpleNamespace(
            stdout=self.answer, stderr=self.error, returncode=1 if self.error else 0
        )

    def look(self, seconds=0.0):
        self.now += seconds
        return asyncio.run(self.watch._look())


@pytest.fixture
def site(monkeypatch):
    return Site(monkeypatch)


def test_nothing_is_asked_while_all_jobs_have_workers(site):
    site.cluster.connect("x-0", "x-1")
    assert not site.look() and site.asked == 0
    assert site.watch.reason() == "Slurm has not told of the jobs yet"


def test_jobs_in_the_queue_are_not_lost(site):
    site.answer = "101|PENDING|Priority\n102|PENDING|Resources\n"
    site.look()
    site.look(3600)
    assert site.cluster.submitted == 2 and not site.watch.hopeless
    assert site.watch.reason() == "2 jobs are pending (Priority, Resources)"
    site.answer = "101|RUNNING|None\n102|PENDING|Priority\n"
    site.look()
    assert site.watch.reason() == (
        "1 job is pending (Priority); workers of 1 job have not come yet"
    )


def test_a_job_that_has_gone_is_replaced(site):
    site.cluster.connect("x-0", "x-1")
    site.look()
    lost = site.cluster.workers["x-0"]
    site.cluster.connect("x-1")
    assert site.look() and lost.closed
    assert set(site.cluster.workers) == {"x-1", "x-2"} and site.watch.lost == 1


def test_jobs_of_several_workers_are_known_by_them(site):
    site.cluster.connect("x-0-0", "x-1-0", "x-1-1")
    site.look()
    site.cluster.connect("x-1-1")
    site.look()
    assert set(site.cluster.workers) == {"x-1", "x-2"}


def test_a_job_that_is_not_listed_yet_has_time(site):
    site.look(1.0)
    assert site.cluster.submitted == 2
    site.look(10.0)  # two of them ended before a worker came
    assert site.watch.lost == 2
    site.look(10.0)
    assert site.cluster.submitted == 4


def test_a_scheduler_that_does_not_answer_loses_nothing(site):
    site.cluster.connect("x-0", "x-1")
    site.look()
    site.cluster.connect()
    site.answer = None
    site.look(60.0)
    assert site.cluster.submitted == 2


def test_an_outage_of_the_scheduler_loses_nothing(site):
    site.answer = "101|PENDING|Priority\n102|PENDING|Resources\n"
    site.look()
    jobs = list(site.cluster.workers.values())
    site.answer = ""
    site.error = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n"
    for _ in range(4):
        site.look(400)
    assert site.cluster.submitted == 2 and not any(job.closed for job in jobs)
    assert site.watch.lost == 0 and not site.watch.hopeless
    assert "Slurm does not answer: slurm_load_jobs error: Unable to contact" in site.watch.reason()
    site.answer, site.error = "101|PENDING|Priority\n", ""
    site.look(400)
    assert site.watch.lost == 1 and "does not answer" not in site.watch.reason()


@pytest.mark.parametrize(("kind", "error", "lost"), [
    ("pbs", "qstat: cannot connect to server pbs1 (errno=15010)\n", 0),
    ("pbs", "qstat: Unknown Job Id 101.pbs1\n", 1),
    ("pbs", "qstat: Unknown Job Id 101.pbs1\nqstat: 102.pbs1 Job has finished, use -x\n", 2),
    ("pbs", "qstat: Unknown Job Id 101.pbs1\nqstat: cannot connect to server pbs1\n", 1),
    ("lsf", "LSF is down. Please wait ...\n", 0),
    ("lsf", "Job <101> is not found\nJob <102> is not found\n", 2),
    ("sge", "error: unable to send message to qmaster using port 6444 on host \"q\"\n", 0),
    ("htcondor", "Error: Extra Info: the condor_collector was not found on host 10\n", 0),
])  # fmt: skip
def test_a_query_that_fails_loses_only_jobs_of_which_it_speaks(monkeypatch, kind, error, lost):
    site = Site(monkeypatch, kind=kind)
    site.error = error
    site.look()
    site.look(60)
    assert site.watch.lost == lost


def test_a_job_without_workers_for_long_is_replaced(site):
    site.cluster.connect("x-0", "x-1")
    site.look()
    site.cluster.connect("x-1")
    site.answer = "101|RUNNING|None\n"
    site.look(10.0)
    assert site.cluster.submitted == 2  # another worker is started in it
    site.look(121.0)
    assert site.cluster.submitted == 3


def test_pauses_double_while_jobs_end_without_a_worker(site):
    submitted = []
    for _ in range(400):
        site.look(1.0)
        submitted.append(site.cluster.submitted)
    # fast at first, and then ever slower
    assert site.watch.hopeless and 8 <= submitted[-1] <= 24
    assert submitted[60] - submitted[0] > submitted[-1] - submitted[-61]
    assert "ended before a worker came" in site.watch.reason()
    site.look(300.0)
    name = next(iter(site.cluster.workers))
    site.cluster.connect(name)
    site.look(1.0)
    assert not site.watch.hopeless


def test_refusals_are_told_and_tried_again(site):
    site.cluster.connect("x-0", "x-1")
    site.look()
    site.cluster.refusal = "too many jobs"
    site.cluster.connect()
    site.look(1.0)
    site.look(1.0)
    assert "sbatch refuses jobs: too many jobs" in site.watch.reason()
    assert not site.watch.running
    site.cluster.refusal = None
    site.answer = "".join(f"{number}|PENDING|None\n" for number in range(100, 120))
    for _ in range(10):
        site.look(2.0)
    assert site.watch.running and site.watch.failure is None


FINAL = "101|PENDING|PartitionTimeLimit\n102|PENDING|QOSMaxWallDurationPerJobLimit\n"


def test_jobs_that_never_fit_are_told_before_the_time_is_over(site):
    site.answer = FINAL
    site.look()
    assert "give a shorter walltime" in site.watch.advice()
    assert "give a walltime that the partition allows" in site.watch.advice()
    site.look(59)
    assert not site.watch.unfit
    site.look(2)
    assert site.watch.unfit


@pytest.mark.parametrize("between", [
    "101|PENDING|PartitionTimeLimit\n102|PENDING|Priority\n",
    "101|PENDING|PartitionTimeLimit\n102|RUNNING|None\n", "101|PENDING|PartitionTimeLimit\n",
    "101|PENDING|PartitionConfig\n102|PENDING|PartitionNodeLimit\n",
])  # fmt: skip
def test_jobs_of_which_one_may_start_are_waited_for(site, between):
    site.answer = FINAL
    site.look()
    site.answer = between
    site.look(59)
    site.look(3600)
    assert not site.watch.unfit
    site.watch = JobWatch(site.cluster, QUEUE_SYSTEMS["slurm"], 2, "x", one_queue=False)
    site.answer = FINAL
    site.look()
    site.look(3600)
    assert not site.watch.unfit


def test_a_scheduler_that_does_not_answer_makes_no_job_unfit(site):
    site.answer = FINAL
    site.look()
    site.answer = None
    site.look(3600)
    assert not site.watch.unfit
    site.answer = "101|PENDING|Priority\n102|PENDING|Priority\n"
    site.look(1)
    assert site.watch.advice() is None and not site.watch.unfit


@pytest.mark.parametrize(("values", "one"), [
    ({"queue": "short"}, True), ({"queue": "short,long"}, False), ({}, True),
    ({"extra_directives": ["--partition=a,b"]}, False),
    ({"extra_directives": ["--gres=a,b"]}, True),
])  # fmt: skip
def test_of_several_partitions_one_reason_is_not_all(values, one):
    profile = type(load_profile("slurm")).read({"backend": "slurm", **values}, "")
    assert _is_of_one_queue(profile) == one


# as in Slurm's documentation, "Job Reason Codes"
REASONS = {
    "PartitionTimeLimit": True, "AssocMaxWallDurationPerJobLimit": True,
    "QOSMaxCpuMinutesPerJobLimit": True, "AssocMaxCpuPerJobLimit": True,
    "QOSMaxMemoryPerNode": True, "MaxMemPerLimit": True, "QOSMinCpuNotSatisfied": True,
    "InvalidAccount": False, "InvalidQOS": False, "BadConstraints": False,
    "DependencyNeverSatisfied": True,
    "PartitionNodeLimit": False, "PartitionConfig": False, "PartitionDown": False,
    "AssocMaxJobsLimit": False, "QOSMaxJobsPerUserLimit": False, "QOSMaxCpuPerUserLimit": False,
    "AssocGrpCPUMinutesLimit": False, "QOSGrpNodeLimit": False, "MaxCpuPerAccount": False,
    "JobHeldUser": False, "ReqNodeNotAvail, UnavailableNodes:n1": False, "Resources": False,
    "Priority": None, "BeginTime": None, "None": None, "Dependency": None,
}  # fmt: skip


@pytest.mark.parametrize(("reason", "final"), REASONS.items())
def test_advice_for_the_reasons_of_slurm(reason, final):
    advice = QUEUE_SYSTEMS["slurm"].advice(reason)
    assert (None if advice is None else advice.final) == final
    assert QUEUE_SYSTEMS["pbs"].advice(reason) is None
