"""Jobs that are cancelled, and what is kept of those that could not be."""

import json
import logging
import os
from types import SimpleNamespace

import pytest

from xsurvey.engine.clusters import job_folder
from xsurvey.engine.clusters.job_folder import JobRecord, clear_left_jobs

AWAY = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n"
FORGOTTEN = "scancel: error: Kill job error on job id 7: Invalid job id specified\n"


@pytest.fixture
def scheduler(monkeypatch):
    """Return the scheduler, whose answer can be set and whose orders can be read."""
    state = SimpleNamespace(returncode=0, stderr="", asked=[])

    def call(words, seconds):
        state.asked.append(words)
        return SimpleNamespace(stdout="", stderr=state.stderr, returncode=state.returncode)

    monkeypatch.setattr(job_folder, "call", call)
    return state


def left(folder):
    return json.loads((folder / "jobs.json").read_text())["jobs"]


@pytest.mark.parametrize(
    ("kind", "status", "said", "kept"),
    [
        ("slurm", 0, "", False),
        ("slurm", 1, AWAY, True),
        ("slurm", 1, FORGOTTEN, False),
        ("slurm", 1, FORGOTTEN + AWAY, True),
        ("slurm", 1, "", True),
        ("pbs", 35, "qdel: Unknown Job Id 7.pbs1\nqdel: Job has finished 8.pbs1\n", False),
        ("pbs", 170, "qdel: Request invalid for state of job 7.pbs1\n", False),
        ("pbs", 1, "qdel: cannot connect to server pbs1 (errno=111)\n", True),
        ("lsf", 255, "Job <7>: Job has already finished\nJob <8>: No matching job found\n", False),
        ("lsf", 255, "Job <7>: User permission denied\n", True),
        ("sge", 1, 'denied: job "7" does not exist\n', False),
        ("htcondor", 1, "Couldn't find/remove all jobs in cluster 7\n", False),
        ("htcondor", 1, "ERROR: can't find address of local schedd\n", True),
    ],
)
def test_jobs_that_could_not_be_cancelled_are_kept(
    tmp_path, scheduler, caplog, kind, status, said, kept
):
    scheduler.returncode, scheduler.stderr = status, said
    record = JobRecord(tmp_path, kind, "x")
    record.add("7")
    record.add("8")
    with caplog.at_level(logging.WARNING):
        record.cancel()
    assert left(tmp_path) == (["7", "8"] if kept else [])
    assert ("jobs 7, 8 were not cancelled" in caplog.text) == kept


def test_folders_of_jobs_that_could_not_be_cancelled_stay(tmp_path, scheduler):
    for number in range(8):
        folder = tmp_path / f"n{number}"
        folder.mkdir()
        if number == 0:
            JobRecord(folder, "slurm", "x").add("7")
        os.utime(folder, (number, number))
    scheduler.returncode, scheduler.stderr = 1, AWAY
    clear_left_jobs(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"n0", "n3", "n4", "n5", "n6", "n7"}
    assert left(tmp_path / "n0") == ["7"]
    scheduler.returncode, scheduler.stderr = 0, ""
    clear_left_jobs(tmp_path)
    assert scheduler.asked == 2 * [["scancel", "-n", "x", "7"]]
    assert not (tmp_path / "n0/jobs.json").exists()
