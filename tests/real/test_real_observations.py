"""Real event files: expected counts and sources."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.attitude import separations, unit_vectors
from xsurvey.imaging.summary import summarise
from xsurvey.io.datasets import get_dataset, is_installed
from xsurvey.missions import open_events

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def demo_events() -> Path:
    dataset = get_dataset("msh15-52")
    if not is_installed(dataset):
        pytest.skip("the demo's data are not installed (xsurvey data install msh15-52)")
    return dataset.path


def test_cen_a(shared_data: Path) -> None:
    summary = summarise(open_events(shared_data / "chandra" / "cena_obs18461_evt2.fits"))
    assert summary.rows == 23_094
    assert summary.event_list.livetime == pytest.approx(5124.656, abs=0.01)
    assert sorted(summary.event_list.gti) == [0, 1, 2, 3, 6]
    assert summary.event_list.observation.target == "Centaurus A"
    assert summary.warnings == ()


def test_m82_exposure_is_warned_of(shared_data: Path, run_command: Run, tmp_path: Path) -> None:
    path = shared_data / "chandra" / "m82_obs10027_chandra_test.fits"
    done = run_command("info", path, "--json", tmp_path / "m82.json")
    result = json.loads((tmp_path / "m82.json").read_text())
    assert result["events"] == 4612
    assert result["ontime"] == pytest.approx(945, abs=1)
    assert "18279.3 s" in done.stdout
    assert any("GTIs are used" in w for w in result["warnings"])
    detected = run_command("detect", path, "-o", tmp_path / "m82.fits")
    assert detected.returncode == 0, detected.stderr
    assert "GTIs are used" in detected.stderr


def test_cen_a_has_its_bright_sources(shared_data: Path, run_command: Run, tmp_path: Path) -> None:
    path = shared_data / "chandra" / "cena_obs18461_evt2.fits"
    done = run_command("detect", path, "-o", tmp_path / "cena.fits")
    assert done.returncode == 0, done.stderr
    table = Table.read(tmp_path / "cena.fits")
    # the nucleus (NED: 201.36506, -43.01911), piled up and bright
    distance = np.hypot((table["ra"] - 201.36506) * np.cos(np.radians(43)), table["dec"] + 43.01911)
    assert distance.min() * 3600 < 2.0
    assert 20 < len(table) < 150


@pytest.fixture(scope="module")
def demo_sources(
    demo_events: Path, run_command: Run, tmp_path_factory: pytest.TempPathFactory
) -> Table:
    """The sources that are found in the demo's observation, as they come from the command."""
    path = tmp_path_factory.mktemp("demo") / "msh.fits"
    done = run_command("detect", demo_events, "-o", path)
    assert done.returncode == 0, done.stderr
    return Table.read(path)


def test_pulsar_of_the_demo(demo_sources: Table) -> None:
    best = demo_sources[np.argmax(demo_sources["detection_likelihood"])]
    offset = np.hypot((best["ra"] - 228.4818) * np.cos(np.radians(59.1)), best["dec"] + 59.1358)
    assert offset * 3600 < 1.0
    assert 20 <= len(demo_sources) <= 400
    assert best["pileup_fraction"] > 0.05


def test_knots_of_the_nebula_are_no_flood_of_points(demo_sources: Table) -> None:
    # the pulsar is the most significant source, and a point
    place = unit_vectors(demo_sources["ra"], demo_sources["dec"])
    distance = separations(place, unit_vectors(228.4818, -59.1358))
    assert distance[0] * 60 < 0.5
    assert demo_sources["extent"][0] == 0
    assert set(demo_sources["classification"]) == {"TRUE"}
    assert 20 < (demo_sources["extent"] == 0).sum() < 60
