"""`xsurvey submit` where there is no scheduler: what it checks, and what it would submit."""

import re

import pytest


@pytest.fixture
def config(tmp_path, event_file):
    path = tmp_path / "survey.yaml"
    path.write_text(
        f"schema: 1\npipeline: sources\ninputs: [{event_file}]\noutput: {tmp_path}/out\n"
    )
    return path


def test_a_dry_run_prints_the_job_and_writes_nothing(call, tmp_path, config, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    status, out, error = call(
        "submit", config, "--cluster", "slurm", "--workers", 5, "--walltime", "12h", "--dry-run"
    )
    assert (status, error) == (0, "")
    lines, by = out[: out.index("\n\n# ")].splitlines()[1:], out.splitlines()[-1]
    assert {"#SBATCH --ntasks=5", "#SBATCH --time=12:00:00"} < set(lines)
    assert lines[-1].startswith("exec ") and lines[-1].endswith(" --workers 5")
    assert f" -m xsurvey run {config} --cluster {tmp_path}/out/.xsurvey/jobs/batch-" in lines[-1]
    place = f"{tmp_path}/out/.xsurvey/jobs/batch-"
    assert out.startswith(f"# {place}") and "/cluster.yaml:\n{\n" in out
    assert re.fullmatch(rf"# submitted in {place}\S+ by: sbatch job.sh", by)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("backend", "by"), [
    ("pbs", "qsub job.sh"), ("lsf", "bsub < job.sh"), ("sge", "qsub job.sh"),
    ("htcondor", "condor_submit job.submit"),
])  # fmt: skip
def test_a_dry_run_shows_all_that_would_be_written(call, tmp_path, config, backend, by):
    profile = tmp_path / "site.yaml"
    unit = "memory_unit: mb\n" if backend == "lsf" else ""
    profile.write_text(f"backend: {backend}\nworkers: 1\n{unit}")
    status, out, _ = call("submit", config, "--cluster", profile, "--dry-run")
    assert status == 0 and out.endswith(f" by: {by}\n")
    assert ("request_cpus = 1\n" in out) == (backend == "htcondor")
    assert not (tmp_path / "out").exists()


def test_a_second_job_for_the_same_folder_is_refused(call, tmp_path, config, monkeypatch):
    queue = tmp_path / "queue"
    for name, text in {
        "sbatch": "echo Submitted batch job 7", "scancel": "", "squeue": f"cat {queue}",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    queue.write_text("7|PENDING|Priority\n")
    submit = ("submit", config, "--cluster", "slurm")
    assert call(*submit)[0] == 0
    status, out, error = call(*submit)
    assert (status, out) == (2, "")
    assert error == (
        f"xsurvey: error: {tmp_path}/out: job 7 of Slurm, submitted before for this folder, is "
        "pending (Priority); wait for it, or cancel it first: `scancel -n xsurvey 7`\n"
    )
    assert len(list((tmp_path / "out/.xsurvey/jobs").iterdir())) == 1
    chain = tmp_path / "chain.yaml"
    chain.write_text("backend: slurm\nextra_directives: [--dependency=afterany:7]\n")
    assert call("submit", config, "--cluster", chain)[0] == 0
    queue.write_text("")
    assert call(*submit)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "cluster profile 'local': has no scheduler to submit to (backend local); give "),
        (["--cluster", "slrum"], "cluster profile 'slrum': is unknown; did you mean 'slurm'?"),
        (["--cluster", "slurm"], "cluster 'slurm': the command sbatch is not found; run it where "),
        (["--cluster", "slurm", "--walltime", "soon"], "--walltime: 'soon' "),
        (["--cluster", "slurm", "--walltime", "60"], "--walltime: 60 has no unit; write 60min, "),
        (["--cluster", "slurm", "--walltime", "9s"], "--walltime: a job takes from 1 min to 366 d"),
        (
            ["--cluster", "sge", "--workers", "3"],
            "cluster profile 'sge': parallel_environment: is required for a job of several ",
        ),
        (["--cluster", "slurm", "--workers", "0"], "--workers: '0' is not a whole number from 1 "),
        (["--cluster", "slurm", "--workers", "2.5"], "--workers: '2.5' is not a whole number "),
        (["--cluster", ""], "cluster profile '': is unknown; use one of allocation, "),
        (["--cluster", "slurm", "--output", ""], "--output: '' is not a path; give the path "),
    ],
)
def test_what_cannot_be_submitted(call, tmp_path, config, monkeypatch, arguments, message):
    monkeypatch.setenv("PATH", "/nowhere")
    status, out, error = call("submit", config, *arguments)
    assert (status, out) == (2, "")
    assert error.startswith(f"xsurvey: error: {message}"), error
    assert not (tmp_path / "out").exists()


def test_a_config_is_checked_first(call, tmp_path, config):
    config.write_text(f"{config.read_text()}seed: -1\nimage: {{band: 900-1000}}\n")
    status, out, error = call("submit", config, "--cluster", "slurm", "--dry-run")
    assert (status, out) == (2, "") and "survey.yaml: seed: " in error
