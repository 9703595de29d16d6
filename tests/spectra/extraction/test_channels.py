"""Channels of events: numbers of a column, or energies in bins of any width."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.missions import get_mission
from xsurvey.missions.responses import ChannelGrid

from .tools import CHANNELS


@given(st.floats(0.0, 20.0), st.integers(0, 1))
def test_an_energy_is_in_the_channel_that_holds_it(energy: float, first: int) -> None:
    grid = ChannelGrid(CHANNELS.numbers - 1 + first, CHANNELS.low, CHANNELS.high)
    place = int(grid.place_of_energies(np.array([energy]))[0])
    holding = [i for i in range(100) if grid.low[i] <= energy < grid.high[i]]
    assert holding == ([] if place < 0 else [place])


def test_limits_belong_to_the_channel_above() -> None:
    assert CHANNELS.place_of_energies(CHANNELS.low).tolist() == list(range(100))
    assert CHANNELS.place_of_energies(CHANNELS.high[-1:]).tolist() == [-1]


def test_energies_in_a_gap_are_in_no_channel() -> None:
    grid = ChannelGrid(np.array([1, 2]), np.array([1.0, 2.0]), np.array([1.5, 3.0]))
    assert grid.place_of_energies(np.array([1.2, 1.7, 2.0, np.nan])).tolist() == [0, -1, 1, -1]


def test_numbers_outside_are_in_no_channel() -> None:
    grid = ChannelGrid.uniform(1, 3, 0.5)
    assert grid.place_of_numbers(np.array([0, 1, 3, 4])).tolist() == [-1, 0, 2, -1]


def test_channels_of_missions() -> None:
    acis, gpd = get_mission("chandra").channels, get_mission("ixpe").channels
    assert acis is not None
    assert gpd is not None
    assert (acis.numbers[0], acis.numbers[-1]) == (1, 1024)
    assert acis.high[-1] == pytest.approx(14.9504)
    assert (gpd.numbers[0], gpd.numbers[-1]) == (0, 374)
    # a channel is centred on what the reader takes as its energy
    assert (gpd.low[100] + gpd.high[100]) / 2 == pytest.approx(0.04 * 100 + 0.02)
    nominal = get_mission("erosita").channels
    assert (nominal.low[0], nominal.high[-1]) == pytest.approx((0.1, 12.0))
