"""What the pool does when workers vanish, their jobs end, or have too little memory."""

import contextlib
import dataclasses
import json
import time
from pathlib import Path

import pytest
from fault_tools import told
from toy_stages import toy_plan, write_inputs

from xsurvey.engine import Plan, Stage, Store, Task, TaskId, run_plan
from xsurvey.engine.clusters.profiles import LocalProfile
from xsurvey.engine.clusters.running import RunningCluster, WorkerFacts, start_cluster
from xsurvey.engine.workers.dask_pool import DaskPool, _Sent
from xsurvey.engine.workers.limits import TimeLimit
from xsurvey.engine.workers.worker import TaskOrder
from xsurvey.errors import OutOfTime

GHOST = "tcp://127.0.0.1:9"


@dataclasses.dataclass(frozen=True)
class WithGhost(RunningCluster):
    """Workers with one more at the first look: it has gone when a task comes to it."""

    seen: list[bool] = dataclasses.field(default_factory=list)

    def describe(self):
        found = dict(super().describe())
        if not self.seen:
            self.seen.append(True)
            return {GHOST: WorkerFacts("n1"), **found}
        return found


def changed_clusters(monkeypatch, change) -> None:
    """Let runs have their cluster as ``change`` makes it."""

    @contextlib.contextmanager
    def start(*arguments):
        with start_cluster(*arguments) as running:
            yield change(running)

    monkeypatch.setattr("xsurvey.engine.workers.pools.start_cluster", start)


def events(store: Store, name: str) -> list[dict]:
    (path,) = (store.root / "logs").glob("*.jsonl")
    return [e for e in map(json.loads, path.read_text().splitlines()) if e["event"] == name]


def test_a_task_sent_to_a_worker_that_vanished_goes_to_another(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("xsurvey.engine.workers.dask_pool._SELDOM_S", 0.1)
    changed_clusters(
        monkeypatch, lambda c: WithGhost(c.client, c.profile, c.workers, c.ends, c.why_waiting)
    )
    paths = write_inputs(tmp_path / "in", ["a", "b"])
    with caplog.at_level("INFO", logger="xsurvey"):
        result = run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=1)
    assert result.ok and "a worker died; scale a goes to another" in caplog.messages
    (lost,) = events(result.store, "lost")
    assert (lost["target"], lost["worker"], lost["attempt"]) == ("a", GHOST, 1)
    done = {(e["stage"], e["target"]): e["attempt"] for e in events(result.store, "done")}
    assert done["scale", "a"] == 2 and done["scale", "b"] == 1


class SilentClient:
    """A scheduler that knows no workers."""

    def nthreads(self):
        return {}

    def subscribe_topic(self, *_):
        pass


def an_order(store: Store) -> TaskOrder:
    return TaskOrder(
        "ab" * 32, Stage("fits", "1", toy_plan, ("x",)), "t", {}, {}, {}, 0, {}, {},
        store.output, store.run, 30,
    )  # fmt: skip


def test_the_end_of_a_workers_job_is_not_blamed_on_its_task(tmp_path, caplog):
    caplog.set_level("INFO", logger="xsurvey")
    store = Store(tmp_path)
    profile = LocalProfile(backend="local", attempts=2)
    pool = DaskPool(RunningCluster(SilentClient(), profile, 1), store)
    sent = _Sent(an_order(store), limit=TimeLimit("walltime", 0.0, time.time()))
    for _ in range(profile.attempts - 1):
        attempt = store.attempt(sent.order.key)
        time.sleep(0.05)
        assert pool._lost(sent) is None
        # nothing of it is left that would count as a death, and it will not begin too late again
        assert not attempt.folder.exists() and sent.losses == 0
        assert pool._expected(sent) >= 0.05
    (line,) = caplog.messages
    assert told(line.replace("fits t ", "STAGE TARGET "))
    store.attempt(sent.order.key)
    report = pool._lost(sent)
    assert report.cause == (
        "its worker's job reached its walltime 2 times; give the profile a longer one"
    )
    assert told(report.cause.replace("2 times", "3 times"))
    assert not store.attempts(sent.order.key)


