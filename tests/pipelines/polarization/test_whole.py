"""All stages of the pipeline ``polarization`` together: companion, maps, annuli, spectra, a fit."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.catalogs import open_catalog
from xsurvey.events import EventList
from xsurvey.missions import open_events

from .conftest import POLARIZATION, coarse_figures, write_config

pytestmark = pytest.mark.slow

EVERYTHING = """\
rotation: {highest_rate: 200, rotation_trials: 99}
constancy: {time_bins: 3}
companion: {file: optical.ecsv, walks: 1000}
map: {enabled: true, pixel_size: 30arcsec, center: "150.0,2.2", map_radius: 2arcmin}
radial: {enabled: true, edges: "0arcsec,15arcsec,60arcsec"}
spectropolarimetry: {model: polconst*powerlaw, group: min10, stokes_group: every25, stat: chi2}
"""
PULSAR = Path("polarization") / "pulsar"


def write_series(path: Path, events: EventList) -> None:
    """Write an optical series about the time of the events."""
    middle = events.observation.mjd(7e8)
    mjd = middle + np.linspace(-5, 5, 21)
    Table({
        "mjd": mjd, "pd": np.full(21, 0.1), "pd_err": np.full(21, 0.01),
        "pa": 5 * (mjd - middle), "pa_err": np.full(21, 3.0),
    }).write(path, format="ascii.ecsv")  # fmt: skip


@pytest.fixture(scope="module")
def output(
    observations: Path, run_command: Callable, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_series(folder / "optical.ecsv", open_events(sorted(observations.glob("obs01_du?.fits"))))
    write_config(folder, POLARIZATION + EVERYTHING, f'"{observations}/obs??_du?.fits"')
    with coarse_figures():
        done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def read(path: Path) -> dict:
    return dict(json.loads(path.read_text()))


def test_everything_is_published(output: Path) -> None:
    for obs in ("01", "02"):
        assert {p.name for p in (output / "fields" / obs).iterdir()} == {
            "map.fits", "map.json", "map.png",
        }  # fmt: skip
        assert {p.name for p in (output / PULSAR / obs).iterdir()} == {
            "polarization.json", "polarization.fits", "behaviour.json", "radial.fits",
            "radial.json", "radial.png", "spectra",
        }  # fmt: skip
    figures = {p.name for p in (output / PULSAR / "all" / "figures").iterdir()}
    assert {"plane.png", "energies.png", "angle_01.png", "spectra.png", "contours.png"} <= figures
    assert (output / "polarization" / "companion" / "companion.json").is_file()


def test_behaviour_knows_the_companion(output: Path) -> None:
    found = read(output / PULSAR / "01" / "behaviour.json")
    assert found["rotation"]["trials"] == 99
    counts = sum(one["counts"] for one in found["time_bins"])
    companion = found["companion"]
    assert companion["counts"] == pytest.approx(companion["share_of_events"] * counts)
    assert len(found["time_bins"]) == 3


def test_the_fit_is_in_the_catalog(output: Path) -> None:
    fit = read(output / PULSAR / "all" / "spectropolarimetry.json")
    assert fit["observations"] == ["01", "02"]
    (row,) = open_catalog(output).query()
    assert row["polarization_fit_model"] == "polconst*powerlaw"
    (pair,) = fit["polarization"]
    assert row["polarization_fit_degree"] == pair["pd"]["value"]
    assert row["polarization_fit_degree_lo"] == pair["pd"]["lower"]
    assert row["polarization_fit_photon_index"] == fit["parameters"]["powerlaw.PhoIndex"]["value"]
    assert row["polarization_fit_dof"] == fit["statistic"]["dof"]


def test_the_report_shows_all(output: Path) -> None:
    page = (output / "report.html").read_text()
    for text in ("Behaviour", "Joint fit of Stokes spectra", "About the source", "Maps",
                 "optical companion", "polarization/pulsar/01/spectra/index.json"):  # fmt: skip
        assert text in page, text
    assert page.count("data:image/png") >= 9


def test_a_second_run_does_nothing(output: Path, run_command: Callable) -> None:
    before = (output / "report.html").stat().st_mtime_ns
    done = run_command("run", "config.yaml", "--workers", 0, cwd=output.parent)
    assert done.returncode == 0, done.stderr
    assert (output / "report.html").stat().st_mtime_ns == before
    assert {t["status"] for t in read(output / "run.json")["tasks"]} == {"cached"}
