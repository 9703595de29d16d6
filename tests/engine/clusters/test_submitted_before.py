"""A second run of one output folder while the job of the first is with its scheduler."""

import logging
import subprocess
from types import SimpleNamespace

import pytest
from fault_tools import told

from xsurvey.engine.clusters import submitted_before
from xsurvey.engine.clusters.batch import waits_for_others
from xsurvey.engine.clusters.profiles import ClusterError, load_profile
from xsurvey.engine.clusters.submitted import record_submitted
from xsurvey.engine.clusters.submitted_before import require_no_job


@pytest.fixture
def jobs(tmp_path):
    """Return a function that notes submitted jobs, and their folder."""

    def note(backend, *numbers):
        for number in numbers:
            folder = tmp_path / f"batch-{number}"
            folder.mkdir()
            record_submitted(folder, backend, number, folder / "log")
        return tmp_path

    return note


@pytest.fixture
def scheduler(monkeypatch):
    state = SimpleNamespace(stdout="", stderr="", returncode=0, error=None)

    def call(words, seconds):
        if state.error:
            raise state.error
        return state

    monkeypatch.setattr(submitted_before, "call", call)
    return state


PBS = "7.s   xsurvey   me   00:00:01 {} workq\n"
SGE = "  7 0.5 xsurvey me {} 11/26/2026 10:20:00  1\n"
WAIT = "submitted before for this folder, {}; wait for it, or cancel it first: `{}`"


@pytest.mark.parametrize(("backend", "states", "message"), [
    ("slurm", "7|PENDING|Priority\n8|RUNNING|None\n",
     "job 7 of Slurm, " + WAIT.format("is pending (Priority)", "scancel -n xsurvey 7")),
    ("slurm", "7|RUNNING|None\n", "job 7 of Slurm, " + WAIT.format("runs", "scancel -n xsurvey 7")),
    ("pbs", PBS.format("Q"), "job 7 of PBS, " + WAIT.format("is pending (queued)", "qdel 7")),
    ("lsf", "7 me RUN normal a b xsurvey Nov\n", "job 7 of LSF, " + WAIT.format("runs", "bkill 7")),
    ("sge", SGE.format("Eqw"), "job 7 of Grid Engine, "
     + WAIT.format("is held after an error (in error: see `qstat -j`)", "qdel 7")),
    ("htcondor", "7.0 1 undefined\n",
     "job 7 of HTCondor, " + WAIT.format("is pending (idle)", "condor_rm 7")),
])  # fmt: skip
def test_a_job_that_is_there_is_told(jobs, scheduler, backend, states, message):
    folder = jobs(backend, "6", "7")
    scheduler.stdout = states
    with pytest.raises(ClusterError) as refused:
        require_no_job("out", folder)
    assert str(refused.value) == f"out: {message}"
    if "Priority" in message:
        line = message.replace("Priority", "REASON").replace("7", "N")
        assert told(f"xsurvey: error: OUTPUT: {line}")


@pytest.mark.parametrize(("backend", "states", "complaint", "status"), [
    ("slurm", "8|RUNNING|None\n77|PENDING|None\n", "", 0), ("slurm", "", "", 0),
    ("pbs", PBS.format("C"), "", 0), ("pbs", "", "qstat: Unknown Job Id 7.s\n", 153),
    ("lsf", "", "Job <7> is not found\n", 255), ("sge", "", "", 0), ("htcondor", "", "", 0),
])  # fmt: skip
def test_a_job_that_has_ended_is_no_matter(
    jobs, scheduler, caplog, backend, states, complaint, status
):
    folder = jobs(backend, "7")
    scheduler.stdout, scheduler.stderr, scheduler.returncode = states, complaint, status
    require_no_job("out", folder)
    assert not caplog.records


@pytest.mark.parametrize("error", [
    None, FileNotFoundError(2, "No such file: squeue"), subprocess.TimeoutExpired("squeue", 30),
])  # fmt: skip
def test_a_scheduler_that_does_not_answer_is_told(jobs, scheduler, caplog, error):
    folder = jobs("slurm", "7", "6")
    scheduler.error, scheduler.returncode = error, 1
    scheduler.stderr = "slurm_load_jobs error: Unable to contact slurm controller\n"
    with caplog.at_level(logging.WARNING):
        require_no_job("out", folder)
    (record,) = caplog.records
    assert "whether job 7 of Slurm, submitted before for this folder, has ended is not known (" in (
        record.getMessage()
    )


def test_folders_that_say_nothing(jobs, scheduler, tmp_path):
    scheduler.error = AssertionError("asked")
    (tmp_path / "batch-9").mkdir()
    (tmp_path / "batch-9" / "submitted.json").write_text("{")
    require_no_job("out", jobs("of another time", "7"))
    require_no_job("out", tmp_path / "absent")


@pytest.mark.parametrize(("backend", "directive", "waits"), [
    ("slurm", "--dependency=afterany:7", True), ("slurm", "-d afterany:7", True),
    ("slurm", "-dafterok:7", True), ("slurm", "-w node1", False), ("slurm", "--qos=high", False),
    ("slurm", "--comment=independent", False), ("slurm", "--distribution=block", False),
    ("pbs", "-W depend=afterany:7", True), ("pbs", "-W group_list=x", False),
    ("sge", "-hold_jid 7", True), ("sge", "-w e", False),
    ("lsf", "-w ended(7)", True), ("lsf", "-wdone(7)", True), ("lsf", "-W 60", False),
])  # fmt: skip
def test_links_of_a_chain_are_known_by_their_directives(backend, directive, waits):
    values = {**load_profile(backend).normalised(), "extra_directives": [directive]}
    assert waits_for_others(type(load_profile(backend)).read(values, "")) == waits
