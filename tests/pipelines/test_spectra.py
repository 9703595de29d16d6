"""Spectra of sources and regions in the pipeline, where the truth is known."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.catalogs import open_catalog
from xsurvey.cli import main as cli
from xsurvey.detection.photometry import SourceFlag
from xsurvey.engine import Store
from xsurvey.engine.families import read_members
from xsurvey.pipelines.publishing import publish_folders
from xsurvey.pipelines.sources import SOURCES
from xsurvey.pipelines.spectra.products import spectra_folders

from .spectra_runs import (
    AREA,
    FAINT,
    INDEX,
    PILED_UP,
    POINT,
    power_laws,
    run,
    with_model,
    write_config,
)

pytestmark = pytest.mark.slow

SPECTRAL = {"spectra", "spectral_parts", "spectral_fits", "spectral_results"}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def inputs(
    make_events: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Events of the three sources, and responses."""
    return power_laws(make_events, tmp_path_factory.mktemp("responses"))


def statuses(folder: Path) -> dict[str, str]:
    tasks = json.loads((folder / "out" / "run.json").read_text())["tasks"]
    return {task["stage"]: task["status"] for task in tasks}


def only_table(out: Path) -> Table:
    return Table.read(out / "catalog" / "sources.fits", mask_invalid=False)


def row_near(table: Table, place: tuple[float, float]) -> Any:
    distance = np.hypot(table["ra"] - place[0], table["dec"] - place[1])
    assert distance.min() < 2e-3
    return table[int(np.argmin(distance))]


def fit_of(out: Path, name: str) -> dict[str, Any]:
    (path,) = out.glob(f"spectra/*/**/{name}/fit.json")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, inputs: dict[str, Path]) -> Path:
    """A folder with a finished run."""
    folder = tmp_path_factory.mktemp("spectra")
    write_config(folder, inputs, with_model("powerlaw"))
    assert run(folder) == 0
    return folder


@pytest.fixture
def copy(tmp_path: Path, finished: Path) -> Path:
    """A copy of it, to go on from."""
    return shutil.copytree(finished, tmp_path / "copy")


def test_the_photon_index_of_a_source_is_found(finished: Path) -> None:
    row = row_near(only_table(finished / "out"), POINT)
    assert row["spectral_model"] == "powerlaw"
    assert row["spectral_band"] == "0.5-7 keV"  # the mission's detection band
    assert row["spectral_confidence"] == 0.6827
    assert row["spectral_method"] == "mcmc"
    assert np.isnan(row["spectral_model_preference"])  # there are no alternatives
    (chain,) = (finished / "out").glob("spectra/*/sources_0000/*/chain.h5")
    assert (chain.parent / "flux_posterior.fits").is_file()
    assert row["photon_index_lo"] < row["photon_index"] < row["photon_index_hi"]
    sigma = (row["photon_index_hi"] - row["photon_index_lo"]) / 2
    assert 0.02 < sigma < 0.15
    assert abs(row["photon_index"] - INDEX) < 3 * sigma
    assert abs(row["spectral_excess"]) < 3
    assert np.isnan(row["column_density"])  # the model has none
    assert not row["flag"] & (SourceFlag.SPECTRUM_FAILED | SourceFlag.RESPONSE_APPROXIMATE)


def test_the_flux_is_that_of_the_counts(finished: Path) -> None:
    row = row_near(only_table(finished / "out"), POINT)
    index = INDEX  # mean energy of the power law in counts
    low, high = 0.5, 7.0
    mean = (
        (high ** (2 - index) - low ** (2 - index)) / (2 - index)
        / ((high ** (1 - index) - low ** (1 - index)) / (1 - index))
    )  # fmt: skip
    fraction = row["psf_fraction"]
    expected = 500 * fraction / 20e3 / AREA * mean * 1.602e-9
    assert row["flux_unabsorbed"] == pytest.approx(expected, rel=0.25)
    assert row["flux_unabsorbed_lo"] < row["flux_unabsorbed"] < row["flux_unabsorbed_hi"]


def test_the_photon_index_of_a_region_is_found(finished: Path) -> None:
    fit = fit_of(finished / "out", "blob")
    found = fit["parameters"]["powerlaw.PhoIndex"]
    sigma = (found["upper"] - found["lower"]) / 2
    assert abs(found["value"] - INDEX) < 3 * sigma
    # nothing of the photometry is in it
    assert fit["data"][0]["counts"] > 400


