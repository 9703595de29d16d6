"""The comparison with other packages: its table, and a task of two scripts of our own."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import comparing, page, tasks
from benchmarks.compare.__main__ import run
from benchmarks.compare.environments import PEERS, CannotRun, pinned, requirements
from benchmarks.compare.measuring import MARK, user_lines
from benchmarks.compare.tasks import TASKS, Check, Quantity, Task

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "benchmarks" / "results" / "compare.json"
PAGE = ROOT / "docs" / "compare.md"


def committed() -> dict[str, Any]:
    return dict(json.loads(RESULT.read_text()))


def test_page_says_what_the_result_says() -> None:
    _, _, rest = PAGE.read_text().partition(page.BEGIN)
    shown, end, _ = rest.partition(page.END)
    assert end
    assert shown == page.table(committed())


def test_result_is_of_the_tasks_scripts_and_pins_of_today() -> None:
    result = committed()
    assert result["fraction"] == 1
    assert result["not_run"] == tasks.NOT_RUN
    assert [record["name"] for record in result["tasks"]] == [task.name for task in TASKS]
    for task, record in zip(TASKS, result["tasks"], strict=True):
        assert record["quantities"] == [q._asdict() for q in task.quantities]
        sides = record["sides"]
        assert sides[task.peer]["version"] == pinned(task.peer)[task.peer]
        for name, script in (("xsurvey", task.ours), (task.peer, task.theirs)):
            if script.exists():
                assert sides[name]["lines"] == user_lines(script), script
                assert set(sides[name]["values"]) == {q.name for q in task.quantities}
            else:
                assert "not yet" in sides[name]["not_run"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_scripts_are_there(task: Task) -> None:
    assert task.ours.exists() == (task.read is not None) == (not task.not_yet)
    assert task.theirs.read_text().count(MARK) == 1
    scripts = [task.theirs, *(tasks.SCRIPTS / check.script for check in task.checks)]
    for script in (*scripts, *([task.ours] if task.read else [])):
        assert max(map(len, script.read_text().splitlines())) <= 100
    for check in task.checks:
        assert check.side in ("xsurvey", task.peer)
        assert set(check.quantities) <= {q.name for q in task.quantities}


@pytest.mark.parametrize("name", PEERS)
def test_pins_are_exact(name: str) -> None:
    lines = requirements(name).read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith(("#", "--"))]
    assert name in pinned(name)
    assert len(packages) == len(pinned(name))
    assert PEERS[name].library is None or PEERS[name].library in pinned(name)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.0463398, 0.0085006, 0.0850752], "0.046 +0.039 -0.038"),
        ([2.0, 1.9, 2.1], "2.00 ± 0.10"),
        ([2.1161693e-4, 1.8685e-4, 2.3974e-4], "(2.12 +0.28 -0.25)e-4"),
        ([8.0618e-13], "8.062e-13"),
        ([155530.0], "155530"),
        ([155530.5], "1.555e5"),
        ([51381.0], "51381"),
        ([0.0, -1.0, 1.0], "0.0 ± 1.0"),
        ([0.0], "0"),
        ([0.5, None, 0.6], "0.50 +0.10 -none"),
        ([0.5, 0.5, 0.5], "0.5000 ± 0.0000"),
        ([None], "none"),
        ([math.nan, 0.0, 1.0], "none"),
    ],
)
def test_numbers(values: list[float | None], text: str) -> None:
    assert page.number(values) == text


@pytest.mark.parametrize(
    ("ours", "theirs", "text"),
    [
        ([2.05, 1.9, 2.2], [2.0, 1.0, 3.0], "+0.05 sigma"),
        ([1.5], [2.0, 1.5, 3.0], "**-0.67 sigma**"),  # of the mean of both errors
        ([2.0, 1.0, 3.0], [2.0, 1.0, 3.0], "0"),
        ([2.002, 1.0, 3.0], [2.0, 1.0, 3.0], "0"),
        ([54.78], [101.2], "**-45.87%**"),
        ([1.001], [1.0], "+0.10%"),
        ([0.0], [0.0], "0"),
        ([1.0], [0.0], "**+inf%**"),
        ([1.0], [1.0, None, 3.0], "0"),
        ([1.0, 0.0, 2.0], [None], "**?**"),
        ([math.nan], [1.0], "**?**"),
    ],
)
def test_differences(ours: list[float | None], theirs: list[float | None], text: str) -> None:
    assert page.difference(ours, theirs) == text


def test_words_around_the_table_stay(tmp_path: Path) -> None:
    path, result = tmp_path / "page.md", committed()
    path.write_text(f"before\n{page.BEGIN}old\n{page.END}after\n")
    page.write_page(path, result)
    page.write_page(path, result)
    table = page.table(result)
    assert path.read_text() == f"before\n{page.BEGIN}{table}{page.END}after\n"
    page.write_page(tmp_path / "new.md", result)
    assert table in (tmp_path / "new.md").read_text()
    path.write_text("no marks")
    with pytest.raises(SystemExit, match=r"page\.md: no lines"):
        page.write_page(path, result)


def test_unknown_tasks_are_refused() -> None:
    with pytest.raises(SystemExit, match="the tasks are spectrum_wstat"):
        run(1, 1.0, only="spectrum")


Toy = Callable[..., Task]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """Return a function that makes a task of scripts of our own; the peer is this interpreter."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for module in (tasks, comparing):
        monkeypatch.setattr(module, "SCRIPTS", scripts)
    monkeypatch.setattr(comparing, "ROOT", tmp_path)
    monkeypatch.setattr(comparing, "make_environment", lambda name: Path(sys.executable))
    (tmp_path / "run").mkdir()

    def make(ours: str, theirs: str, checks: tuple[Check, ...] = ()) -> Task:
        (scripts / "toy_xsurvey.sh").write_text(ours)
        (scripts / "toy_agnpy.py").write_text(theirs)
        return Task(
            "toy", "Toy", "a number", lambda folder, seed, _: _write(folder, seed), "agnpy",
            (Quantity("value", "value", 3.0),),
            lambda folder: {"value": [float((folder / "ours").read_text())]}, checks=checks,
        )  # fmt: skip

    return make


