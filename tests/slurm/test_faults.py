"""Faults on a real Slurm: whatever is killed or cancelled, the results are the same at the end.

``docs/faults.md`` has a table of these; that its messages are the real ones is tested here.
"""

import contextlib
import os
import re
import signal
from functools import partial
from pathlib import Path

import pytest
from fault_pipeline import write_config
from fault_tools import hashes, last_line, progress, run, tasks, told, wait_for
from site_tools import Site

MODULE = "fault_pipeline"
# more than two workers do while they are watched
TARGETS = ["good1", "killed1", *(f"slow{i}" for i in range(1, 15))]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process gives where nothing happens: hashes by path."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_config(folder, TARGETS)
    (folder / "in" / "killed1.killed").touch()
    done = run(folder, "config.yaml", "--workers", 0)
    assert done.returncode == 0, done.stderr
    return hashes(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the config, and with a blank in its name."""
    place = tmp_path / "my survey"
    place.mkdir()
    write_config(place, TARGETS)
    return place


def at_work(folder: Path) -> list[int]:
    """Return the processes that are at tasks."""
    sent = [task["key"] for task in progress(folder).get("sent", ())]
    places = [p for key in sent for p in folder.glob(f"out/.xsurvey/tmp/*/{key}/*.*.*")]
    found = [int(place.name.split(".")[1]) for place in places]
    # of one that died the folder stays for a while
    return [pid for pid in found if Path(f"/proc/{pid}").exists()]


def some_done(folder: Path) -> bool:
    return len(results(folder)) >= 2 and bool(at_work(folder))


def kill_one(folder: Path) -> None:
    """Kill a worker that is at a task."""
    wait_for(lambda: some_done(folder))
    os.kill(at_work(folder)[0], signal.SIGKILL)


def no_jobs(site: Site) -> bool:
    return not site.slurm.jobs()


def test_a_killed_worker_and_cancelled_jobs_change_nothing(site, folder, undisturbed):
    profile = site.profile(folder, MODULE)
    with site.start(folder, "run", "config.yaml", "--cluster", profile, module=MODULE) as process:
        kill_one(folder)
        first = sorted(site.slurm.jobs())
        assert len(first) == 2
        wait_for(lambda: at_work(folder))
        for number in first:
            site.slurm.call("scancel", number)
        _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert hashes(folder) == undisturbed
    lines = error.splitlines()
    assert all(f"xsurvey: INFO: job {n} is lost; another is submitted" in lines for n in first)
    assert told("xsurvey: INFO: job N is lost; another is submitted")
    check_what_remains(site, folder)


def check_what_remains(site: Site, folder: Path) -> None:
    """No job, no key; scripts and logs."""
    wait_for(lambda: no_jobs(site))
    (jobs,) = folder.glob("out/.xsurvey/jobs/*")
    assert len(list(jobs.glob("worker-*.log"))) == len(list(jobs.glob("*.sh"))) >= 4
    assert not list(jobs.rglob("*.pem"))
    assert not list(folder.glob("out/.xsurvey/tmp"))


def test_jobs_of_a_killed_run_are_cancelled_by_the_next(site, folder, undisturbed):
    profile = site.profile(folder, MODULE)
    arguments = ("run", "config.yaml", "--cluster", profile)
    with site.start(folder, *arguments, module=MODULE) as process:
        wait_for(lambda: some_done(folder))
        left = sorted(site.slurm.jobs())
        process.kill()
        process.wait()
        process.communicate()
    kept = results(folder)
    done = site.call(folder, *arguments, module=MODULE)
    assert done.returncode == 0, done.stderr
    line = f"xsurvey: INFO: jobs {', '.join(left)} of a run that was killed are cancelled"
    assert line in done.stderr.splitlines()
    assert told("xsurvey: INFO: jobs N, N of a run that was killed are cancelled")
    # those of workers that were about to end a task may be more
    assert kept <= {t["key"] for t in tasks(folder).values() if t["status"] == "cached"}
    assert hashes(folder) == undisturbed


def test_an_interrupted_run_takes_its_jobs_along(site, folder):
    profile = site.profile(folder, MODULE)
    with site.start(folder, "run", "config.yaml", "--cluster", profile, module=MODULE) as process:
        wait_for(lambda: some_done(folder))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert last_line(error) == "xsurvey: error: interrupted: stopped as asked; run again to go on"
    assert "Traceback" not in error
    wait_for(lambda: no_jobs(site))


def client(folder: Path) -> int:
    return int(progress(folder)["process"]["pid"])


def kill_client(site: Site, folder: Path, number: str) -> None:
    os.kill(client(folder), signal.SIGKILL)


def cancel(site: Site, folder: Path, number: str) -> None:
    site.slurm.call("scancel", number)


def test_a_submitted_run_goes_on_when_submitted_again(site, folder, undisturbed):
    profile = site.profile(folder, MODULE)
    done: set[str] = set()
    for end in (kill_client, cancel):
        number, _ = site.submit(folder, "config.yaml", profile, MODULE)
        wait_for(partial(goes_on, folder, len(done)))
        if end is kill_client:  # and before it a worker, which comes back
            os.kill(at_work(folder)[0], signal.SIGKILL)
            wait_for(lambda: at_work(folder))
        end(site, folder, number)
        # with the client the whole job ends, at once
        site.wait_for_end(number, 30)
        assert site.exit_status(number) != 0
        assert done < results(folder) and len(results(folder)) < len(TARGETS)
        done = results(folder)
    site.run(folder, "config.yaml", profile, how="submit", module=MODULE)
    assert done <= {t["key"] for t in tasks(folder).values() if t["status"] == "cached"}
    assert hashes(folder) == undisturbed


def test_a_node_that_is_lost_takes_its_workers_only(site, folder, undisturbed):
    spread = ["--ntasks-per-node=1"]
    profile = site.profile(folder, MODULE, extra_directives=spread)
    number, log = site.submit(folder, "config.yaml", profile, MODULE)
    wait_for(lambda: some_done(folder))
    nodes = site.slurm.call("squeue", "-h", "-j", number, "-o", "%N %B").split()
    assert nodes == ["n[1-2]", "n1"]  # the run itself is on the first
    try:
        site.slurm.call("scontrol", "update", "nodename=n2", "state=down", "reason=test")
        site.wait_for_end(number)
    finally:
        site.slurm.node_returns("n2")
    assert site.exit_status(number) == 0, log.read_text()
    assert hashes(folder) == undisturbed


def goes_on(folder: Path, before: int) -> bool:
    return len(results(folder)) > before and bool(at_work(folder))


def results(folder: Path) -> set[str]:
    """Return the keys of the targets that are done."""
    return {path.parent.name for path in folder.glob("out/.xsurvey/tasks/*/*/noise.txt")}


def test_what_is_wrong_with_jobs_is_told(site, tmp_path):
    """One line each, and no job is left."""
    refused = (
        "sbatch refuses the job: invalid partition specified: nosuch, Batch job submission failed: "
        "Invalid partition name specified; correct queue"
    )
    late = {"extra_directives": ["--begin=now+1hour"], "start_timeout": "4s"}
    waits = r"no worker came within 4 s: 2 jobs are pending \(BeginTime\); wait for"
    ends = "jobs end before their workers start; see the logs in"
    cases = (({"queue": "nosuch"}, refused), (late, waits), ({"python": "/bin/false"}, ends))
    with contextlib.ExitStack() as stack:  # all at once: most of the time they wait
        started = []
        for number, (values, message) in enumerate(cases):
            folder = tmp_path / str(number)
            folder.mkdir()
            write_config(folder, TARGETS)
            profile = site.profile(folder, MODULE, **values)
            run_it = site.start(folder, "run", "config.yaml", "--cluster", profile, module=MODULE)
            started.append((stack.enter_context(run_it), message))
        for process, message in started:
            _, error = process.communicate(timeout=120)
            line = last_line(error)
            assert process.returncode == 2, error
            assert re.match(f"xsurvey: error: cluster 'slurm': {message}", line), line
            assert told(without_places(line)), line
    wait_for(lambda: no_jobs(site))


def without_places(line: str) -> str:
    """Return a message with what it has of this machine as the table of faults has it."""
    return re.sub(r"logs in .*jobs/\w+", "logs in OUTPUT/.xsurvey/jobs/RUN", line)


def test_nothing_is_submitted_that_cannot_run(site, folder):
    profile = site.profile(folder, MODULE)
    for name, text in {"bad.yaml": "seed: -4", "absent.yaml": "inputs: [in/none.txt]"}.items():
        key = text.partition(":")[0]
        lines = (folder / "config.yaml").read_text()
        kept = re.sub(rf"^{key}:.*\n(  - .*\n)*", "", lines, flags=re.MULTILINE)
        (folder / name).write_text(f"{kept}{text}\n")
        done = site.call(folder, "submit", name, "--cluster", profile, module=MODULE)
        assert done.returncode == 2 and done.stdout == ""
        assert last_line(done.stderr).startswith(f"xsurvey: error: {name}: {key}")
    profile = site.profile(folder, MODULE, account="x", queue="nosuch")
    done = site.call(folder, "submit", "config.yaml", "--cluster", profile, module=MODULE)
    assert done.returncode == 2
    assert "'slurm': sbatch refuses the job: " in last_line(done.stderr)
    assert "Invalid partition name specified" in last_line(done.stderr)
    assert no_jobs(site) and not (folder / "out/run.json").exists()