def test_a_piled_up_source_has_no_spectral_parameters(finished: Path) -> None:
    out = finished / "out"
    row = row_near(only_table(out), PILED_UP)
    assert row["flag"] & SourceFlag.PILED_UP
    assert not row["flag"] & SourceFlag.SPECTRUM_FAILED
    assert row["net_counts_b"] > 1000
    for name in ("photon_index", "photon_index_lo", "photon_index_hi", "flux_unabsorbed",
                 "spectral_statistic", "spectral_dof"):  # fmt: skip
        assert np.isnan(row[name])
    assert row["spectral_model"] == ""
    number = int(row["source_id"].rpartition("_")[2])
    assert not list(out.glob(f"spectra/*/*/source_{number:04d}"))
    assert "too many photons fell together" in (out / "report.html").read_text()


def test_a_faint_source_is_left_alone(finished: Path) -> None:
    row = row_near(only_table(finished / "out"), FAINT)
    assert row["spectral_model"] == ""
    assert np.isnan(row["photon_index"])
    assert not row["flag"] & SourceFlag.SPECTRUM_FAILED


def test_products_of_a_fit(finished: Path) -> None:
    out = finished / "out"
    (folder,) = out.glob("spectra/*/blob")
    names = {path.name for path in folder.iterdir()}
    assert names == {"blob.pha", "blob_bkg.pha", "blob.arf", "blob.rmf", "fit.json", "fit.png"}
    header = fits.getheader(folder / "blob.pha", "SPECTRUM")
    assert header["BACKFILE"] == "blob_bkg.pha"
    assert header["RESPFILE"] == "blob.rmf"
    page = (out / "report.html").read_text()
    assert "Spectra" in page
    assert page.count("Spectrum of ") == 2
    assert (folder.parent / "fits.json").is_file()


def test_files_can_be_fitted_by_the_command(finished: Path, tmp_path: Path) -> None:
    (spectrum,) = (finished / "out").glob("spectra/*/blob/blob.pha")
    told = tmp_path / "fit.json"
    with pytest.raises(SystemExit) as ended:
        cli.main(["spectrum", "fit", str(spectrum), "--model", "powerlaw", "--stat", "wstat",
                  "--energy", "0.5-7", "--group", "none", "--json", str(told)])  # fmt: skip
    assert not ended.value.code
    own = json.loads(told.read_text())["parameters"]
    assert own == fit_of(finished / "out", "blob")["parameters"]


def test_explain_leads_from_a_spectrum_to_the_events(
    finished: Path, inputs: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    (spectrum,) = (finished / "out").glob("spectra/*/blob/blob.pha")
    for product in (spectrum, finished / "out" / "catalog" / "sources.fits"):
        with pytest.raises(SystemExit) as ended:
            cli.main(["explain", str(product)])
        text = capfd.readouterr().out
        assert not ended.value.code
        assert "unchanged since" in text
        for task in ("spectral_fits", "spectra: spectra", "photometry"):
            assert task in text
        assert str(inputs["events"]) in text
        assert "uses models" in text


def test_a_second_run_does_nothing(copy: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in (copy / "out" / "spectra").rglob("*")}
    assert run(copy) == 0
    assert set(statuses(copy).values()) == {"cached"}
    assert {p: p.stat().st_mtime_ns for p in (copy / "out" / "spectra").rglob("*")} == before


def test_lost_spectra_are_published_again(copy: Path) -> None:
    (folder,) = (copy / "out" / "spectra").iterdir()
    shutil.rmtree(copy / "out" / "spectra")
    assert run(copy) == 0
    assert (folder / "blob" / "blob.pha").is_file()


def test_another_model_repeats_the_fits_only(copy: Path, inputs: dict[str, Path]) -> None:
    write_config(copy, inputs, with_model("bbody"))
    assert run(copy) == 0
    again = {stage for stage, status in statuses(copy).items() if status != "cached"}
    assert again == SPECTRAL - {"spectra"} | {"source_rows", "catalog"}
    assert "bbody.kT" in fit_of(copy / "out", "blob")["parameters"]


def test_another_region_repeats_the_extraction(copy: Path, inputs: dict[str, Path]) -> None:
    write_config(copy, inputs, with_model("powerlaw").replace("30arcsec", "25arcsec"))
    assert run(copy) == 0
    assert statuses(copy)["photometry"] == "cached"
    assert statuses(copy)["spectra"] == "done"


def test_without_the_sections_there_are_no_spectra(copy: Path, inputs: dict[str, Path]) -> None:
    write_config(copy, {"events": inputs["events"]}, "image: {pixel_size: 2arcsec}")
    assert run(copy) == 0
    every = {stage.name for stage in SOURCES.stages}
    assert every - set(statuses(copy)) == SPECTRAL | {"profiles"}
    table = open_catalog(copy / "out").query()
    assert not [n for n in table.colnames if n.startswith(("spectral", "photon_index"))]
    assert not (copy / "out" / "spectra").exists()  # an earlier run's
    assert 'id="t1-spectra"' not in (copy / "out" / "report.html").read_text()


def test_a_folder_of_that_name_that_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "spectra").mkdir()
    (tmp_path / "spectra" / "mine.txt").write_text("precious")
    result = SimpleNamespace(store=Store(tmp_path))
    publish_folders(result, spectra_folders(SimpleNamespace(tasks=()), result))
    assert (tmp_path / "spectra" / "mine.txt").read_text() == "precious"


