"""What the pool makes of tasks that ended: reports late or gone, workers and schedulers lost."""

import contextlib
import dataclasses
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fault_tools import told

from xsurvey.engine import Stage, Store
from xsurvey.engine.clusters.profiles import ClusterError, LocalProfile
from xsurvey.engine.clusters.running import RunningCluster
from xsurvey.engine.workers.attempt import Attempt
from xsurvey.engine.workers.dask_pool import DaskPool, _Sent
from xsurvey.engine.workers.limits import TimeLimit
from xsurvey.engine.workers.pools import SerialPool, open_pool
from xsurvey.engine.workers.worker import TaskOrder, run_task, run_task_in_worker, take_report
from xsurvey.errors import OutOfTime


@dataclass
class FakeFuture:
    """What became of a task; asking for what is not there waits for ever, as Dask's does."""

    key: str
    ended: Callable[[Any], None] = lambda _: None
    status: str = "pending"
    released: bool = False

    def add_done_callback(self, ended):
        self.ended = ended

    def become(self, status: str) -> None:
        self.status = status
        self.ended(self)

    def result(self, timeout=None):
        assert timeout is not None, "would wait for ever"
        if self.status != "finished":
            raise TimeoutError

    def exception(self, timeout=None):
        assert self.status == "error" and timeout is not None, "would wait for ever"
        return ValueError("cannot be pickled")

    def cancelled(self):
        return self.status == "cancelled"

    def cancel(self):
        self.become("cancelled")

    def release(self):
        self.released = True


@dataclass
class FakeClient:
    """A scheduler with workers, which do nothing by themselves."""

    workers: tuple[str, ...] = ("tcp://a", "tcp://b")
    futures: list[FakeFuture] = field(default_factory=list)

    def nthreads(self):
        return dict.fromkeys(self.workers, 1)

    def scheduler_info(self, **_):
        return {"workers": {w: {"host": f"n{w[-1]}"} for w in self.workers}}

    def subscribe_topic(self, *_):
        pass

    unsubscribe_topic = subscribe_topic

    def get_events(self, _):
        return ()

    def submit(self, *_, key, **__):
        self.futures.append(FakeFuture(key))
        return self.futures[-1]


def write_x(context):
    if context.target == "bad":
        raise ValueError("no numbers")
    (context.folder / "x").write_text("1")
    return {"n": 1}


def an_order(store: Store, target: str = "t", number: int = 0, **values) -> TaskOrder:
    order = TaskOrder(
        f"{number:02x}" * 32, Stage("fits", "1", write_x, ("x",)), target, {}, {}, {}, 0, {}, {},
        store.output, store.run, 30,
    )  # fmt: skip
    return dataclasses.replace(order, **values)


def a_pool(tmp_path: Path, workers: int = 2) -> tuple[DaskPool, FakeClient, Store]:
    store, client = Store(tmp_path), FakeClient()
    profile = LocalProfile(backend="local", attempts=2, start_timeout="1h")
    return DaskPool(RunningCluster(client, profile, workers), store), client, store


def do_in_worker(order: TaskOrder, monkeypatch) -> None:
    monkeypatch.setattr("xsurvey.engine.workers.worker._prepare_process", lambda: None)
    assert run_task_in_worker(order, None) is None


@pytest.fixture
def soon(monkeypatch):
    for name, value in (("_LATE_S", 0.2), ("_SOON_S", 0.02), ("_ANSWER_S", 0.1)):
        monkeypatch.setattr(f"xsurvey.engine.workers.dask_pool.{name}", value)


def test_a_report_that_cannot_be_seen_is_taken_from_the_result(tmp_path, soon):
    pool, client, store = a_pool(tmp_path)
    order = an_order(store)
    pool.submit(order)
    run_task(order)
    client.futures[0].become("finished")
    report = pool.wait()
    assert (report.cause, report.record) == (None, {"n": 1}) and report.usage is not None
    assert report.place.worker == "tcp://a" and client.futures[0].released


def test_a_report_tells_of_the_use_of_memory_what_the_result_does(tmp_path, monkeypatch):
    peaks = iter(range(1000, 2000))
    monkeypatch.setattr("xsurvey.engine.workers.usage._high_water", lambda: next(peaks))
    order = an_order(Store(tmp_path))
    first = run_task(order).usage  # the second time from the manifest
    assert first == run_task(order).usage and first.peak_memory == 1000


