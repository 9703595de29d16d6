"""Which worker a task may be given to: time left, memory, one task each."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.engine.clusters.profiles import LocalProfile
from xsurvey.engine.clusters.running import WorkerFacts
from xsurvey.engine.workers.limits import TimeLimit, nearest_limit, out_of_time, with_left
from xsurvey.engine.workers.roster import Look, Roster

GB = 1_000_000_000


@dataclass
class FakeCluster:
    """Workers by address, as a test wants them."""

    there: dict[str, WorkerFacts]
    workers: int = 2
    profile: LocalProfile = field(default_factory=lambda: LocalProfile(backend="local"))

    def describe(self) -> dict[str, WorkerFacts]:
        return dict(self.there)


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def on_host(*names: str, host: str = "n1", **facts: object) -> dict[str, WorkerFacts]:
    return {name: WorkerFacts(host, **facts) for name in names}


def roster_of(cluster: FakeCluster, clock: Clock | None = None) -> Roster:
    roster = Roster(cluster, clock or Clock())
    roster.refresh()
    return roster


def test_a_worker_has_one_task_at_a_time():
    roster = roster_of(FakeCluster(on_host("a", "b")))
    given_to = []
    for _ in range(2):
        address = roster.choose(None, 0.0, Look())
        roster.take(address, None)
        given_to.append(address)
    assert sorted(given_to) == ["a", "b"] and not roster.has_idle
    assert roster.choose(None, 0.0, Look()) is None
    roster.give_back("b")
    assert roster.choose(None, 0.0, Look()) == "b"


def test_a_big_task_begins_when_the_others_have_left_it_enough_and_none_gets_ahead_of_it():
    roster = roster_of(FakeCluster(on_host("a", "b", "c"), workers=3))
    roster.take("a", None)
    look = Look()
    assert roster.choose(5 * GB, 0.0, look) is None  # 6 GB together, 2 of them taken
    assert roster.choose(None, 0.0, look) is None  # small ones would keep it waiting for ever
    roster.give_back("a")
    look = Look()
    assert roster.choose(5 * GB, 0.0, look) == "b"
    roster.take("b", 5 * GB)
    assert roster.choose(None, 0.0, Look()) is None
    assert roster.choose(GB, 0.0, Look()) in ("a", "c")  # what is left is enough for a smaller one


def test_memory_of_another_host_or_job_is_of_no_use():
    there = on_host("a", "b") | on_host("c", "d", host="n2")
    there |= on_host("e", "f", host="n2", job="7")
    roster = roster_of(FakeCluster(there, workers=6))
    assert roster.too_big(4 * GB) is None and roster.too_big(5 * GB) == 4 * GB
    look = Look()
    chosen = [roster.choose(4 * GB, 0.0, look)]
    roster.take(chosen[0], 4 * GB)
    chosen.append(roster.choose(4 * GB, 0.0, Look()))
    assert chosen == ["a", "c"]


def test_a_task_is_too_big_only_when_all_workers_have_been_seen():
    cluster = FakeCluster(on_host("a"), workers=2)
    roster = roster_of(cluster)
    assert roster.too_big(3 * GB) is None
    cluster.there = on_host("a", "b")
    roster.refresh()
    assert roster.too_big(3 * GB) is None and roster.too_big(5 * GB) == 4 * GB
    # one that died comes back, and its memory is there meanwhile
    cluster.there = on_host("b")
    roster.refresh()
    assert roster.too_big(4 * GB) is None
    assert roster.choose(4 * GB, 0.0, Look()) == "b"
    # the address of a dead one may be known beside that of its successor
    cluster.there = on_host("b", "c", "d")
    roster.refresh()
    assert roster.too_big(5 * GB) == 4 * GB


def test_workers_that_never_come_are_not_waited_for_longer_than_they_may_take():
    profile = LocalProfile(backend="local", start_timeout="300s")
    clock, cluster = Clock(), FakeCluster(on_host("a", "b"), workers=4, profile=profile)
    roster = roster_of(cluster, clock)
    clock.now += 299.0
    assert roster.too_big(6 * GB) is None and not roster.all_came
    cluster.there |= on_host("c")  # one more: the others may be on their way
    roster.refresh()
    clock.now += 299.0
    assert roster.too_big(7 * GB) is None
    clock.now += 1.0
    assert roster.too_big(7 * GB) == 6 * GB and roster.too_big(6 * GB) is None
    cluster.there |= on_host("d")  # late
    roster.refresh()
    assert roster.too_big(7 * GB) is None and roster.all_came


class JobsProfile(LocalProfile):
    workers_per_job: int = 4


def test_what_a_job_has_is_known_before_it_comes():
    cluster = FakeCluster({}, workers=64, profile=JobsProfile(backend="local"))
    roster = roster_of(cluster)
    assert roster.too_big(8 * GB) is None and roster.too_big(9 * GB) == 8 * GB


def test_no_task_begins_that_would_not_end_before_its_workers_job():
    clock = Clock(1000.0)
    jobs = on_host("a", job="1", ends=1600.0) | on_host("b", job="2", ends=4600.0)
    roster = roster_of(FakeCluster(jobs), clock)
    clock.now = 1300.0
    # margins: 60 s of both, a tenth of 600 s being as much
    assert roster.choose(None, 240.0, Look()) == "a"
    assert roster.choose(None, 241.0, Look()) == "b"
    clock.now = 1541.0
    assert roster.choose(None, 0.0, Look()) == "b"
    roster.take("b", None)
    assert roster.choose(None, 0.0, Look()) is None
    assert roster.limit("a").is_over(clock.now) and not roster.limit("b").is_over(clock.now)


def test_a_task_that_takes_longer_than_any_job_is_tried_at_the_start_of_one_only():
    clock = Clock(1000.0)
    roster = roster_of(FakeCluster(on_host("a", job="1", ends=2000.0)), clock)
    assert roster.choose(None, 1e6, Look()) == "a"
    clock.now = 1200.0
    assert roster.choose(None, 1e6, Look()) is None


def test_a_task_sent_to_a_worker_that_had_gone_is_noticed_after_a_moment():
    clock, cluster = Clock(), FakeCluster(on_host("a", "b"))
    roster = roster_of(cluster, clock)
    roster.take("a", None)
    cluster.there = on_host("b")
    roster.refresh()
    # the scheduler tells of those that had begun; that takes a moment
    assert roster.misses_some and not roster.is_gone("a") and len(roster) == 1
    clock.now += 1.0
    assert roster.is_gone("a") and not roster.is_gone("b")
    roster.give_back("a")
    assert not roster.misses_some and roster.choose(None, 0.0, Look()) == "b"


def test_a_job_that_ended_is_forgotten_with_its_memory():
    clock = Clock(1000.0)
    cluster = FakeCluster(on_host("a", "b", job="1", ends=2000.0))
    roster = roster_of(cluster, clock)
    clock.now, cluster.there = 2000.0, on_host("c", job="2", ends=3000.0)
    roster.refresh()
    assert roster.too_big(3 * GB) == 2 * GB
    assert roster.choose(None, 600.0, Look()) == "c"


NEEDS = st.lists(st.none() | st.integers(1, 9 * GB), max_size=30)


@given(NEEDS, st.integers(1, 4), st.integers(1, 3), st.randoms(use_true_random=False))
def test_memory_is_never_promised_twice_and_every_task_that_fits_is_done(
    needs, workers, hosts, random
):
    there = {f"{h}.{w}": WorkerFacts(f"n{h}") for h in range(hosts) for w in range(workers)}
    roster = roster_of(FakeCluster(there, workers=len(there)))
    budget, waiting, running, done = workers * 2 * GB, list(needs), {}, 0
    for _ in range(200):
        look, kept = Look(), []
        for need in waiting:
            if roster.too_big(need) is not None:
                assert need > budget
                done += 1
                continue
            address = roster.choose(need, 0.0, look)
            if address is None:
                kept.append(need)
            else:
                assert address not in running
                roster.take(address, need)
                running[address] = 2 * GB if need is None else need
        for host in range(hosts):
            assert sum(n for a, n in running.items() if a.startswith(f"{host}.")) <= budget
        waiting = kept
        if not running:
            break
        ended = random.choice(sorted(running))
        del running[ended]
        roster.give_back(ended)
        done += 1
    assert not waiting and done == len(needs)


@pytest.mark.parametrize(
    ("margin", "latest"), [(0.0, 1100.0), (5.0, 1095.0), (60.0, 1090.0)]
)  # fmt: skip
def test_the_margin_is_at_most_a_tenth(margin, latest):
    assert TimeLimit("walltime", 1000.0, 1100.0, margin).latest == latest


@given(
    began=st.floats(0, 2e9), span=st.floats(-10, 1e6), margin=st.floats(0, 1e4),
    share=st.floats(0, 1.5), seconds=st.floats(0, 1e7),
)  # fmt: skip
def test_nothing_begins_when_the_time_is_over(began, span, margin, share, seconds):
    limit = TimeLimit("walltime", began, began + span, margin)
    now = began + share * span
    if limit.is_over(now):
        assert not limit.allows(now, seconds)
    elif seconds <= limit.latest - now:
        assert limit.allows(now, seconds)


def test_the_first_limit_counts_and_the_error_tells_what_is_left():
    first, second = TimeLimit("walltime", 0, 100), TimeLimit("time limit", 0, 50)
    assert nearest_limit(first, None, second) is second and nearest_limit(None) is None
    error = with_left(out_of_time(second, 2), 7)
    assert str(error) == (
        "time limit: 2 tasks under way were stopped, 7 are left; submit or run it again to go on"
    )
    assert str(with_left(out_of_time(first, 1), 1)).startswith(
        "walltime: 1 task under way was stopped, 1 is left; "
    )
    assert "walltime: the time left is too short for more tasks, 3 are left" in str(
        with_left(out_of_time(first, 0), 3)
    )