def test_workers_change_nothing(copy: Path, finished: Path, run_command: Run) -> None:
    again = SPECTRAL | {"source_rows", "catalog"}
    tasks = json.loads((copy / "out" / "run.json").read_text())["tasks"]
    for task in tasks:
        if task["stage"] in again:
            folder = copy / "out" / task["folder"]
            if task["stage"] == "spectral_fits":
                for key in read_members(folder):
                    shutil.rmtree(Store(copy / "out").folder(key))
            shutil.rmtree(folder)
    for name in ("spectra", "catalog"):
        shutil.rmtree(copy / "out" / name)
    done = run_command("run", "config.yaml", "--workers", 2, cwd=copy)
    assert done.returncode == 0, done.stderr
    assert {stage for stage, status in statuses(copy).items() if status == "done"} == again
    files = [
        p.relative_to(finished / "out")
        for name in ("spectra", "catalog")
        for p in sorted((finished / "out" / name).rglob("*"))
        if p.is_file() and p.name not in ("provenance.json",)
    ]
    assert len(files) > 12
    for name in files:
        assert (copy / "out" / name).read_bytes() == (finished / "out" / name).read_bytes()


def test_a_band_without_channels_fails_and_is_flagged(copy: Path, inputs: dict[str, Path]) -> None:
    text = with_model("powerlaw").replace("{model: powerlaw,", "{model: powerlaw, energy: 30-40,")
    write_config(copy, inputs, text)
    assert run(copy) == 0
    row = row_near(only_table(copy / "out"), POINT)
    assert row["flag"] & SourceFlag.SPECTRUM_FAILED
    assert np.isnan(row["photon_index"])
    assert row["spectral_model"] == ""
    piled_up = row_near(only_table(copy / "out"), PILED_UP)
    assert not piled_up["flag"] & SourceFlag.SPECTRUM_FAILED
    assert "no good channel in 30-40 keV" in (copy / "out" / "report.html").read_text()


def test_a_region_out_of_the_field_is_told_and_does_not_stop_the_others(
    copy: Path, inputs: dict[str, Path]
) -> None:
    text = with_model("powerlaw").replace("    blob:", "    far:\n      position: '152,5'\n"
                                          "      radius: 30arcsec\n    blob:")  # fmt: skip
    write_config(copy, inputs, text)
    assert run(copy) == 0
    assert fit_of(copy / "out", "blob")["parameters"]
    assert not list((copy / "out").glob("spectra/*/far"))
    (told,) = (copy / "out").glob("spectra/*/fits.json")
    far = json.loads(told.read_text())["fits"][0]
    assert (far["name"], far["status"]) == ("far", "failed")
    assert far["cause"]


def test_missing_responses_fail_the_spectra_and_not_the_catalog(
    copy: Path, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path / "none"))
    write_config(copy, {"events": inputs["events"]}, with_model("powerlaw"))
    assert run(copy) == 3
    told = capfd.readouterr().err
    assert "xsurvey data install chandra-acis-i-arf" in told
    assert "or give arf in the entry under inputs" in told
    assert "--arf" not in told
    assert statuses(copy)["spectra"] == "failed"
    assert statuses(copy)["catalog"] == "done"
    row = row_near(only_table(copy / "out"), POINT)
    assert row["flag"] & SourceFlag.SPECTRUM_FAILED
    assert np.isnan(row["photon_index"])
    assert not row_near(only_table(copy / "out"), FAINT)["flag"] & SourceFlag.SPECTRUM_FAILED
    assert not (copy / "out" / "spectra").exists()
