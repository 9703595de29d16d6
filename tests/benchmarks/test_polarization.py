"""Benchmarks of polarization: what is simulated is what is said, and files are event files."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from benchmarks.polarization_false_alarms import FIELDS, counted, gaussian_coverage
from benchmarks.polarization_speed import write_units
from benchmarks.polarized_events import Sky, batches, channel_shares, modulation, simulate
from xsurvey.missions import open_events
from xsurvey.polarization.bin_sums import bin_sums
from xsurvey.polarization.estimators import empirical

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ixpeobssim") is None, reason="ixpeobssim is absent"
)


@pytest.mark.parametrize("weighted", [False, True])
def test_simulated_polarization_is_found(weighted: bool) -> None:
    shares, responses = channel_shares(2.0), modulation(weighted)
    assert shares.sum() == pytest.approx(1)
    sky = Sky(5000, 0.6, 25.0)
    sums = simulate(sky, shares, responses, weighted, 40, np.random.default_rng(1))
    bins = empirical(bin_sums(sums, responses, np.array([2.0, 8.0])))
    error = np.sqrt(bins.covariance[:, 0, 0, 0].mean() / 40)
    phase = np.radians(50.0)
    assert bins.q_norm.mean() == pytest.approx(0.6 * np.cos(phase), abs=4 * error)
    assert bins.u_norm.mean() == pytest.approx(0.6 * np.sin(phase), abs=4 * error)
    assert sums.counts.sum(axis=(1, 2)).std() == pytest.approx(np.sqrt(5000), rel=0.5)


def test_cells_count_all_simulations() -> None:
    assert sum(batches(1001, FIELDS["faint"].counts)) == 1001
    found = counted("faint", True, 30, seed=3)
    assert len(found) == 8
    assert all(0 <= hits <= 30 for cell in found.values() for hits in cell.values())
    covered = counted("pd_0.3", False, 20, seed=3)
    assert all(cell["limit_0.9973"] >= 18 for cell in covered.values())
    assert gaussian_coverage(0.0, 50, 1)["limit_0.99"] == 50


def test_files_of_the_speed_test_can_be_read(tmp_path: Path) -> None:
    events = open_events(write_units(tmp_path, 1000, 1))
    assert events.rows == events.count() == 1000
    assert events.has_column("weight")
