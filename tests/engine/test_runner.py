"""What a run does, in one process."""

import dataclasses
import json
import os

import pytest
from toy_stages import COLLECT, SCALE, ScaleParameters, toy_plan, write_inputs

from xsurvey.engine import Plan, Stage, Store, Task, TaskId, run_plan
from xsurvey.engine.watching.progress import BarProgress
from xsurvey.errors import OutputError, ParameterError


@pytest.fixture
def run(tmp_path):
    """Run the toy plan over some targets, in this process; return its result."""

    def run_it(names, **options):
        paths = [tmp_path / "in" / f"{name}.txt" for name in names]
        if not all(path.exists() for path in paths):
            write_inputs(tmp_path / "in", names)
        return run_plan(toy_plan(paths, **options), Store(tmp_path / "out"), workers=0)

    return run_it


def statuses(result) -> dict[str, str]:
    return {str(task_id): outcome.status for task_id, outcome in result.outcomes.items()}


def done(result) -> set[str]:
    return {name for name, status in statuses(result).items() if status == "done"}


def text_of(result) -> str:
    outcome = result.outcomes[TaskId("collect", "all")]
    return (result.store.folder(outcome.key) / "all.txt").read_text()


def test_a_second_run_does_nothing_and_starts_no_cluster(run, monkeypatch, tmp_path):
    first = run(["a", "b"])
    assert first.ok and len(done(first)) == 5
    monkeypatch.setattr(
        "xsurvey.engine.workers.pools.start_cluster", lambda *_: pytest.fail("started")
    )
    plan = toy_plan([tmp_path / "in/a.txt", tmp_path / "in/b.txt"])
    second = run_plan(plan, Store(tmp_path / "out"), workers=2)
    assert second.ok and set(statuses(second).values()) == {"cached"}
    before = [(o.record, o.key) for o in first.outcomes.values()]
    assert before == [(o.record, o.key) for o in second.outcomes.values()]


def test_one_parameter_reruns_its_stage_and_what_follows(run):
    run(["a", "b"])
    assert done(run(["a", "b"], sigma=3.0)) == {"noise a", "noise b", "collect all"}
    assert done(run(["a", "b"], sigma=1.0)) == set()


def test_new_content_reruns_and_a_new_time_does_not(run, tmp_path):
    run(["a", "b"])
    os.utime(tmp_path / "in" / "a.txt", (1, 1))
    assert done(run(["a", "b"])) == set()
    (tmp_path / "in" / "a.txt").write_text("7\n8\n")
    assert done(run(["a", "b"])) == {"scale a", "noise a", "collect all"}


@pytest.mark.parametrize("damage", ["{", None])
def test_a_damaged_result_is_made_again(run, damage):
    result = run(["a", "b"])
    folder = result.store.folder(result.outcomes[TaskId("noise", "a")].key)
    if damage is None:
        (folder / "noisy.txt").unlink()
    else:
        (folder / "manifest.json").write_text(damage)
    assert done(run(["a", "b"])) == {"noise a"}


def test_a_bad_target_does_not_stop_the_others(run):
    result = run(["a", "bad", "b"])
    assert not result.ok
    assert [str(outcome.id) for outcome in result.failed] == ["scale bad"]
    assert result.failed[0].cause.endswith("bad.txt: holds no numbers; give a table of numbers")
    skipped = result.outcomes[TaskId("noise", "bad")]
    assert (skipped.status, skipped.cause) == ("skipped", "needs scale bad, which failed")
    assert skipped.root == ("scale", "bad")
    assert text_of(result).splitlines()[-1].startswith("# bad: scale: ")
    again = run(["a", "bad", "b"])
    assert done(again) == set() and again.outcomes[TaskId("collect", "all")].status == "cached"


def test_the_collecting_task_is_redone_when_the_bad_target_is_mended(run, tmp_path):
    run(["a", "bad"])
    (tmp_path / "in" / "bad.txt").write_text("3\n")
    assert done(run(["a", "bad"])) == {"scale bad", "noise bad", "collect all"}


def test_a_stage_that_needs_all_is_skipped(run):
    needy = dataclasses.replace(COLLECT, needs_all=True)
    result = run(["a", "bad"], collector=needy)
    assert result.outcomes[TaskId("collect", "all")].status == "skipped"


def test_nothing_is_collected_of_nothing(run):
    result = run(["bad"])
    assert result.outcomes[TaskId("collect", "all")].status == "skipped"


def test_a_bug_is_one_line_with_its_traceback_in_the_log(run, tmp_path):
    result = run(["bug"])
    outcome = result.outcomes[TaskId("noise", "bug")]
    # neither the temporary folder nor an address, which differ each time
    assert outcome.cause == "RuntimeError: odd value of x"
    assert "Traceback" in result.store.log_file(outcome.key).read_text()
    entry = next(t for t in result.as_json()["tasks"] if t["status"] == "failed")
    assert (tmp_path / "out" / entry["log"]).exists()
    assert run(["bug"]).outcomes[outcome.id].cause == outcome.cause


def test_warnings_of_a_stage_are_shown_and_kept(run, caplog):
    result = run(["warns"])
    assert "noise warns: approximate" in caplog.text
    outcome = result.outcomes[TaskId("noise", "warns")]
    assert "numpy is unhappy" in result.store.log_file(outcome.key).read_text()
    assert run(["warns"]).outcomes[outcome.id].warnings == ("approximate",)


