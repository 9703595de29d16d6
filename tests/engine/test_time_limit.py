"""Runs that stop in good order when their time is over, and go on."""

import json
import re

import pytest
from fault_pipeline import write_config
from fault_tools import hashes, last_line, run, tasks, told
from toy_stages import toy_plan, write_inputs

from xsurvey.engine import Store, load_profile, run_plan
from xsurvey.errors import OutOfTime

pytestmark = pytest.mark.slow

NAMES = [f"slow{i}" for i in range(8)]


def test_a_run_that_came_to_its_limit_goes_on_to_the_same_results(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    for folder in tmp_path.iterdir():
        write_config(folder, NAMES)
    assert run(tmp_path / "whole", "config.yaml", "--workers", 0).returncode == 0
    parts = tmp_path / "parts"
    done = run(parts, "config.yaml", "--workers", 0, "--time-limit", "2.5s")
    assert done.returncode == 130 and "Traceback" not in done.stderr
    line = last_line(done.stderr)
    found = re.fullmatch(r"xsurvey: error: (time limit: .*), (\d+) are left; (.*)", line)
    assert found and told(f"{found[1]}, M are left; {found[3]}".replace("time limit", "walltime"))
    summary = json.loads((parts / "out/run.json").read_text())
    assert summary["interrupted"] == "OutOfTime"
    assert summary["counts"]["pending"] == int(found[2]) >= 3
    assert not (parts / "out/.xsurvey/lock").exists()
    text = run(parts, "out", command="status").stdout
    assert text.startswith("interrupted: it came to its limit of time; run it again to go on\n")
    kept = {n for n, t in tasks(parts).items() if t["status"] == "done"}
    assert kept and run(parts, "config.yaml", "--workers", 2).returncode == 0
    assert {n for n, t in tasks(parts).items() if t["status"] == "cached"} == kept
    assert hashes(parts) == hashes(tmp_path / "whole")


@pytest.mark.parametrize(("text", "cause"), [("8", "8"), ("-1h", "-1h"), ("0s", "0s"), ("x", "x")])
def test_a_limit_that_is_no_time_is_refused(tmp_path, text, cause):
    write_config(tmp_path, ["good1"])
    done = run(tmp_path, "config.yaml", f"--time-limit={text}")
    assert done.returncode == 2
    line = last_line(done.stderr)
    assert line.startswith("xsurvey: error: --time-limit: ") and cause in line
    assert not (tmp_path / "out").exists()


def test_the_limit_counts_from_the_start_of_the_run(tmp_path):
    paths = write_inputs(tmp_path / "in", ["a"])
    profile = load_profile("local").model_copy(update={"time_limit": 1e-6})
    with pytest.raises(OutOfTime, match="too short for more tasks, 3 are left"):
        run_plan(toy_plan(paths), Store(tmp_path / "out"), cluster=profile, workers=0)
