"""``xsurvey check`` opens the inputs: it does not call good what a run must fail at."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

Run = Callable[..., object]


@pytest.fixture
def check(run_command: Run, event_file: Path, tmp_path: Path) -> Run:
    """Check a config; return the command's result."""

    def run(
        more: str = "", *options: str, inputs: object = event_file, output: object = "out"
    ) -> object:
        text = f"schema: 1\npipeline: sources\ninputs: [{inputs}]\noutput: {output}\n{more}"
        (tmp_path / "my.yaml").write_text(text)
        return run_command("check", "my.yaml", *options, cwd=tmp_path)

    return run


def test_a_good_config_is_good_and_nothing_is_written(check: Run, tmp_path: Path) -> None:
    done = check("detection: {band: [7-10, 0.5-2]}\n")
    assert done.returncode == 0, done.stderr
    assert "good" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["my.yaml"]


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ("detection: {band: 20-30}\n", "lies in 20-30 keV"),
        ("selection: {detectors: TM1}\n", "no 'TM1'"),
    ],
)
def test_what_the_observation_does_not_have(check: Run, more: str, cause: str) -> None:
    done = check(more)
    assert done.returncode == 2
    assert cause in done.stderr
    assert "good" not in done.stdout


def test_files_that_are_no_event_files(check: Run, tmp_path: Path, event_file: Path) -> None:
    (tmp_path / "empty.fits").touch()
    fits.PrimaryHDU(np.ones((4, 4))).writeto(tmp_path / "image.fits")
    done = check(inputs=f"{event_file}, empty.fits, image.fits")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("xsurvey: error: ")]
    assert len(lines) == 2
    assert "empty.fits: is empty" in lines[0]
    assert "image.fits" in lines[1]


def test_an_output_that_cannot_be_made(check: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = check(output="file/out")
    assert done.returncode == 2
    assert "file/out: cannot be made" in done.stderr


def test_all_mistakes_of_a_config_have_a_line(check: Run) -> None:
    done = check("seed: -1\ndetection: {treshold: 3}\nimage: {pixel_size: -2arcsec}\n")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("xsurvey: error: my.yaml: ") for line in lines)
    assert "not '-2arcsec'" in done.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("cluster: slrum\n", "cluster profile 'slrum': is unknown; did you mean 'slurm'?"),
        (
            "cluster: {profile: ./site.yaml}\n",
            "site.yaml: qeue: unknown key; did you mean 'queue'?",
        ),
        ("cluster: ''\n", "cluster profile '': is unknown; use one of "),
    ],
)
def test_a_profile_that_a_run_would_refuse(
    check: Run, tmp_path: Path, more: str, message: str
) -> None:
    (tmp_path / "site.yaml").write_text("backend: slurm\nqeue: long\n")
    done = check(f"seed: 1\n{more}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"xsurvey: error: {message}"), done.stderr
    assert "good" not in done.stdout


def test_the_bare_name_of_a_profile_will_do(check: Run) -> None:
    done = check("cluster: slurm\n")
    assert done.returncode == 0, done.stderr


def test_another_profile_than_that_of_the_config_is_checked(check: Run) -> None:
    text = "cluster: {profile: ./absent.yaml}\n"
    assert check(text).returncode == 2
    assert check(text, "--cluster", "slurm").returncode == 0
    assert check("cluster: slurm\n", "--cluster", "./absent.yaml").returncode == 2


def test_an_output_without_a_name(call: Run, tmp_path: Path) -> None:
    for command in ("check", "run"):
        status, _, error = call(command, tmp_path / "my.yaml", "--output", " ")
        assert (status, error) == (
            2, "xsurvey: error: --output: ' ' is not a path; give the path of a folder\n"
        )  # fmt: skip
