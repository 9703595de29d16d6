"""``xsurvey upper-limit``: what it prints and writes, and what it refuses."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_limits_of_an_event_file(event_file: Path, run_command: Run, tmp_path: Path) -> None:
    out = tmp_path / "limits.json"
    done = run_command(
        "upper-limit", event_file, "--position", "150.05,2.22", "--position", "150.08,2.22",
        "--position", "10,10", "--band", "0.5-2", "--confidence", "0.9", "--json", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "source 1" in lines[0]
    assert lines[2].endswith("none, outside of the exposure")
    result = json.loads(out.read_text())
    assert result["confidence"] == 0.9
    source, empty, outside = result["limits"]
    assert source["source"] == 1
    assert 100 < source["counts_upper"] < 300
    assert 2 < empty["counts_upper"] < 12
    assert empty["rate_upper"] == pytest.approx(empty["counts_upper"] / empty["exposure"])
    assert empty["energy"] == [0.5, 2.0]
    assert outside["rate_upper"] is None
    assert outside["reason"]


def test_a_position_given_twice_is_worked_out_once(event_file: Path, run_command: Run) -> None:
    place = ("--position", "150.08,2.22")
    done = run_command("upper-limit", event_file, *place, *place, "--band", "0.5-2")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "content",
    ["[1]", "{}", '{"config": [1]}', '{"config": {"pipeline": "sources"}}',
     '{"config": {"schema": 1, "pipeline": "sources", "output": "o", "inputs": ["gone.fits"]}}'],
)  # fmt: skip
def test_a_damaged_record_of_a_run(content: str, run_command: Run, tmp_path: Path) -> None:
    (tmp_path / ".xsurvey").mkdir()
    (tmp_path / "run.json").write_text(content)
    done = run_command("upper-limit", tmp_path, "--position", "1,2")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    # by the name of the file that the user has
    assert done.stderr.startswith(f"xsurvey: error: {tmp_path / 'run.json'}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["EVENTS"], ("--position", "required")),
        (["EVENTS", "--position", "north"], ("--position",)),
        (["EVENTS", "--position", "1,2", "--confidence", "1"], ("--confidence",)),
        (["EVENTS", "--position", "1,2", "--band", "7-2"], ("--band",)),
        (["absent.fits", "--position", "1,2"], ("does not exist",)),
        (["EVENTS", "--position", "1,2", "--json", "EVENTS"], ("input",)),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], words: tuple[str, ...], event_file: Path, run_command: Run
) -> None:
    given = [str(event_file) if a == "EVENTS" else a for a in arguments]
    done = run_command("upper-limit", *given)
    assert done.returncode == 2
    last = done.stderr.rstrip().splitlines()[-1]
    assert last.startswith("xsurvey: error: ")
    assert all(word in last for word in words), last
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_no_finished_run(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / ".xsurvey").mkdir()
    done = run_command("upper-limit", tmp_path, "--position", "1,2")
    assert done.returncode == 2
    assert "run.json" in done.stderr
    beside = run_command("upper-limit", tmp_path, "--position", "1,2", "--detectors", "ccd1")
    assert beside.returncode == 2
    assert "run alone" in beside.stderr
