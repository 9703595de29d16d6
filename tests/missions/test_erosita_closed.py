"""Exposures of eROSITA with a closed filter wheel: flags, and which times are of use."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import get_mission, open_events
from xsurvey.missions.erosita import BAD_FLAGS
from xsurvey.missions.erosita_closed import (
    AFTER_ROTATION,
    CLOSED_FLAGS,
    steady_closed,
    steady_times,
)

from ..mission_files import erosita_columns, write_erosita

CLOSED = {
    "mission": "erosita", "closed": True, "exposure": "4ks", "energy": "0.2-10",
    "particle": "powerlaw", "particle_set": ("powerlaw.PhoIndex=0", "powerlaw.norm=0.2"),
}  # fmt: skip


def even(start: float, stop: float, rate: float) -> np.ndarray:
    """Return times at a rate a minute."""
    return np.arange(start + 0.5, stop, 60 / rate)


def test_closed_exposures_have_flags_of_their_own(tmp_path: Path) -> None:
    columns = erosita_columns(count=64)
    flags = np.zeros(64, dtype=np.uint32)
    flags[:32] = np.uint32(1) << np.arange(32, dtype=np.uint32)
    columns["FLAG"] = ("J", flags.view(np.int32))
    events = open_events(write_erosita(tmp_path / "e.fits", columns, FILTER="CLOSED"))
    kept = events.columns(["flag"])["flag"]
    good = [bit for bit in range(32) if not CLOSED_FLAGS >> bit & 1]
    assert sorted(kept[kept != 0]) == sorted(1 << bit for bit in good)
    assert CLOSED_FLAGS == 0xE000F000 != BAD_FLAGS
    assert events.observation.closed
    for name in ("FILTER", "OPEN"):
        other = open_events(write_erosita(tmp_path / f"{name}.fits", columns, FILTER=name))
        assert not other.observation.closed


def test_ten_minutes_after_each_rotation_are_left_out() -> None:
    gti = GoodTimeIntervals.from_edges(
        np.array([0.0, 2020.0, 6000.0]), np.array([2000.0, 4000.0, 6500.0])
    )
    time = np.concatenate([even(0, 4000, 130), even(6000, 6500, 130)])
    # 20 s are no rotation, 2000 s are; of the last exposure nothing is left
    found = steady_times(gti, time)
    assert list(found.start) == [AFTER_ROTATION, 2020]
    assert list(found.stop) == [2000, 4000]
    told = steady_times(gti, time, rotations=[-100.0, 3000.0])
    assert list(told.start) == [500, 2020, 3600, 6000]
    assert list(told.stop) == [2000, 3000, 4000, 6500]
    nothing = GoodTimeIntervals.from_edges(np.empty(0), np.empty(0))
    assert steady_times(nothing, np.empty(0)).total == 0


@pytest.mark.parametrize(("rate", "kept"), [(85, 0), (95, 1), (165, 1), (180, 0)])
def test_exposures_with_unusual_rates_are_left_out(rate: float, kept: int) -> None:
    gti = GoodTimeIntervals.from_edges(np.array([0.0, 5000.0]), np.array([3000.0, 8000.0]))
    time = np.concatenate([even(0, 3000, rate), even(5000, 8000, 130)])
    found = steady_times(gti, time)
    assert len(found.start) == 1 + kept
    # the same of seven modules whose good times are one
    seven = steady_times(gti, np.repeat(time, 7), modules=7)
    assert list(seven.start) == list(found.start)


def test_a_simulated_exposure(make_events: Callable[..., Path]) -> None:
    noisy = "TM4=powerlaw powerlaw.PhoIndex=0 powerlaw.norm=0.2"
    events = open_events(make_events(**CLOSED, particle_group=(noisy,)))
    steady = get_mission("erosita").steady_closed(events)
    assert sorted(steady.gti) == [1, 2, 3, 5, 6, 7]  # 0.2 x 9.5 x 60 = 114 a minute, 228 of TM4
    begin = min(own.start[0] for own in events.gti.values())
    for own in steady.gti.values():
        assert own.total == pytest.approx(4000 - AFTER_ROTATION)
    time = steady.columns(["time"])["time"]
    assert time.min() >= begin + AFTER_ROTATION
    expected = 0.2 * 9.8 * 6 * 3400
    assert abs(len(time) - expected) < 5 * np.sqrt(expected)


def test_what_is_no_closed_exposure(make_events: Callable[..., Path]) -> None:
    events = open_events(make_events(mission="erosita", exposure="2ks", background_rate=2.0))
    with pytest.raises(InputError, match="FILTER"):
        steady_closed(events)
    short = open_events(make_events(**CLOSED | {"exposure": "300s"}))
    with pytest.raises(InputError, match="ten minutes"):
        steady_closed(short)


def test_missions_without_a_recipe(make_events: Callable[..., Path]) -> None:
    events = open_events(make_events(mission="chandra", exposure="2ks"))
    with pytest.raises(InputError, match="closed"):
        get_mission("chandra").steady_closed(events)
