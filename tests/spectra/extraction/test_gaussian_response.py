"""Gaussian matrices: rows that add up, in the right place, as wide as asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from xsurvey.missions import get_mission
from xsurvey.missions.responses import ChannelGrid
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix

FINE = ChannelGrid.uniform(0, 1500, 0.01)


@given(st.floats(1.0, 12.0), st.floats(0.05, 0.5))
def test_lines(energy: float, fwhm: float) -> None:
    low, high = np.array([energy - 1e-6]), np.array([energy + 1e-6])
    row = gaussian_matrix(low, high, FINE, np.array([fwhm])).matrix.toarray()[0]
    middle = (FINE.low + FINE.high) / 2
    mean = row @ middle
    width = np.sqrt(row @ (middle - mean) ** 2)
    assert row.sum() == pytest.approx(1, abs=1e-12)
    assert mean == pytest.approx(energy, abs=1e-3)
    assert width * 2.354820 == pytest.approx(
        np.hypot(fwhm, 0.01 * 2.354820 / np.sqrt(12)), rel=0.01
    )


def test_a_channel_has_the_integral() -> None:
    low, high = np.array([1.999]), np.array([2.001])
    found = gaussian_matrix(low, high, FINE, np.array([0.1])).matrix.toarray()[0]
    sigma = 0.1 / 2.354820045
    assert found[205] == pytest.approx(ndtr(0.06 / sigma) - ndtr(0.05 / sigma), rel=1e-3)


def test_lines_beyond_the_channels() -> None:
    channels = ChannelGrid.uniform(1, 100, 0.05)  # to 5 keV
    low = np.array([4.99, 9.99])
    found = gaussian_matrix(low, low + 0.02, channels, np.array([0.1, 0.1])).matrix.toarray()
    assert found.sum(axis=1) == pytest.approx([1, 0])


def test_resolution_of_chips() -> None:
    mission = get_mission("chandra")
    energies = np.array([1.49, 5.9])
    assert mission.energy_resolution(energies, [0, 1]) == pytest.approx([0.130, 0.280])
    assert mission.energy_resolution(energies, [7]) == pytest.approx([0.095, 0.150])
    both = mission.energy_resolution(energies, [3, 7])
    assert both == pytest.approx(np.sqrt([(0.13**2 + 0.095**2) / 2, (0.28**2 + 0.15**2) / 2]))
    low = mission.energy_resolution(np.array([0.1]), [0])
    assert low is not None
    assert 0.02 < low[0] < 0.1
    pn = get_mission("erosita").energy_resolution(energies, [1])
    assert pn == pytest.approx([0.0783, 0.1302], abs=2e-4)