def test_a_task_of_which_nothing_can_be_seen_has_failed(tmp_path, soon):
    pool, client, store = a_pool(tmp_path)
    pool.submit(an_order(store))
    client.futures[0].become("finished")
    report = pool.wait()
    assert told(report.cause) and report.cause.startswith("its worker left no result that can be")
    assert math.isfinite(report.seconds) and report.place.host == "na"


def test_others_go_on_while_a_report_is_late(tmp_path, monkeypatch):
    monkeypatch.setattr("xsurvey.engine.workers.dask_pool._SOON_S", 0.02)
    pool, client, store = a_pool(tmp_path)
    late, other, _ = orders = [an_order(store, number=i) for i in range(3)]
    for order in orders:
        pool.submit(order)
    do_in_worker(other, monkeypatch)
    client.futures[0].become("finished")
    client.futures[1].become("finished")
    assert pool.wait().key == other.key and len(client.futures) == 3  # its worker has the third
    do_in_worker(late, monkeypatch)
    assert pool.wait().key == late.key


@pytest.mark.parametrize("text", ["", '{"key"', "null", '{"usage": null}', "[]"])
def test_a_report_that_is_there_in_part_is_looked_for_again(tmp_path, text, monkeypatch):
    store = Store(tmp_path)
    order = an_order(store, "bad")
    path = store.report_file(order.key)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert take_report(store, order.key) is None and path.exists()
    do_in_worker(order, monkeypatch)
    assert take_report(store, order.key).cause == "ValueError: no numbers"
    assert not path.exists() and take_report(store, order.key) is None


def test_a_report_that_may_not_be_read_ends_nothing(tmp_path):
    store = Store(tmp_path)
    store.report_file("ab" * 32).mkdir(parents=True)
    assert take_report(store, "ab" * 32) is None


@pytest.mark.parametrize("status", ["pending", "lost", "cancelled", "error"])
def test_what_a_task_left_counts_whatever_became_of_its_worker(tmp_path, status, monkeypatch, soon):
    pool, client, store = a_pool(tmp_path)
    order = an_order(store)
    pool.submit(order)
    do_in_worker(order, monkeypatch)
    client.futures[0].become(status)
    report = pool.wait()
    assert (report.cause, report.record, report.place.attempt) == (None, {"n": 1}, 1)


@pytest.mark.parametrize("status", ["pending", "lost", "cancelled"])
def test_a_task_whose_worker_died_before_anybody_looked_goes_to_another(
    tmp_path, status, monkeypatch
):
    pool, client, store = a_pool(tmp_path)
    order = an_order(store)
    pool.submit(order)
    client.workers = ("tcp://b",)
    client.futures[0].become(status)
    assert not pool.has_news()
    assert len(client.futures) == 2  # at once, not when the first one's worker comes back
    do_in_worker(order, monkeypatch)
    client.futures[1].become("finished")
    assert pool.has_news() and pool.wait().place.worker == "tcp://b"


def test_an_order_that_cannot_be_sent_has_failed(tmp_path):
    pool, client, store = a_pool(tmp_path)
    pool.submit(an_order(store))
    client.futures[0].become("error")
    assert pool.wait().cause == "not sent to a worker (cannot be pickled)"


def test_a_pool_that_is_only_asked_for_news_keeps_its_workers_busy(tmp_path, monkeypatch):
    pool, client, store = a_pool(tmp_path, workers=1)
    client.workers = ("tcp://a",)
    orders = [an_order(store, number=i) for i in range(2)]
    for order in orders:
        pool.submit(order)
    assert not pool.has_news() and len(client.futures) == 1
    do_in_worker(orders[0], monkeypatch)
    client.futures[0].become("finished")
    assert pool.has_news() and len(client.futures) == 2
    assert pool.wait().key == orders[0].key and not pool.has_news()


def test_a_death_of_which_the_folder_has_gone_took_no_time(tmp_path):
    pool, _, store = a_pool(tmp_path)
    gone = Attempt(Path("/nowhere/aa.1.h"))
    report = pool._failed(_Sent(an_order(store)), "why", [gone])
    assert report.seconds == 0.0
    json.dumps(report.seconds, allow_nan=False)
    early = store.attempt("cd" * 32)  # by the clock of a host that is ahead of this one
    ahead = time.time() + 1000.0

    os.utime(early.folder, (ahead, ahead))
    assert pool._failed(_Sent(an_order(store)), "why", [early]).seconds == 0.0


