"""Families of tasks: as many members as a file says, done in parts, resumed in parts."""

import errno
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from family_stages import JOIN_ALL, MEASURE, family_plan
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.cli.main import xsurvey
from xsurvey.engine import RunResult, Store, TaskId, run_plan
from xsurvey.engine.clusters.profiles import LocalProfile
from xsurvey.engine.lineage import read_lineage
from xsurvey.engine.parts import grouped_by_work, read_parts, write_parts
from xsurvey.engine.workers.worker import run_task
from xsurvey.errors import OutOfTime

pytestmark = pytest.mark.slow

PROFILE = LocalProfile(backend="local", workers=2, attempts=2, task_timeout="2s")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "field.txt"
    path.write_text("\n".join(f"s{i}" for i in range(8)))
    return path


def do(folder: Path, plan, workers=0, **options) -> RunResult:
    return run_plan(plan, Store(folder), workers=workers, summary=folder / "run.json", **options)


def joined(result: RunResult) -> str:
    key = result.outcomes[TaskId("join", "field")].key
    return (result.store.folder(str(key)) / "all.txt").read_text()


def told(result: RunResult) -> dict:
    return json.loads((result.store.output / "run.json").read_text())


def test_results_do_not_depend_on_how_elements_are_grouped_or_on_workers(names, tmp_path):
    texts = [joined(do(tmp_path / f"by{n}", family_plan(names, n))) for n in (1, 3, 8, 100)]
    texts.append(joined(do(tmp_path / "two", family_plan(names, 2), workers=2)))
    assert len(set(texts)) == 1
    lines = [line.split() for line in texts[0].splitlines()]
    assert [line[:2] for line in lines] == [["field", f"s{i}"] for i in range(8)]
    assert len({line[2] for line in lines}) == 8


def test_members_are_counted_and_a_second_run_looks_at_none(names, tmp_path):
    first = do(tmp_path / "out", family_plan(names))
    assert first.ok and first.counts() == {"done": 2 + 3}
    family = first.outcomes[TaskId("measure", "field")]
    assert family.record == {"members": 3, "elements": 8, "failed": 0}
    second = do(tmp_path / "out", family_plan(names))
    assert second.counts() == {"cached": 3} and joined(second) == joined(first)
    assert told(second)["status"] == "done"


def test_what_is_done_is_not_done_again(names, tmp_path):
    first = do(tmp_path / "out", family_plan(names))
    names.write_text(names.read_text() + "\nnew")
    # another list of names is another input of the members
    assert do(tmp_path / "out", family_plan(names)).members == {"done": 3}
    names.write_text("\n".join(f"s{i}" for i in range(8)))
    again = do(tmp_path / "out", family_plan(names))
    assert again.counts() == {"cached": 3} and joined(again) == joined(first)


def test_an_interrupted_family_goes_on_where_it_stopped(names, tmp_path, monkeypatch):
    import family_stages

    seen: list[tuple[str, ...]] = []

    def interrupted(context):
        seen.append(context.elements)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return MEASURE.run(context)

    monkeypatch.setattr(family_stages, "interrupted", interrupted, raising=False)
    interrupted.__qualname__ = "interrupted"
    plan = family_plan(names, measuring=replace(MEASURE, run=interrupted))
    with pytest.raises(KeyboardInterrupt):
        do(tmp_path / "out", plan)
    resumed = do(tmp_path / "out", plan)
    assert resumed.members == {"cached": 2, "done": 1} and resumed.ok
    assert joined(resumed) == joined(do(tmp_path / "new", family_plan(names)))