def silent(context):
    return {}


def verbose(context):
    (context.folder / "x").write_text("")
    return {"rows": ["x" * 100] * 1000}


def wrong(context):
    (context.folder / "x").write_text("")
    return {"rows": {1, 2}}


@pytest.mark.parametrize(
    ("function", "cause"),
    [(silent, "did not write x"), (verbose, "too big"), (wrong, "set is not a JSON value")],
)
def test_a_stage_that_breaks_its_contract_fails(tmp_path, function, cause):
    plan = Plan([Task(Stage("odd", "1", function, ("x",)), "t")])
    result = run_plan(plan, Store(tmp_path), workers=0)
    assert cause in result.failed[0].cause
    assert not list(tmp_path.glob(".xsurvey/tasks/*/*"))


def meddle(context):
    context.path("values").write_text("changed")
    (context.folder / "x").write_text("")
    return {}


def test_an_input_that_changes_meanwhile_fails_its_task(tmp_path):
    path = write_inputs(tmp_path / "in", ["a"])[0]
    stage = Stage("meddle", "1", meddle, ("x",), inputs=("values",))
    plan = Plan([Task(stage, "a", {"values": path})])
    result = run_plan(plan, Store(tmp_path / "out"), workers=0)
    assert "changed during the run" in result.failed[0].cause


def test_the_summary_tells_what_was_done(tmp_path):
    paths = write_inputs(tmp_path / "in", ["a", "bad"])
    store, summary = Store(tmp_path / "out"), tmp_path / "out" / "run.json"
    run_plan(toy_plan(paths, seed=3), store, workers=0, summary=summary, config={"seed": 3})
    values = json.loads(summary.read_text(), parse_constant=pytest.fail)
    assert values["status"] == "failed" and values["config"] == {"seed": 3}
    assert values["counts"] == {"done": 3, "failed": 1, "skipped": 1}
    assert {"python", "numpy", "xsurvey"} <= set(values["versions"])
    noise = next(t for t in values["tasks"] if (t["stage"], t["target"]) == ("noise", "a"))
    assert noise["record"]["limit"] is None
    assert (tmp_path / "out" / noise["folder"] / "noisy.txt").exists()


def test_the_manifest_tells_where_results_come_from(run, tmp_path):
    result = run(["a"], factor=5.0)
    scale = result.store.manifest(result.outcomes[TaskId("scale", "a")].key)
    noise = result.store.manifest(result.outcomes[TaskId("noise", "a")].key)
    assert scale["parameters"] == {"scale": {"factor": 5.0}}
    assert scale["inputs"]["values"]["path"] == str(tmp_path / "in" / "a.txt")
    assert len(scale["inputs"]["values"]["sha256"]) == 64
    assert noise["inputs"]["scaled"]["task"] == scale["key"]
    assert noise["inputs"]["scaled"]["target"] == "a"


def interrupt(context):
    raise KeyboardInterrupt


def test_an_interrupted_run_keeps_what_is_done(tmp_path):
    paths = write_inputs(tmp_path / "in", ["a"])
    scaled = Task(SCALE, "a", {"values": paths[0]}, {"scale": ScaleParameters()})
    stage = Stage("stop", "1", interrupt, ("x",), inputs=("scaled",))
    plan = Plan([Task(stage, "a", {"scaled": scaled.output("scaled.txt")})])
    store, summary = Store(tmp_path / "out"), tmp_path / "out" / "run.json"
    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, store, workers=0, summary=summary)
    values = json.loads(summary.read_text())
    assert values["status"] == "interrupted" and values["counts"] == {"done": 1, "pending": 1}
    assert not (store.root / "lock").exists() and not (store.root / "tmp").exists()


def test_the_seed_decides_and_nothing_else(run):
    first = text_of(run(["a", "b"], seed=1))
    assert text_of(run(["a", "b"], seed=2)) != first
    assert text_of(run(["a", "b"], seed=1)) == first


def test_unknown_profiles_are_refused_before_anything_is_written(tmp_path):
    paths = write_inputs(tmp_path / "in", ["a"])
    with pytest.raises(ParameterError, match=r"'locla': is unknown; did you mean 'local'\?"):
        run_plan(toy_plan(paths), Store(tmp_path / "out"), cluster="locla")
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_refused(tmp_path):
    paths = write_inputs(tmp_path / "in", ["a"])
    with (
        Store(tmp_path / "out").writing(),
        pytest.raises(OutputError, match=f"process {os.getpid()}"),
    ):
        run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=0)


def test_bars_count_every_task_once(tmp_path):
    paths = write_inputs(tmp_path / "in", ["a", "bad"])
    run_plan(toy_plan(paths[:1]), Store(tmp_path / "out"), workers=0)
    bars = BarProgress()
    run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=0, progress=bars)
    assert {t.description: (t.completed, t.total) for t in bars._bars.tasks} == {
        "scale": (2, 2), "noise": (2, 2), "collect": (1, 1),
    }  # fmt: skip


def test_tasks_that_begin_are_logged(run, caplog):
    with caplog.at_level("INFO", logger="xsurvey"):
        run(["a"])
    assert "noise a: started" in caplog.messages
    caplog.clear()
    with caplog.at_level("INFO", logger="xsurvey"):
        run(["a"])
    assert not any("started" in message for message in caplog.messages)