def _write(folder: Path, seed: int) -> None:
    (folder / "input").write_text(str(seed))


PEER = f"""'''A docstring.'''
import json

value = float(open("input").read())

{MARK}
print("chatter")
print(json.dumps({{"value": [value, value - 1, value + 1]}}))
"""
OURS = "# a comment\ncp input \\\n    ours\n"


def test_both_sides_of_a_task(toy: Toy, tmp_path: Path) -> None:
    (check := tmp_path / "scripts" / "twice.sh").write_text("echo 6 > ours")
    task = toy(OURS, PEER, (Check("xsurvey", check.name, "twice", ("value",)),))
    record = comparing.compare(task, tmp_path / "run", 3, 0.01)
    ours, theirs = record["sides"]["xsurvey"], record["sides"]["agnpy"]
    assert (ours["values"], theirs["values"]) == ({"value": [3.0]}, {"value": [3.0, 2.0, 4.0]})
    assert (ours["lines"], theirs["lines"]) == (2, 2)
    assert ours["runs"] == theirs["runs"] == 1
    assert theirs["peak_mb"] > 3
    assert theirs["imports_s"] > 0
    assert record["checks"][0]["values"] == {"value": [6.0]}
    shown = page.table({"date": "d", "seed": 3, "machine": "m", "not_run": {}, "tasks": [record]})
    assert "| value | 3 | 3 | 3.0 ± 1.0 | 0 |" in shown
    assert "| value | 3 | 6 | 3.0 ± 1.0 | **+3.00 sigma** |" in shown


@pytest.mark.parametrize(
    ("ours", "theirs", "failed", "cause"),
    [
        (OURS, "raise ValueError('no such')", "agnpy", "it ended with 1: ValueError: no such"),
        (OURS, f"x = 1\n{MARK}\nprint(x)", "agnpy", "it printed no result"),
        ("false\ncp input ours", PEER, "xsurvey", "it ended with 1"),
        ("echo none > ours", PEER, "xsurvey", "its result cannot be read"),
    ],
)
def test_what_fails_says_why_and_the_other_side_goes_on(
    toy: Toy, tmp_path: Path, ours: str, theirs: str, failed: str, cause: str
) -> None:
    check = Check(failed, "toy_agnpy.py", "again", ("value",))
    record = comparing.compare(toy(ours, theirs, (check,)), tmp_path / "run", 3, 0.01)
    other = "xsurvey" if failed == "agnpy" else "agnpy"
    assert cause in record["sides"][failed]["not_run"]
    assert record["sides"][other]["values"]["value"][0] == 3
    assert record["sides"][other]["runs"] == 1
    assert record["checks"][0]["not_run"] == f"{failed} did not run"
    shown = page.table({"date": "d", "seed": 3, "machine": "m", "not_run": {}, "tasks": [record]})
    assert "not run: it" in shown


def test_a_peer_that_cannot_be_installed_is_a_row(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> Path:
        raise CannotRun(f"pip cannot install {name}")

    task = toy(OURS, PEER)
    monkeypatch.setattr(comparing, "make_environment", fail)
    sides = comparing.compare(task, tmp_path / "run", 3, 0.01)["sides"]
    assert sides["agnpy"]["not_run"] == "pip cannot install agnpy"
    assert sides["xsurvey"]["values"] == {"value": [3.0]}


def test_inputs_that_cannot_be_made(toy: Toy, tmp_path: Path) -> None:
    def fail(folder: Path, seed: int, fraction: float) -> None:
        raise CannotRun("no data set")

    task = toy(OURS, PEER)._replace(make=fail)
    sides = comparing.compare(task, tmp_path / "run", 3, 0.01)["sides"]
    assert {side["not_run"] for side in sides.values()} == {"no data set"}
