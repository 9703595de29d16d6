"""Keys: what changes them, and what does not."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_stages import NOISE, SCALE, NoiseParameters, ScaleParameters, toy_plan, write_inputs

from xsurvey.engine import Plan, Stage, Store, Task, TaskContext
from xsurvey.engine.plan import described_inputs, task_key, task_seed
from xsurvey.errors import InputError


def keys_of(plan: Plan, tmp_path: Path) -> dict[str, str]:
    keys = plan.keys(Store(tmp_path / "out").hashes.sha256)
    return {str(task_id): key for task_id, key in keys.items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return write_inputs(tmp_path / "in", ["a", "b"])


def test_one_parameter_changes_its_stage_and_what_follows(paths, tmp_path):
    before = keys_of(toy_plan(paths), tmp_path)
    after = keys_of(toy_plan(paths, sigma=3.0), tmp_path)
    assert changed(before, after) == {"noise a", "noise b", "collect all"}


def test_content_changes_the_keys_and_time_or_place_does_not(paths, tmp_path):
    before = keys_of(toy_plan(paths), tmp_path)
    os.utime(paths[0], (1, 1))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    paths[1] = paths[1].rename(moved / paths[1].name)
    assert keys_of(toy_plan(paths), tmp_path) == before
    paths[0].write_text("5\n6\n")
    after = keys_of(toy_plan(paths), tmp_path)
    assert changed(before, after) == {"scale a", "noise a", "collect all"}


def test_seed_version_and_data_versions_are_in_the_key(paths):
    task = Task(SCALE, "a", {"values": paths[0]}, {"scale": ScaleParameters()})
    newer = dataclasses.replace(SCALE, version="2")
    using = dataclasses.replace(SCALE, uses={"atomdb": "3.0.9"})
    variants = [
        (task, 0), (task, 1),
        (dataclasses.replace(task, stage=newer), 0), (dataclasses.replace(task, stage=using), 0),
        (dataclasses.replace(task, uses={"atomdb": "3.1"}), 0),
        (dataclasses.replace(task, target="b"), 0),
    ]  # fmt: skip
    keys = {task_key(t, seed, {"values": {"sha256": "0"}}) for t, seed in variants}
    keys.add(task_key(task, 0, {"values": {"sha256": "0"}}, {"b": "scale: holds no numbers"}))
    keys.add(task_key(task, 0, {"values": {"sha256": "1"}}))
    assert len(keys) == len(variants) + 2


@given(st.permutations(list(range(6))))
def test_neither_keys_nor_seeds_depend_on_the_order_of_the_tasks(order):
    sections = {"noise": NoiseParameters()}
    source = Task(Stage("start", "1", SCALE.run, ("scaled.txt",)), "s")
    tasks = [
        Task(NOISE, str(i), {"scaled": source.output("scaled.txt")}, sections) for i in range(6)
    ]
    plan = Plan([tasks[i] for i in order], seed=7)
    assert plan.keys(str) == Plan(tasks, seed=7).keys(str)
    assert plan.tasks[0] is source
    seeds = [task_seed(t, 7) for t in tasks]
    assert len(set(seeds)) == 6 and all(0 <= s < 2**63 for s in seeds)


def test_what_is_needed_comes_first_whatever_was_given_first(paths):
    plan = toy_plan(paths)
    again = Plan(reversed(plan.tasks))
    place = {task.id: i for i, task in enumerate(again.tasks)}
    assert len(place) == 5
    assert all(place[u] < place[t.id] for t in again.tasks for u in again.upstream[t.id])


def test_a_missing_input_is_named(paths, tmp_path):
    paths[1].unlink()
    with pytest.raises(InputError, match=r"b\.txt: does not exist; check the path"):
        toy_plan(paths).describe(Store(tmp_path / "out"))
    with pytest.raises(InputError, match="is a folder, not a file"):
        Store(tmp_path).hashes.sha256(tmp_path)


def test_two_tasks_of_one_name_are_refused(paths):
    sections = {"scale": ScaleParameters()}
    twice = [Task(SCALE, "a", {"values": path}, sections) for path in paths]
    with pytest.raises(InputError, match="a: is planned twice by stage 'scale'"):
        Plan(twice)


def test_describing_writes_nothing(paths, tmp_path):
    lines = toy_plan(paths).describe(Store(tmp_path / "out"))
    assert lines[0].split() == ["scale", "to", "do", "a"]
    assert lines[-1] == "5 tasks: 0 done already, 5 to do"
    assert not (tmp_path / "out").exists()


def test_declarations_that_cannot_work_are_refused(paths):
    with pytest.raises(ValueError, match="not module-level"):
        Stage("odd", "1", lambda context: {}, ("x",))
    with pytest.raises(ValueError, match="is not a file name"):
        Stage("odd", "1", SCALE.run, ("../x",))
    with pytest.raises(ValueError, match="inputs"):
        Task(SCALE, "a", {"valeus": paths[0]}, {"scale": ScaleParameters()})
    with pytest.raises(ValueError, match=r"did you mean 'scaled\.txt'"):
        Task(SCALE, "a", {"values": paths[0]}, {"scale": ScaleParameters()}).output("scale.txt")


def test_context_gives_one_file_or_several_as_declared(tmp_path):
    context = TaskContext("t", {"one": tmp_path, "list": [tmp_path]}, {}, tmp_path, 0)
    assert context.path("one") == tmp_path and context.paths("one") == [tmp_path]
    assert context.optional_path("none") is None
    with pytest.raises(TypeError, match="list of files"):
        context.path("list")


def test_a_large_plan_is_ordered_without_recursion():
    stage = Stage("step", "1", SCALE.run, ("x",), inputs=("x",))
    task = Task(Stage("start", "1", SCALE.run, ("x",)), "0")
    for i in range(3000):
        task = Task(stage, str(i), {"x": task.output("x")})
    assert len(Plan([task]).keys(str)) == 3001


def test_a_key_is_the_hash_of_the_canonical_json_of_all_that_decides(paths):
    plan = toy_plan(paths)
    store_hash = "ab" * 32
    keys = plan.keys(lambda path: store_hash)
    for task in plan.tasks:
        material = {
            "format": 1, "stage": task.stage.name, "version": task.stage.version,
            "target": task.target, "seed": plan.seed,
            "parameters": {n: p.normalised() for n, p in task.parameters.items()},
            "inputs": described_inputs(task, lambda path: store_hash, keys),
            "uses": {**task.stage.uses, **task.uses}, "missing": {},
        }  # fmt: skip
        text = json.dumps(material, sort_keys=True, separators=(",", ":"))
        assert keys[task.id] == hashlib.sha256(text.encode()).hexdigest()
