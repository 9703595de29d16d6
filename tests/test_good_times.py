import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.good_times import GoodTimeIntervals

# mission seconds as telescopes count them, to the millisecond
seconds = st.integers(0, 10_000_000).map(lambda ms: 7e8 + ms / 1000)
lists = st.lists(st.tuples(seconds, seconds), max_size=6)


def intervals(pairs: list[tuple[float, float]]) -> GoodTimeIntervals:
    array = np.array([sorted(p) for p in pairs], dtype=float).reshape(-1, 2)
    return GoodTimeIntervals.from_edges(array[:, 0], array[:, 1])


def same(first: GoodTimeIntervals, second: GoodTimeIntervals) -> bool:
    return np.array_equal(first.start, second.start) and np.array_equal(first.stop, second.stop)


@given(lists, st.randoms(use_true_random=False))
def test_the_order_of_intervals_does_not_matter(pairs: list, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert same(intervals(pairs), intervals(shuffled))


@given(lists, st.floats(0.3, 3000))
def test_samples_fill_the_good_time(pairs: list, step: float) -> None:
    good = intervals(pairs)
    middle, length = good.samples(step)
    assert length.sum() == pytest.approx(good.total, abs=1e-6)
    assert np.all(length <= step * (1 + 1e-6))
    assert good.contains(middle).all()
    assert np.all(np.diff(middle) > 0)


@given(lists, lists)
def test_intersection_and_union_commute(first: list, second: list) -> None:
    a, b = intervals(first), intervals(second)
    assert same(a.intersection(b), b.intersection(a))
    assert same(a.union(b), b.union(a))
    assert same(a.intersection(a), a)
    assert same(a.union(a), a)
    assert a.intersection(b).total <= min(a.total, b.total) + 1e-6


@given(lists, lists, seconds)
def test_a_time_is_in_the_intersection_if_it_is_in_both(
    first: list, second: list, time: float
) -> None:
    a, b = intervals(first), intervals(second)
    # half a millisecond off every edge, where it does not matter which ends belong to it
    inside = np.array([time + 0.0005])
    expected = a.contains(inside) & b.contains(inside)
    assert a.intersection(b).contains(inside) == expected


@given(lists, st.lists(seconds, max_size=8))
def test_cutting_keeps_the_times_and_ends_at_every_edge(pairs: list, edges: list) -> None:
    good = intervals(pairs)
    pieces = good.cut(np.array(edges, dtype=float))
    assert same(GoodTimeIntervals.from_edges(pieces.start, pieces.stop), good)
    for edge in edges:
        assert not np.any((pieces.start < edge) & (edge < pieces.stop))


def test_intervals_that_touch_are_one_and_bad_ones_are_none() -> None:
    start = np.array([10.0, 0.0, 50.0, np.nan, 80.0, 90.0])
    stop = np.array([20.0, 10.0, 40.0, 60.0, 80.0, np.inf])
    good = GoodTimeIntervals.from_edges(start, stop)
    assert good.start.tolist() == [0]
    assert good.stop.tolist() == [20]


def test_nothing_is_good_in_no_intervals() -> None:
    none = intervals([])
    some = intervals([(1.0, 2.0)])
    assert none.total == 0
    assert not none.contains(np.array([1.5])).any()
    assert len(none.samples(1.0)[0]) == 0
    assert same(some.intersection(none), none)
    assert same(none.intersection(some), none)
    assert same(some.union(none), some)