def sleep(context):
    time.sleep(600)


def test_tasks_under_way_are_stopped_before_the_allocation_ends(tmp_path, monkeypatch):
    changed_clusters(monkeypatch, lambda c: dataclasses.replace(c, ends=time.time() + 3))
    tasks = [Task(Stage("sleep", "1", sleep, ("x",)), f"{i}") for i in range(3)]
    store, summary = Store(tmp_path / "out"), tmp_path / "out" / "run.json"
    with pytest.raises(OutOfTime) as stopped:
        run_plan(Plan(tasks), store, workers=2, summary=summary)
    assert str(stopped.value) == (
        "walltime: 2 tasks under way were stopped, 3 are left; submit or run it again to go on"
    )
    assert told(str(stopped.value).replace("2 tasks", "N tasks").replace("3 are", "M are"))
    values = json.loads(summary.read_text())
    assert (values["status"], values["interrupted"]) == ("interrupted", "OutOfTime")
    assert values["counts"] == {"pending": 3} and not (store.root / "tmp").exists()


def test_nothing_is_begun_that_is_known_to_take_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(DaskPool, "_expected", lambda *_: 30.0)
    ends = time.time() + 60
    # it began long ago: this is not the start of it
    monkeypatch.setattr(
        "xsurvey.engine.workers.dask_pool._end_of",
        lambda _: TimeLimit("walltime", ends - 3600, ends, 60.0),
    )
    paths = write_inputs(tmp_path / "in", ["a"])
    with pytest.raises(OutOfTime) as stopped:
        run_plan(toy_plan(paths), Store(tmp_path / "out"), workers=1)
    assert told(str(stopped.value).replace("3 are", "M are"))
    assert not list((tmp_path / "out/.xsurvey").glob("tasks/*/*"))


def remember_memory(context):
    from distributed import get_worker

    (context.folder / "x").write_text(f"{get_worker().memory_manager.memory_limit}")
    time.sleep(0.2)
    return {"began": time.time()}


def test_memory_is_that_of_the_stage_and_a_task_too_big_fails_alone(tmp_path, caplog):
    profile = LocalProfile(backend="local", workers=2, memory="500MB")
    small, big, huge = (
        Stage(name, "1", remember_memory, ("x",), memory=need)
        for name, need in (("small", None), ("big", "900MB"), ("huge", "12GB"))
    )
    tasks = [Task(small, f"{i}") for i in range(3)] + [Task(big, "b"), Task(huge, "h")]
    result = run_plan(Plan(tasks), Store(tmp_path), cluster=profile)
    assert result.path(tasks[0], "x").read_text() == "1000000000"
    cause = (
        "needs 12 GB; its workers have 1 GB together; set memory or workers in the cluster profile"
    )
    assert {str(o.id): o.cause for o in result.failed} == {"huge h": cause}
    assert told(cause)
    assert f"stage 'huge' {cause}" in caplog.messages
    # while the big one had the memory of both workers there was no other
    spans = {o.id: o.seconds for o in result.outcomes.values() if o.good}
    began = {o.id: o.record["began"] - 0.2 for o in result.outcomes.values() if o.good}
    start, end = began[TaskId("big", "b")], began[TaskId("big", "b")] + spans[TaskId("big", "b")]
    others = [(began[i], began[i] + 0.2) for i in spans if i.stage == "small"]
    assert all(until <= start + 0.05 or since >= end - 0.25 for since, until in others)


def test_a_need_that_is_no_amount_of_memory_is_refused():
    with pytest.raises(ValueError, match="'much' is not an amount of memory"):
        Stage("big", "1", remember_memory, ("x",), memory="much")
    assert Stage("big", "1", remember_memory, ("x",), memory="1.5GB").need == 1_500_000_000


def test_keys_do_not_depend_on_memory(tmp_path: Path):
    keys = {
        next(iter(Plan([Task(Stage("s", "1", remember_memory, ("x",), memory=need), "t")]).keys(
            lambda _: ""
        ).values()))
        for need in (None, "1GB", "2GB")
    }  # fmt: skip
    assert len(keys) == 1