@pytest.mark.parametrize("fault", ["bad", "dies", "segfault", "hang"])
def test_one_element_does_not_take_the_others_of_its_part_along(tmp_path, fault):
    path = tmp_path / "field.txt"
    path.write_text(f"s0 s1 {fault}2 s3 s4")
    result = do(tmp_path / "out", family_plan(path, 3), workers=2, cluster=PROFILE)
    lines = joined(result).splitlines()
    assert [line.split()[1] for line in lines[:-1]] == ["s0", "s1", "s3", "s4"]
    assert lines[-1].startswith(f"# {fault}2: ")
    assert not result.ok and [o.id.target for o in result.failed] == [f"field: {fault}2"]
    failed = [t for t in told(result)["tasks"] if t["status"] == "failed"]
    assert [t["target"] for t in failed] == [f"field: {fault}2"] and told(result)["status"]
    assert failed[0]["cause"] in lines[-1] and (result.store.output / failed[0]["log"]).exists()
    # in the log of events every attempt that was begun has an end
    log = (result.store.output / told(result)["events"]).read_text()
    events = [json.loads(line) for line in log.splitlines()]
    begun = sorted(e["key"] for e in events if e["event"] == "sent")
    ends = ("done", "failed", "lost", "divided")
    assert begun == sorted(e["key"] for e in events if e["event"] in ends)
    (divided,) = (e for e in events if e["event"] == "divided")
    assert divided["worker"] and divided["cause"] == failed[0]["cause"]
    # the next run tries the one that failed, and nothing else
    again = do(tmp_path / "out", family_plan(path, 3), workers=2, cluster=PROFILE)
    assert again.members == {"cached": 3, "failed": 1}
    assert joined(again) == joined(result)
    assert again.outcomes[TaskId("measure", "field")].status == "cached"
    # the parts that were divided before are counted as their elements
    assert told(again)["stages"]["measure"]["total"] == 4


def test_what_needs_all_elements_is_skipped(tmp_path):
    path = tmp_path / "field.txt"
    path.write_text("s0 bad1 s2")
    result = do(tmp_path / "out", family_plan(path, joining=JOIN_ALL))
    assert result.outcomes[TaskId("join", "field")].status == "skipped"


def test_a_family_that_failed_wholly_joins_nothing(tmp_path):
    path = tmp_path / "field.txt"
    path.write_text("bad1 bad2")
    result = do(tmp_path / "out", family_plan(path))
    assert result.outcomes[TaskId("measure", "field")].status == "failed"
    assert result.outcomes[TaskId("join", "field")].status == "skipped"
    assert {o.id.target for o in result.failed} == {"field: bad1", "field: bad2"}


def test_a_target_without_elements_is_joined(tmp_path):
    path = tmp_path / "field.txt"
    path.write_text("")
    result = do(tmp_path / "out", family_plan(path))
    assert result.ok and joined(result) == ""
    assert do(tmp_path / "out", family_plan(path)).counts() == {"cached": 3}


def test_a_damaged_member_is_made_again(names, tmp_path):
    first = do(tmp_path / "out", family_plan(names))
    text = joined(first)
    member = first.outcomes[TaskId("measure", "field")].members[1]
    (first.store.folder(member) / "lines.txt").unlink()
    second = do(tmp_path / "out", family_plan(names))
    assert second.members == {"cached": 2, "done": 1} and joined(second) == text


def test_a_plan_with_a_family_is_described_before_it_runs(names, tmp_path):
    lines = family_plan(names).describe(Store(tmp_path / "out"))
    assert any(line.split()[:3] == ["measure", "to", "do"] and "parts" in line for line in lines)
    do(tmp_path / "out", family_plan(names))
    lines = family_plan(names).describe(Store(tmp_path / "out"))
    assert lines[-1] == "3 tasks: 3 done already, 0 to do"


@given(st.dictionaries(st.text(min_size=1), st.floats(0, 50), max_size=20), st.floats(0.1, 40))
def test_groups_hold_every_element_once_in_order(seconds, least):
    groups = list(grouped_by_work(seconds, least))
    assert [name for group in groups for name in group] == list(seconds)
    assert all(sum(seconds[n] for n in group) >= least for group in groups[:-1])
    assert all(sum(seconds[n] for n in group[:-1]) < least for group in groups)


