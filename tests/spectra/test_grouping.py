import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xsurvey.spectra.grouping import (
    Grouping,
    group_by_file,
    group_energies,
    group_min_counts,
    notice,
    sum_groups,
    ungrouped,
)


def pairs(grouping: Grouping) -> list[tuple[int, int]]:
    return list(zip(grouping.first.tolist(), grouping.last.tolist(), strict=True))


def groups(*ends: tuple[int, int]) -> Grouping:
    return Grouping(*np.array(ends, dtype=int).reshape(-1, 2).T)


@pytest.mark.parametrize(
    ("flags", "quality", "expected"),
    [
        ([1, -1, -1, 1, -1], [0] * 5, [(0, 3), (3, 5)]),
        ([1, 1, 1], [0] * 3, [(0, 1), (1, 2), (2, 3)]),
        ([0, 0, 0], [0] * 3, [(0, 1), (1, 2), (2, 3)]),
        ([-1, -1, 1], [0] * 3, [(0, 2), (2, 3)]),
        ([0, -1, -1, 1], [0] * 4, [(0, 1), (1, 3), (3, 4)]),
        ([1, -1, 1, -1], [0, 1, 0, 0], [(2, 4)]),
        ([1, -1, 1, -1], [0, 0, 2, 5], [(0, 2)]),
        ([1, -1], [1, 1], []),
        ([], [], []),
    ],
)
def test_groups_of_a_file(
    flags: list[int], quality: list[int], expected: list[tuple[int, int]]
) -> None:
    assert pairs(group_by_file(np.array(flags, int), np.array(quality, int))) == expected


def test_good_channels_by_themselves() -> None:
    assert pairs(ungrouped(np.array([0, 1, 0, 2, 5, 0]))) == [(0, 1), (2, 3), (5, 6)]


@pytest.mark.parametrize(
    ("counts", "minimum", "good", "expected"),
    [
        ([5, 0, 5, 1, 4], 5, None, [(0, 1), (1, 3), (3, 5)]),
        ([3, 3, 3, 3, 3], 5, None, [(0, 2), (2, 5)]),  # the last one has no partner
        ([0, 0, 5, 0, 0], 5, None, [(0, 5)]),
        ([1, 1, 1], 5, None, []),
        ([5, 5, 5, 5], 10, [1, 1, 0, 1], [(0, 2)]),
        ([5, 5, 5, 5, 6], 11, [0, 1, 1, 1, 1], [(1, 5)]),
        ([1, 2], 1, [0, 0], []),
        ([], 1, None, []),
        ([0.1] * 20, 1, None, [(0, 10), (10, 20)]),
    ],
)
def test_minimum_counts(
    counts: list[float], minimum: float, good: list[int] | None,
    expected: list[tuple[int, int]],
) -> None:  # fmt: skip
    mask = None if good is None else np.array(good, bool)
    assert pairs(group_min_counts(np.array(counts, float), minimum, mask)) == expected


spectra = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, 6)), arrays(bool, n), st.integers(1, 12)
    )
)


@given(spectra)
def test_minimum_counts_always(spectrum: tuple[np.ndarray, np.ndarray, int]) -> None:
    counts, good, minimum = spectrum
    made = group_min_counts(counts, minimum, good)
    sums = sum_groups(counts, made)
    assert np.all(sums >= minimum)
    inside = made.members(len(counts)) >= 0
    assert not np.any(inside & ~good)
    # none could be smaller, but the last of each run, which takes what is left over
    for begin, end in pairs(made):
        if end < len(counts) and good[end]:
            assert counts[begin : end - 1].sum() < minimum
    # a run of good channels is in groups as a whole or not at all
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good, [0]]).astype(int)))
    for start, stop in edges.reshape(-1, 2):
        enough = counts[start:stop].sum() >= minimum
        assert np.all(inside[start:stop] == enough)


@given(spectra)
def test_flags_say_the_same(spectrum: tuple[np.ndarray, np.ndarray, int]) -> None:
    counts, good, minimum = spectrum
    made = group_min_counts(counts, minimum, good)
    assert pairs(group_by_file(*made.flags(len(counts)))) == pairs(made)
    assert made.channels().tolist() == np.flatnonzero(made.members(len(counts)) >= 0).tolist()


@given(spectra, st.integers(1, 3))
def test_sums_over_groups(spectrum: tuple[np.ndarray, np.ndarray, int], batch: int) -> None:
    counts, good, minimum = spectrum
    made = group_min_counts(counts, minimum, good)
    values = np.arange(batch)[:, np.newaxis] + counts / 7
    expected = [[row[a:b].sum() for a, b in pairs(made)] for row in values]
    assert sum_groups(values, made) == pytest.approx(np.reshape(expected, (batch, len(made))))


def test_sums_of_no_groups_and_of_too_few_channels() -> None:
    assert sum_groups(np.ones((2, 5)), groups()).shape == (2, 0)
    with pytest.raises(ValueError, match="ends at channel 4 of 3"):
        sum_groups(np.ones(3), groups((0, 4)))


def test_gaps_are_in_no_sum() -> None:
    made = groups((0, 2), (3, 4), (4, 6))
    assert sum_groups(np.array([1, 2, 100, 4, 8, 16, 100]), made).tolist() == [3, 4, 24]
    assert sum_groups(np.array([1, 2, 100, 4, 8, 16]), made).tolist() == [3, 4, 24]


LOW, HIGH = np.arange(6.0), np.arange(1.0, 7)


@pytest.mark.parametrize(
    ("minimum", "maximum", "expected"),
    [
        (0.5, 5.5, [(0, 2), (2, 3), (4, 6)]), (2.0, 4.0, [(2, 3)]),
        (1.9, 4.1, [(0, 2), (2, 3), (4, 6)]), (3.1, 3.9, []), (2.4, 2.6, [(2, 3)]), (7, 8, []),
        (-np.inf, np.inf, [(0, 2), (2, 3), (4, 6)]),
    ],
)  # fmt: skip
def test_a_range_snaps_outward(
    minimum: float, maximum: float, expected: list[tuple[int, int]]
) -> None:
    made = groups((0, 2), (2, 3), (4, 6))
    assert pairs(notice(made, LOW, HIGH, minimum, maximum)) == expected
    # energies may descend with the channels
    down = groups((0, 2), (3, 4), (4, 6))
    mirrored = [(6 - b, 6 - a) for a, b in reversed(expected)]
    assert pairs(notice(down, LOW[::-1], HIGH[::-1], minimum, maximum)) == mirrored


def test_energies_of_groups() -> None:
    low, high = group_energies(groups((0, 2), (4, 6)), LOW, HIGH)
    assert (low.tolist(), high.tolist()) == ([0, 4], [2, 6])


@pytest.mark.parametrize(
    ("first", "last"),
    [([0, 1], [2, 3]), ([0], [0]), ([3, 0], [4, 1]), ([-1], [2]), ([0, 1], [1])],
)
def test_groups_that_cannot_be(first: list[int], last: list[int]) -> None:
    with pytest.raises(ValueError, match="group"):
        Grouping(np.array(first), np.array(last))


@pytest.mark.parametrize(
    ("counts", "minimum"), [([1, -1], 1), ([1, np.nan], 1), ([1, 1], 0), ([1, 1], np.nan)]
)
def test_impossible_input(counts: list[float], minimum: float) -> None:
    with pytest.raises(ValueError, match="counts"):
        group_min_counts(np.array(counts, float), minimum)
    with pytest.raises(ValueError, match="another number"):
        group_min_counts(np.ones(3), 1, np.ones(2, bool))