def test_no_more_tasks_are_under_way_than_workers_were_asked_for(tmp_path, monkeypatch):
    # in a cluster of somebody's own there may be more
    client, store = FakeClient(("tcp://a", "tcp://b", "tcp://c")), Store(tmp_path)
    running = RunningCluster(client, LocalProfile(backend="local"), 1)
    monkeypatch.setattr(
        "xsurvey.engine.workers.pools.start_cluster", lambda *_: contextlib.nullcontext(running)
    )
    monkeypatch.setattr(
        "xsurvey.engine.watching.performance.performance_report",
        lambda *_: contextlib.nullcontext(),
    )
    orders = [an_order(store, number=i) for i in range(3)]
    with open_pool(running.profile, 1, store) as pool:
        for order in orders:
            pool.submit(order)
        for number, order in enumerate(orders, start=1):
            assert len(client.futures) == number
            do_in_worker(order, monkeypatch)
            client.futures[-1].become("finished")
            assert pool.wait().key == order.key
    client.futures.clear()
    with open_pool(running.profile, None, store) as pool:  # as many as there are
        for order in orders:
            pool.submit(order)
        assert len(client.futures) == 3


class LostClient(FakeClient):
    """A scheduler that goes away."""

    lost = False

    def nthreads(self):
        if self.lost:
            raise OSError("Timed out trying to connect to tcp://n1:8786")
        return super().nthreads()

    def unsubscribe_topic(self, *_):
        raise OSError("ConnectionPool closing")


def test_a_scheduler_that_went_away_is_told_in_one_line(tmp_path, monkeypatch):
    client, store = LostClient(), Store(tmp_path)
    running = RunningCluster(client, LocalProfile(backend="local"), 2)

    @contextlib.contextmanager
    def start(*_):
        try:
            yield running
        finally:
            raise OSError("ConnectionPool closing")

    monkeypatch.setattr("xsurvey.engine.workers.pools.start_cluster", start)
    monkeypatch.setattr(
        "xsurvey.engine.watching.performance.performance_report",
        lambda *_: contextlib.nullcontext(),
    )
    with pytest.raises(ClusterError) as lost, open_pool(running.profile, None, store) as pool:
        pool.submit(an_order(store))
        client.lost = True
        client.futures[0].become("cancelled")
        pool.wait()
    assert told(f"xsurvey: error: {lost.value}".replace("'local'", "'scheduler-file'").replace(
        "Timed out trying to connect to tcp://n1:8786", "REASON"
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("told_seconds", "seen", "expected"),
    [(None, 0.0, 0.0), (None, 7.0, 7.0), (5.0, 7.0, 7.0), (9.0, 7.0, 9.0)],
)
def test_a_task_is_expected_to_take_the_longest_that_is_known(
    tmp_path, told_seconds, seen, expected
):
    pool, _, store = a_pool(tmp_path)
    order = an_order(store, expected_seconds=told_seconds)
    pool._longest["fits"] = seen
    assert pool._expected(_Sent(order)) == expected


def test_without_workers_too_the_longest_that_is_known_is_expected(tmp_path):
    now = time.time()
    pool = SerialPool(deadline=TimeLimit("time limit", now - 1000.0, now + 60.0))
    pool._longest["fits"] = 70.0
    pool.submit(an_order(Store(tmp_path), expected_seconds=1.0))
    with pytest.raises(OutOfTime):
        pool.wait()


def test_a_task_too_big_for_the_workers_that_came_does_not_wait_for_ever(tmp_path, soon):
    profile = LocalProfile(backend="local", memory="2GB", start_timeout="0.3s")
    store, client = Store(tmp_path), FakeClient(("tcp://a",))
    pool = DaskPool(RunningCluster(client, profile, 4), store)
    stage = Stage("fits", "1", write_x, ("x",), memory="6GB")
    pool.submit(an_order(store, stage=stage))
    report = pool.wait()
    assert report.cause == (
        "needs 6 GB; its workers have 2 GB together, as some did not start; "
        "set memory or workers in the cluster profile"
    )
    cause = report.cause.replace("6 GB", "12 GB").replace("2 GB together,", "1 GB together,", 1)
    assert told(cause)
