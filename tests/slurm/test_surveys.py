"""Surveys on a real Slurm, by workers that are jobs and as one job; and what is killed meanwhile.

The demo has one observation of a real field, the other survey fifty simulated ones. Whatever
happens to jobs, workers and the client, the catalog is the same to the last byte.
"""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_tools import progress, wait_for
from site_tools import Site

from benchmarks.fifty_observations import CONFIG, fifty_observations

pytestmark = pytest.mark.usefixtures("long_test")

ROOT = Path(__file__).parents[2]


def catalog(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all files of a catalog; its provenance has times."""
    return catalog_files(next(folder.glob("*/catalog")))


def catalog_files(place: Path) -> dict[str, str]:
    """Return the SHA-256 of all files of a catalog folder."""
    return {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_file() and path.name != "provenance.json"
    }


def test_the_demo(site: Site, tmp_path: Path) -> None:
    """By jobs and as one job, side by side: most of its time goes into one task."""
    folders = {how: tmp_path / how for how in ("run", "submit")}
    for folder in folders.values():
        folder.mkdir()
        shutil.copy(ROOT / "configs" / "demo.yaml", folder)
    profiles = {how: site.profile(f, memory="2GB", workers=1) for how, f in folders.items()}
    number, log = site.submit(folders["submit"], "demo.yaml", profiles["submit"])
    site.run(folders["run"], "demo.yaml", profiles["run"], how="run")
    site.wait_for_end(number, 900)
    assert site.exit_status(number) == 0, log.read_text()
    # what `make demo` left here, if it is of the same tasks; else without a cluster
    reference, name = ROOT / "demo_output", "demo_output"
    if task_keys(reference) != task_keys(folders["run"] / name):
        site.call(tmp_path, "run", ROOT / "configs" / "demo.yaml", "--workers", 2)
        reference = tmp_path / name
    for folder in folders.values():
        assert task_keys(folder / name) == task_keys(reference)
        assert catalog(folder) == catalog_files(reference / "catalog")


def task_keys(output: Path) -> set[str]:
    """Return the keys of the tasks of a good run; none if there is no such run."""
    try:
        summary = json.loads((output / "run.json").read_text())
    except OSError:
        return set()
    return {task["key"] for task in summary["tasks"]} if summary["status"] == "done" else set()


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory, slurm_site: Site) -> Path:
    """A folder with fifty observations, and their catalog, made without a cluster."""
    folder = tmp_path_factory.mktemp("survey")
    fifty_observations(folder)
    done = slurm_site.call(folder, "run", CONFIG, "--workers", 2)
    assert done.returncode == 0, done.stderr
    tasks = json.loads((folder / "out" / "run.json").read_text())["tasks"]
    assert sum(task["stage"] == "image" for task in tasks) == 50
    return folder


@pytest.fixture
def again(survey: Path, tmp_path: Path) -> Path:
    """A folder with the same observations, and nothing done."""
    (tmp_path / "observations").symlink_to(survey / "observations")
    shutil.copy(survey / CONFIG, tmp_path)
    return tmp_path


def results(folder: Path) -> set[str]:
    """Return the keys of the tasks, and of parts of targets, that are done."""
    found = folder.glob("out/.xsurvey/tasks/*/*/manifest.json")
    return {path.parent.name for path in found}


def done_tasks(folder: Path) -> int:
    return len(results(folder))


def check_what_was_done(folder: Path, kept: set[str]) -> None:
    """Nothing failed in the newest run, and nothing was done again."""
    summary = json.loads((folder / "out" / "run.json").read_text())
    assert set(summary["counts"]) == {"cached", "done"}
    lines = (folder / "out" / summary["events"]).read_text().splitlines()
    done = {event["key"] for event in map(json.loads, lines) if event["event"] == "done"}
    assert done and not done & kept


def at_work(folder: Path) -> list[int]:
    """Return the processes that are at tasks."""
    sent = [task["key"] for task in progress(folder).get("sent", ())]
    places = [p for key in sent for p in folder.glob(f"out/.xsurvey/tmp/*/{key}/*.*.*")]
    found = [int(place.name.split(".")[1]) for place in places]
    return [pid for pid in found if Path(f"/proc/{pid}").exists()]


def kill_worker(site: Site, folder: Path) -> None:
    wait_for(lambda: at_work(folder))
    os.kill(at_work(folder)[0], signal.SIGKILL)


def cancel_job(site: Site, folder: Path) -> None:
    site.slurm.call("scancel", min(site.slurm.jobs()))


def kill_client(site: Site, folder: Path) -> None:
    os.kill(int(progress(folder)["process"]["pid"]), signal.SIGKILL)


def test_workers_as_jobs_that_are_killed_and_cancelled(
    site: Site, survey: Path, again: Path
) -> None:
    """A worker is killed, a job cancelled, at last the client killed; a rerun ends it."""
    profile = site.profile(again)
    arguments = ("run", CONFIG, "--cluster", profile)
    faults: tuple[Callable[[Site, Path], None], ...] = (kill_worker, cancel_job, kill_client)
    with site.start(again, *arguments) as process:
        for number, fault in enumerate(faults, start=1):
            least = 25 * number
            wait_for(lambda least=least: done_tasks(again) > least or process.poll() is not None)
            assert process.poll() is None, process.communicate()[1]
            fault(site, again)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL and not (again / "out/run.json").exists()
    kept = results(again)
    done = site.call(again, *arguments)
    assert done.returncode == 0, done.stderr
    check_what_was_done(again, kept)
    assert catalog(again) == catalog(survey)


def test_one_job_that_is_killed_and_submitted_again(site: Site, survey: Path, again: Path) -> None:
    """A worker is killed, then the client; submitted again, the job is cancelled, then it ends."""
    profile = site.profile(again)
    kept: set[str] = set()
    for number, end in enumerate((kill_client, cancel_job), start=1):
        job, log = site.submit(again, CONFIG, profile)
        least = len(kept) + 25
        wait_for(lambda least=least: done_tasks(again) > least, 120)
        if number == 1:
            kill_worker(site, again)
            wait_for(lambda least=least: done_tasks(again) > least + 10, 120)
        end(site, again)
        site.wait_for_end(job, 60)
        assert site.exit_status(job) != 0, log.read_text()
        kept = results(again)
    site.run(again, CONFIG, profile, how="submit")
    check_what_was_done(again, kept)
    assert catalog(again) == catalog(survey)
