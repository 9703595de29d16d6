"""What may go wrong in a run, done on purpose: nothing is lost, and the messages are as told.

``docs/faults.md`` has a table of these; that its messages are the real ones is tested here.
"""

import os
import re
import signal
from pathlib import Path

import pytest
from fault_pipeline import write_config
from fault_tools import (
    causes,
    counts,
    hashes,
    last_line,
    members,
    run,
    start,
    tasks,
    told,
    wait_for,
)

pytestmark = pytest.mark.slow

PROFILE = "backend: local\nworkers: 2\nmemory: 300MB\ntask_timeout: 2s\n"
GOOD = ["good1", "slow1", "killed1", "good2", "held1", "slow2"]
CAUSES = {
    "bad1": "bad1.txt: holds no numbers; give a table of numbers",
    "segfault1": "its worker process crashed 3 times (Segmentation fault): an error in a library",
    "dies1": "its worker process died 3 times without a trace: killed by a system short of memory "
    "or by hand, or ended by a library",
    "hang1": "took longer than 2 s (task_timeout)",
    "hungry1": "its worker process was stopped 3 times at its memory limit of 0.3 GB",
    "leaves1": "SystemExit: 3",
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the good targets give in one process where nothing happens: hashes by path."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_config(folder, GOOD)
    for name in ("killed1.killed", "held1.held"):
        (folder / "in" / name).touch()
    done = run(folder, "config.yaml", "--workers", 0)
    assert done.returncode == 0, done.stderr
    return hashes(folder)


def test_each_fault_fails_its_own_target_alone(tmp_path, undisturbed):
    (tmp_path / "profile.yaml").write_text(PROFILE)
    write_config(tmp_path, [*GOOD, *CAUSES])
    (tmp_path / "in" / "held1.held").touch()
    done = run(tmp_path, "config.yaml", "--cluster", "./profile.yaml", bokeh=True)
    assert done.returncode == 3, done.stderr
    assert causes(tmp_path) == CAUSES
    assert [cause for cause in CAUSES.values() if not told(cause)] == []
    assert {t["status"] for name, t in tasks(tmp_path).items() if name not in CAUSES} == {"done"}
    assert last_line(done.stderr).startswith(
        f"xsurvey: error: {', '.join(sorted(CAUSES))}: bad1.txt: holds no numbers; "
    )
    assert "Traceback" not in done.stderr and "Couldn't gather" not in done.stderr
    # the others are as if nothing had happened, and are joined
    expected = {n: h for n, h in undisturbed.items() if n.endswith("noise.txt")}
    assert len(expected) == len(GOOD) and expected.items() <= hashes(tmp_path).items()
    joined = (tmp_path / "out/report.html").read_text()
    assert all(f"# {target}: work: {cause}\n" in joined for target, cause in CAUSES.items())
    check_logs(tmp_path)


def check_logs(folder: Path) -> None:
    """Each log tells where in the task it happened."""
    words = {
        "segfault1": ["Fatal Python error: Segmentation fault", "in segfault", "attempt 3"],
        "hang1": ["Timeout (0:00:02)!", "in hang"],
        "hungry1": ["in hungry", "attempt 3"],
        "dies1": ["no stack was written", "attempt 3"],
        "leaves1": ["in leaves", "SystemExit: 3"],
    }
    logs = {t: (folder / "out" / tasks(folder)[t]["log"]).read_text() for t in words}
    assert [(t, w) for t in words for w in words[t] if w not in logs[t]] == []
    assert "attempt 2" not in logs["hang1"]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_do_not_depend_on_workers_or_deaths(tmp_path, undisturbed, workers):
    write_config(tmp_path, GOOD)
    (tmp_path / "in" / "held1.held").touch()
    done = run(tmp_path, "config.yaml", "--workers", workers)
    assert done.returncode == 0, done.stderr
    line = "xsurvey: INFO: a worker died; work killed1 goes to another"
    assert line in done.stderr.splitlines()
    assert told(line.replace("work killed1", "STAGE TARGET"))
    assert hashes(tmp_path) == undisturbed


def test_a_killed_client_takes_its_workers_along_and_is_taken_over(tmp_path, undisturbed):
    write_config(tmp_path, GOOD)
    mark = tmp_path / "in" / "held1.held"
    with start(tmp_path, "config.yaml", "--workers", 2) as process:
        # one worker hangs in a library by now, so that it cannot notice anything in Python
        wait_for(lambda: mark.exists() and list(tmp_path.glob("out/.xsurvey/tasks/*/*")))
        assert int(mark.read_text()) in members(process.pid)
        process.kill()
        process.wait()
        wait_for(lambda: not members(process.pid))
        process.communicate()
    kept = {path.name for path in tmp_path.glob("out/.xsurvey/tasks/*/*")}
    assert kept and not (tmp_path / "out/run.json").exists()
    status = run(tmp_path, "out", command="status")
    line = f"process {process.pid} has ended; run it again to go on"
    assert status.returncode == 0 and line in status.stdout and told(line)
    done = run(tmp_path, "config.yaml", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert {t["key"] for t in tasks(tmp_path).values() if t["status"] == "cached"} == kept
    assert not list((tmp_path / "out/.xsurvey").glob(".*")) + list(tmp_path.glob("out/.*.*"))
    assert hashes(tmp_path) == undisturbed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_asked_to_stop_does_so_in_good_order(tmp_path, number):
    # nothing waits behind a worker that hangs, though there are more tasks than workers
    write_config(tmp_path, ["hang1", "good1", "good2", "slow1"])
    with start(tmp_path, "config.yaml", "--workers", 2) as process:
        wait_for(lambda: counts(tmp_path, "work").get("done") == 3)
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert last_line(error) == (
        "xsurvey: error: interrupted: stopped as asked; run again to go on"
    ) and told(last_line(error))
    assert tasks(tmp_path)["good1"]["status"] == "done"
    assert tasks(tmp_path)["hang1"]["status"] == "pending"
    assert not (tmp_path / "out/.xsurvey/lock").exists()
    wait_for(lambda: not members(process.pid))


def test_workers_that_cannot_start_end_the_run(tmp_path):
    write_config(tmp_path, ["good1"])
    (tmp_path / "profile.yaml").write_text("backend: local\nworkers: 2\nstart_timeout: 20ms\n")
    with start(tmp_path, "config.yaml", "--cluster", "./profile.yaml") as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert last_line(error).startswith("xsurvey: error: cluster 'local': workers did not start (")
    assert last_line(error).endswith("); try fewer with --workers")
    assert told(re.sub(r"\(.*\)", "(REASON)", last_line(error)))
    assert not (tmp_path / "out/.xsurvey/lock").exists()
    wait_for(lambda: not members(process.pid))
    assert run(tmp_path, "config.yaml", "--workers", 1).returncode == 0