@given(st.lists(st.lists(st.text(min_size=1), min_size=1, unique=True), max_size=5))
def test_lists_of_parts_are_read_as_written(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("parts") / "parts.jsonl"
    names = [name for part in parts for name in part]
    if len(set(names)) < len(names):
        with pytest.raises(ValueError, match="twice"):
            write_parts(path, parts)
        return
    write_parts(path, parts)
    assert list(read_parts(path)) == [tuple(part) for part in parts]


def test_an_empty_part_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no element"):
        write_parts(tmp_path / "parts.jsonl", [[]])
    assert not list(tmp_path.iterdir())


def test_results_of_members_and_of_what_joins_them_are_explained(names, tmp_path):
    result = do(tmp_path / "out", family_plan(names))
    family = result.outcomes[TaskId("measure", "field")]
    joined_key = str(result.outcomes[TaskId("join", "field")].key)
    for file, tasks in (
        (result.store.folder(joined_key) / "all.txt", 3),
        (result.store.folder(family.members[1]) / "lines.txt", 3),
    ):
        lineage = read_lineage(file)
        assert len(lineage.manifests) == tasks and not lineage.gone
        shown = CliRunner().invoke(xsurvey, ["explain", str(file)])
        assert shown.exit_code == 0, shown.output
        assert "over: divide field" in shown.output
    assert "elements: s3, s4, s5" in shown.output


def test_provenance_goes_through_a_family_of_which_elements_failed(tmp_path):
    path = tmp_path / "field.txt"
    path.write_text("s0 bad1 s2")
    result = do(tmp_path / "out", family_plan(path))
    key = str(result.outcomes[TaskId("join", "field")].key)
    lineage = read_lineage(result.store.folder(key) / "all.txt")
    assert [m["stage"] for m in lineage.manifests.values()] == ["join", "measure", "divide"]
    assert not lineage.gone
    assert all(result.store.manifest(key) is not None for key in result.good_keys())
    lines = family_plan(path).describe(Store(tmp_path / "out"))
    assert any(line.split()[:3] == ["measure", "to", "do"] for line in lines)


def test_what_fails_everything_splits_nothing_for_good(names, tmp_path, monkeypatch):
    import family_stages

    seen: list[tuple[str, ...]] = []

    def full(context):
        seen.append(context.elements)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    full.__qualname__ = "full"
    monkeypatch.setattr(family_stages, "full", full, raising=False)
    plan = family_plan(names, measuring=replace(MEASURE, run=full))
    first = do(tmp_path / "out", plan)
    assert len(first.failed) == 8 and len(seen) == 3 + 8
    second = do(tmp_path / "out", family_plan(names))
    assert second.ok and second.members == {"done": 3}


def test_a_run_out_of_time_tells_how_many_members_are_left(names, tmp_path):
    profile = LocalProfile(backend="local", workers=1, time_limit="3s", walltime_margin="0s")
    # in three seconds there is time for ten
    names.write_text(" ".join(f"slow{i}" for i in range(14)))
    with pytest.raises(OutOfTime) as stopped:
        do(tmp_path / "out", family_plan(names, 1), workers=1, cluster=profile)
    left = int(re.search(r"(\d+) are left", str(stopped.value))[1])
    done = len(list(tmp_path.glob("out/.xsurvey/tasks/*/*/lines.txt")))
    # the one that joins is left too; one that was stopped may just have ended
    assert done + left in (14 + 1, 14 + 2)
    rest = do(tmp_path / "out", family_plan(names, 1))
    assert rest.ok and rest.members["cached"] >= done


def test_the_next_run_knows_how_long_tasks_take(names, tmp_path, monkeypatch):
    do(tmp_path / "out", family_plan(names))
    names.write_text(names.read_text() + "\n")  # another input, with the same elements
    orders = []
    monkeypatch.setattr(
        "xsurvey.engine.workers.pools.run_task", lambda o: orders.append(o) or run_task(o)
    )
    do(tmp_path / "out", family_plan(names))
    expected = [o.expected_seconds for o in orders if o.stage.name == "measure"]
    assert expected[0] is None and all(seconds is not None for seconds in expected[1:])
