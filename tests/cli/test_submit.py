"""`xsurvey submit` where there is no scheduler: what it checks, and what it would submit."""

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
    lines = out.splitlines()
    assert {"#SBATCH --ntasks=5", "#SBATCH --time=12:00:00"} < set(lines)
    assert lines[-1].startswith("exec ") and lines[-1].endswith(" --workers 5")
    assert f" -m xsurvey run {config} --cluster {tmp_path}/out/.xsurvey/jobs/batch-" in lines[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "cluster profile 'local': has no scheduler to submit to (backend local); give "),
        (["--cluster", "slrum"], "cluster profile 'slrum': is unknown; did you mean 'slurm'?"),
        (["--cluster", "slurm"], "cluster 'slurm': the command sbatch is not found; run it where "),
        (["--cluster", "slurm", "--walltime", "soon"], "--walltime: 'soon' "),
        (["--cluster", "sge", "--workers", "3"], "parallel_environment: is required for a job "),
        (["--cluster", "slurm", "--workers", "0"], "--workers: 0 is not in the range x>=1"),
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
