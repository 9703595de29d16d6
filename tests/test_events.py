import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from regions import CirclePixelRegion, PixCoord

from xsurvey.errors import InputError
from xsurvey.events import EventList, GoodTimeIntervals
from xsurvey.missions import open_events
from xsurvey.missions.event_writer import write_events
from xsurvey.regions import region_set
from xsurvey.units import EnergyBand

edges = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=8)


def intervals(pairs: list[tuple[float, float]]) -> GoodTimeIntervals:
    pairs = [(min(p), max(p)) for p in pairs]
    array = np.array(pairs, dtype=float).reshape(-1, 2)
    return GoodTimeIntervals.from_edges(array[:, 0], array[:, 1])


@given(edges, edges)
def test_union_and_intersection_share_their_total(first: list, second: list) -> None:
    a, b = intervals(first), intervals(second)
    union, both = a.union(b), a.intersection(b)
    assert union.total + both.total == pytest.approx(a.total + b.total, abs=1e-9)
    assert np.all(np.diff(np.ravel(np.column_stack([union.start, union.stop]))) >= 0)


@given(edges, st.floats(0, 100))
def test_a_time_is_good_if_any_interval_holds_it(pairs: list, time: float) -> None:
    held = any(min(p) <= time <= max(p) and p[0] != p[1] for p in pairs)
    assert bool(intervals(pairs).contains(np.array([time]))[0]) == held


def test_chunk_size_changes_nothing(events: EventList) -> None:
    whole = events.columns(["time", "x", "energy"])
    for rows in (97, 1000, 10**7):
        assert np.array_equal(np.concatenate([c["x"] for c in events.chunks(rows)]), whole["x"])
    assert np.all(np.diff(whole["time"]) >= 0)


def test_filters_keep_what_they_say(events: EventList) -> None:
    circle = CirclePixelRegion(PixCoord(4000.0, 4100.0), 200)
    kept = events.in_energy(EnergyBand(1, 2)).in_region(region_set([circle], events.wcs))
    everything = events.columns(["x", "y", "energy"])
    inside = np.hypot(everything["x"] - 1 - 4000, everything["y"] - 1 - 4100) < 200
    expected = inside & (everything["energy"] >= 1) & (everything["energy"] < 2)
    assert 0 < kept.count() == expected.sum()


def test_time_filter_shortens_the_livetime(events: EventList) -> None:
    start = events.gti[0].start[0]
    half = GoodTimeIntervals.from_edges(np.array([start]), np.array([start + 10_000]))
    kept = events.in_time(half)
    assert kept.livetime == pytest.approx(10_000)
    assert kept.columns(["time"])["time"].max() <= start + 10_000
    assert 0.4 < kept.count() / events.count() < 0.6


def test_gzipped_file_reads_the_same(event_file: Path, tmp_path: Path) -> None:
    packed = tmp_path / "events.fits.gz"
    packed.write_bytes(gzip.compress(event_file.read_bytes(), 1))
    plain, other = open_events(event_file), open_events(packed)
    assert np.array_equal(plain.columns(["x"])["x"], other.columns(["x"])["x"])


def test_written_selection_reads_back(events: EventList, tmp_path: Path) -> None:
    kept = events.in_energy(EnergyBand(2, 7))
    path = tmp_path / "hard.fits"
    write_events(path, kept)
    again = open_events(path)
    for name in ("time", "x", "y", "energy"):
        assert np.array_equal(again.columns([name])[name], kept.columns([name])[name])
    assert again.livetime == kept.livetime
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        number = hdus["EVENTS"].columns.names.index("x") + 1
        assert hdus["EVENTS"].header[f"TCTYP{number}"] == "RA---TAN"
        assert "energy" in str(hdus["EVENTS"].header["HISTORY"])


def test_nothing_left_is_said_with_the_filters(events: EventList) -> None:
    empty = events.in_energy(EnergyBand(50, 60))
    with pytest.raises(InputError, match=r"none of \d+ events lies in 50-60 keV \(they have 0\."):
        empty.require_events(empty.count())
    with pytest.raises(InputError, match=r"5-60 keV \(they.*choose a band"):
        events.require_events(0, [EnergyBand(5, 60)])
    with pytest.raises(InputError, match=r"500-7000 keV.*bands are in keV: 0\.5-7\?"):
        events.require_events(0, [EnergyBand(500, 7000)])
    never = events.in_time(GoodTimeIntervals.from_edges(np.array([0.0]), np.array([1.0])))
    with pytest.raises(InputError, match=r"no events are left.*time in 1 intervals"):
        never.in_energy(EnergyBand(0.5, 7)).require_events(0)
