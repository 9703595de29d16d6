"""Runs over several missions: one catalog, one report."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.attitude import separations, unit_vectors
from xsurvey.catalogs import open_catalog
from xsurvey.cli import main as cli
from xsurvey.errors import InputError
from xsurvey.missions import get_mission
from xsurvey.pipelines.source_tables import source_tables
from xsurvey.units import EnergyBand

from .test_sources import PLAIN

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]
COARSE = "image: {pixel_size: 4arcsec}"
"""Pixels that make these tests quick."""


def write_config(folder: Path, inputs: list[Path], extra: str = "") -> Path:
    lines = ["schema: 1", "pipeline: sources", "inputs:", *(f"  - {p}" for p in inputs),
             "output: out", "seed: 3", extra]  # fmt: skip
    path = folder / "config.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, event_file: Path, survey_tile: Path,
    ixpe_units: list[Path], run_command: Run,
) -> Path:  # fmt: skip
    """A run over a pointing, a sky tile and the three units of another pointing."""
    folder = tmp_path_factory.mktemp("missions")
    tile = folder / "tile.fits"
    tile.write_bytes(survey_tile.read_bytes())
    write_config(folder, [event_file, tile, *ixpe_units], COARSE)
    done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_one_catalog_of_three_missions(finished: Path) -> None:
    table = Table.read(finished / "catalog" / "sources.fits")
    assert set(table["mission"]) == {"chandra", "erosita", "ixpe"}
    by_mission = {m: table[table["mission"] == m] for m in ("chandra", "erosita", "ixpe")}
    assert [len(rows) for rows in by_mission.values()] == [2, 2, 1]
    for mission, ra, dec in (("chandra", 150.05, 2.22), ("erosita", 150.1, 2.3),
                             ("ixpe", 150.0, 2.2)):  # fmt: skip
        rows = by_mission[mission]
        distance = separations(unit_vectors(rows["ra"], rows["dec"]), unit_vectors(ra, dec)) * 60
        assert distance.min() < 5
    # a column of one mission's band is empty for the others
    rates = {"chandra": "rate_b", "erosita": "rate_4", "ixpe": "rate_2000_8000"}
    for mission, rows in by_mission.items():
        for owner, column in rates.items():
            values = np.ma.filled(np.ma.asarray(rows[column], dtype=float), np.nan)
            assert np.isfinite(values).all() == (mission == owner)
    assert len(open_catalog(finished)) == 5


def test_units_are_one_target_of_the_run(finished: Path) -> None:
    tasks = json.loads((finished / "run.json").read_text())["tasks"]
    targets = {t["target"] for t in tasks if t["stage"] == "photometry"}
    assert targets == {"events", "tile", "SIMULATED_2022-04-21"}


def test_one_report_shows_every_target(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    for words in ("events", "tile", "SIMULATED_2022-04-21", "eROSITA", "GPD DU1+DU2+DU3",
                  "ACIS", "survey scan"):  # fmt: skip
        assert words in page
    for name in Table.read(finished / "catalog" / "sources.fits")["name"]:
        assert name in page


def test_a_selection_of_units_that_others_do_not_have_fails_for_these(
    tmp_path: Path, event_file: Path, survey_tile: Path, run_command: Run
) -> None:
    tile = tmp_path / "tile.fits"
    tile.write_bytes(survey_tile.read_bytes())
    write_config(tmp_path, [event_file, tile], f"selection: {{detectors: TM8}}\n{COARSE}\n{PLAIN}")
    done = run_command("run", "config.yaml", "--workers", 0, cwd=tmp_path)
    assert done.returncode == 3
    assert "has no 'TM8'" in done.stderr
    assert set(Table.read(tmp_path / "out" / "catalog" / "sources.fits")["mission"]) == {"erosita"}


def test_one_label_may_not_mean_two_bands() -> None:
    measured = [
        {"target": "one", "rows": [], "bands": {"b": "0.5-7 keV"}, "hardness": {}},
        {"target": "two", "rows": [], "bands": {"b": "0.2-2.3 keV"}, "hardness": {}},
    ]
    with pytest.raises(InputError) as caught:
        source_tables(measured, "XSV")
    assert str(caught.value).startswith("two: its band b is 0.2-2.3 keV")
    assert "measure_band" in caught.value.remedy
    measured[1]["bands"] = {"b": "0.5-7 keV"}
    assert len(source_tables(measured, "XSV").sources) == 0


def test_a_run_says_what_to_do_about_such_labels(
    tmp_path: Path, event_file: Path, survey_tile: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    other = get_mission("erosita")
    # a plug-in of somebody else's that has taken the letter b
    monkeypatch.setattr(other, "bands", {**other.bands, "b": EnergyBand(0.3, 3.0)}, raising=False)
    monkeypatch.setattr(other, "photometry_bands", ("b",), raising=False)
    monkeypatch.setattr(other, "hardness_pairs", (), raising=False)
    tile = tmp_path / "tile.fits"
    tile.write_bytes(survey_tile.read_bytes())
    output = str(tmp_path / "out")
    for extra, status in (("", 2), ("photometry: {measure_band: ['0.5-2']}", 0)):
        config = write_config(tmp_path, [event_file, tile], f"{extra}\n{COARSE}\n{PLAIN}")
        with pytest.raises(SystemExit) as ended:
            cli.main(["run", str(config), "--workers", "0", "--output", output])
        error = capfd.readouterr().err
        assert int(ended.value.code or 0) == status, error
        if status:
            last = error.rstrip("\n").splitlines()[-1]
            assert "band b is 0.5-7 keV of events but 0.3-3 keV of tile" in last
            assert "name the bands in photometry: measure_band" in last
    table = Table.read(tmp_path / "out" / "catalog" / "sources.fits")
    assert set(table["mission"]) == {"chandra", "erosita"}
    assert "rate_500_2000" in table.colnames
