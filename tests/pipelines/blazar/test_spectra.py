"""X-ray spectra that a source names: points of them in the products, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from tests.conftest import made_once
from tests.spectra.fits.conftest import (  # noqa: F401  (fixtures of these tests too)
    FAINT,
    FAINT_BACKGROUND,
    cache,
    drawn,
    library,
    make_arf,
    make_pha,
    make_rmf,
)
from xsurvey.catalogs import open_catalog
from xsurvey.config import load_config
from xsurvey.config_template import write_template
from xsurvey.engine import TaskContext
from xsurvey.engine.hashes import file_sha256
from xsurvey.errors import InputError
from xsurvey.io.datasets import get_dataset, is_installed
from xsurvey.io.ogip.write_pha import write_pha
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.pipelines.blazar.catalog_rows import SedFlag
from xsurvey.pipelines.blazar.parameters import BlazarSourcesParameters
from xsurvey.pipelines.blazar.plan import BLAZAR
from xsurvey.pipelines.blazar.spectrum_checks import points_to_come
from xsurvey.pipelines.blazar.spectrum_files import check_declared, files_in, spectrum_inputs
from xsurvey.pipelines.blazar.spectrum_parameters import BlazarSpectrum
from xsurvey.pipelines.spectra.reading import SpectrumFiles
from xsurvey.sed.flux_points.parameters import FluxPointBinning
from xsurvey.sed.tables.table import read_sed
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.models.settings import ModelSettings

from .conftest import RIGHT, toy_models, write_config, write_tables
from .test_run import statuses

Run = Callable[..., Any]
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "blazar.md").read_text()
SPECTRUM = (
    "files: source.pha, model: tbabs*powerlaw, freeze: tbabs.nH=0.02, energy: 0.5-7, "
    "stat: wstat, group: bmin1, bins: 6, intervals: false"
)
ENTRY = f"spectra: {{CCD: {{{SPECTRUM}}}}}"
COMMAND = (
    "--model", "tbabs*powerlaw", "--freeze", "tbabs.nH=0.02", "--energy", "0.5-7", "--stat",
    "wstat", "--group", "bmin1", "--bins", "6", "--no-intervals",
)  # fmt: skip


def changed(path: Path, *replacements: tuple[str, str]) -> Path:
    text = path.read_text()
    for before, after in replacements:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    return path


def prepared(folder: Path) -> Path:
    """Write a config of a source with a table and a spectrum, and the files that it names."""
    write_tables(folder)
    write_rmf(folder / "made.rmf", make_rmf())
    write_arf(folder / "made.arf", make_arf())
    write_pha(folder / "back.pha", drawn("powerlaw", FAINT_BACKGROUND, 2, backscal=4.0))
    companions = {
        "background_file": "back.pha", "response_file": "made.rmf", "ancillary_file": "made.arf",
    }  # fmt: skip
    write_pha(folder / "source.pha", drawn("powerlaw", FAINT, 3, **companions))
    write_pha(folder / "empty.pha", make_pha(np.zeros(120), **companions))
    return changed(
        write_config(folder, RIGHT), ("fluxes: [sed.ecsv]", f"fluxes: [sed.ecsv], {ENTRY}"),
        ("mcmc: {", "mcmc: {enabled: false, "), ("nested: {", "nested: {enabled: false, "),
    )  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return prepared(tmp_path)


@pytest.fixture(scope="session")
def with_spectra(tmp_path_factory: pytest.TempPathFactory, run_command: Run, library: None) -> Path:  # noqa: F811
    """A folder with a run of a source with a spectrum beside one whose spectrum is empty."""

    def make(folder: Path) -> None:
        other = ENTRY.replace("source.pha", "empty.pha")
        path = changed(
            prepared(folder),
            ("models:", f'    other: {{position: "10,10", {other}, redshift: 0.4}}\nmodels:'),
        )
        with toy_models():
            done = run_command("run", path.name, "--workers", 0, cwd=folder)
        assert done.returncode == 3, done.stderr

    return made_once(tmp_path_factory, "blazar_spectra", make)


def test_points_are_those_of_the_command(
    with_spectra: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    by_hand = tmp_path / "by_hand.ecsv"
    status, _, errors = call(
        "sed", "points", with_spectra / "source.pha", *COMMAND, "--instrument", "CCD", "-o",
        by_hand,
    )  # fmt: skip
    assert status == 0, errors
    own = with_spectra / "out" / "blazars" / "toy"
    expected, found = read_sed(by_hand), read_sed(own / "all" / "sed.ecsv")
    rows = np.array(found.instruments) == "CCD"
    assert rows.sum() == len(expected) == 6
    np.testing.assert_allclose(found.frequency[rows], expected.frequency, rtol=1e-6)
    np.testing.assert_allclose(found.flux[rows], expected.flux, rtol=1e-6)
    np.testing.assert_allclose(found.error_low[rows], expected.error_low, rtol=1e-6)
    assert len(found) == 30
    assert Table.read(own / "spectra" / "CCD" / "points.ecsv").meta["absorption"] == ["tbabs"]


def test_products_tell_where_points_are_from(with_spectra: Path) -> None:
    own = with_spectra / "out" / "blazars" / "toy"
    points = json.loads((own / "all" / "points.json").read_text())
    (origin,) = points["spectra"]
    assert (origin["model"], origin["absorption"]) == ("tbabs*powerlaw", ["tbabs"])
    assert (origin["points"], origin["statistic"]["name"]) == (6, "wstat")
    assert origin["files"] == {
        name: file_sha256(with_spectra / name)
        for name in ("source.pha", "back.pha", "made.rmf", "made.arf")
    }
    assert any(note.startswith("CCD: errors are those of the counts") for note in points["notes"])
    fit = json.loads((own / "models" / "right" / "fit.json").read_text())
    assert fit["data"]["instruments"]["CCD"]["points"] == 6
    spectrum = own / "spectra" / "CCD"
    assert {str(p.relative_to(spectrum)) for p in spectrum.rglob("*") if p.is_file()} == {
        "points.ecsv", "spectrum.json", "figures/points.png", "figures/light/points.png",
    }  # fmt: skip
    page = (with_spectra / "out" / "report.html").read_text()
    for text in ("Points of X-ray spectra", "tbabs*powerlaw", "wstat", "powerlaw.PhoIndex",
                 "CCD: points of its spectra"):  # fmt: skip
        assert text in page, text


def test_a_spectrum_that_fails_flags_its_source(with_spectra: Path) -> None:
    """Others go on, and no source is missing from the catalog."""
    found = statuses(with_spectra)
    assert found["sed_spectra other CCD"] == "failed"
    assert found["sed_fit toy right"] == "done"
    output = with_spectra / "out"
    assert "has no net counts" in (output / "report.html").read_text()
    rows = {row["stack"]: row for row in open_catalog(output).query()}
    assert set(rows) == {"toy", "other"}
    toy, other = rows["toy"], rows["other"]
    assert (toy["sed_points"], toy["sed_models"]) == (30, 1)
    assert (other["ra"], other["dec"]) == (10, 10)
    assert (other["sed_points"], other["sed_models"], other["sed_redshift"]) == (-1, 0, 0.4)
    assert other["sed_flags"] == SedFlag.NOT_FITTED | SedFlag.NO_POINTS
    models = {row["source"]: row for row in open_catalog(output, table="sed_fits").query()}
    assert not models["toy"]["flags"] & SedFlag.NOT_FITTED
    assert (models["other"]["model"], models["other"]["radiative_model"]) == ("right", "")
    assert models["other"]["flags"] == SedFlag.NOT_FITTED | SedFlag.NO_POINTS


@pytest.mark.parametrize("name", ["source.pha", "made.arf", "made.rmf", "back.pha", "empty.pha"])
def test_changes_of_files_are_noticed(
    with_spectra: Path, tmp_path: Path, run_command: Run, name: str
) -> None:
    """Of all that are read, and of no other."""
    again = tmp_path / "run"
    shutil.copytree(with_spectra, again, symlinks=True)
    # the fit of the empty one was never done, which `check` would complain of
    changed(again / "config.yaml", ("empty.pha", "source.pha"))
    lines = []
    for _ in range(2):
        done = run_command("check", "config.yaml", cwd=again)
        assert done.returncode == 0, done.stderr
        lines.append(next(line for line in done.stdout.splitlines() if line.endswith("toy CCD")))
        with fits.open(again / name, mode="update") as file:
            file[0].header["COMMENT"] = "changed"
    assert lines[0].split() == ["sed_spectra", "done", "toy", "CCD"]
    state = ["done"] if name == "empty.pha" else ["to", "do"]
    assert lines[1].split() == ["sed_spectra", *state, "toy", "CCD"]


def test_spectra_alone(config: Path, run_command: Run) -> None:
    """Without a table, and with a systematic error of their instrument."""
    changed(
        config, ("fluxes: [sed.ecsv], ", ""), ("polarization: [light.ecsv], ", ""),
        ("CCD: ", "Swift/XRT: "), (", field_inclination=60, depolarization=0.2]", "]"),
        ("stat: wstat, group: bmin1, ", ""),
        ("predictions:", "points: {systematic: [swift/xrt=0.1]}\npredictions:"),
    )  # fmt: skip
    done = run_command("run", config, "--workers", 0, cwd=config.parent)
    assert done.returncode == 0, done.stderr
    own = config.parent / "out" / "blazars" / "toy"
    (folder,) = (own / "spectra").iterdir()
    assert folder.name.startswith("Swift_XRT-")
    assert set(read_sed(own / "all" / "sed.ecsv").instruments) == {"Swift/XRT"}
    record = json.loads((own / "all" / "points.json").read_text())
    (note,) = (note for note in record["notes"] if "its background back.pha is not used" in note)
    assert note.endswith("(`stat` wstat uses it)")  # as the configuration writes it
    assert record["spectra"][0]["goodness"]["p_value"] > 0
    fit = json.loads((own / "models" / "right" / "fit.json").read_text())
    assert fit["data"]["instruments"] == {"Swift/XRT": {"points": 6, "systematic": 0.1}}


BAD = [
    (SPECTRUM, "model: powerlaw", "spectra.CCD.files: is required"),
    ("files: source.pha", "files: lost.pha", "spectra.CCD.files.0: lost.pha does not exist"),
    ("files: source.pha", "files: sed.ecsv", "toy, CCD: "),
    ("files: source.pha", "files: source.pha, rmf: lost.rmf", "rmf.0: lost.rmf does not exist"),
    ("files: source.pha", "files: source.pha, rmf: none", "no response; give the RMF with `rmf`"),
    ("files: source.pha", "files: source.pha, arf: [a, b]", "arf.0: a does not exist"),
    ("model: tbabs*powerlaw, ", "", "spectra.CCD.model: is required"),
    ("tbabs*powerlaw", "tbabs*powerlow", "spectra.CCD.model: "),
    ("tbabs.nH=0.02", "tbabs.nX=0.02", "tbabs.nX"),
    ("bins: 6", "bin: 6", "spectra.CCD.bin: unknown key; did you mean 'bins'?"),
    ("bins: 6", "bins: 1000", "toy, CCD: bins: 1000 are more than the"),
    ("bins: 6", "absorption: phabs", "toy, CCD: absorption: 'phabs' is no factor"),
    ("bins: 6", "instrument: ACIS", "spectra.CCD.instrument: unknown key"),
    ("stat: wstat", "stat: cash", "spectra.CCD.stat"),
    ("energy: 0.5-7", "energy: 20-30", "toy, CCD: "),
    ("source.pha", "empty.pha", "toy, CCD: empty.pha: has no net counts"),
    ("stat: wstat", "background_model: pca:x.npz", "background_model: x.npz does not exist"),
    ("bins: 6", "untie: powerlaw.norm", "untie: there is only one spectrum"),
    ("CCD: {", "C D: {", "'C D' is no name of an instrument"),
    (ENTRY, f"{ENTRY[:-1]}, ccd: {{{SPECTRUM}}}}}", "differ in upper and lower case only"),
    ("CCD: {", "optical: {", "spectra.optical: is the name of an instrument of sed.ecsv, too"),
    ("predictions:", "points: {systematic: [CCP=0.1]}\npredictions:", "did you mean 'CCD'"),
    ("fluxes: [sed.ecsv], " + ENTRY + ", ", "", "has neither fluxes nor spectra; give tables"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), BAD, ids=[said for _, _, said in BAD])
def test_what_check_refuses(config: Path, run_command: Run, old: str, new: str, said: str) -> None:
    changed(config, (old, new))
    done = run_command("check", config, cwd=config.parent)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "--" not in done.stderr
    assert not (config.parent / "out").exists()


@pytest.mark.parametrize("lost", ["made.rmf", "made.arf", "back.pha"])
def test_files_that_headers_name_must_be_there(config: Path, run_command: Run, lost: str) -> None:
    (config.parent / lost).unlink()
    for command in ("check", "run"):
        done = run_command(command, config, cwd=config.parent)
        assert done.returncode == 2, done.stdout
        (line,) = done.stderr.strip().splitlines()
        assert "spectra.CCD: source.pha: names the" in line.replace(f"{config.parent}/", "")
        assert f"'{lost}'" in line
    if lost == "back.pha":  # which cstat does not read
        changed(config, ("stat: wstat, group: bmin1, ", ""))
        done = run_command("check", config, cwd=config.parent)
        assert done.returncode == 0, done.stderr


def test_parameters_are_those_of_the_command() -> None:
    """All of them but the instrument, which is the key, and the redshift, which the source has."""
    fields = set(BlazarSpectrum.model_fields)
    expected = set(SpectrumFitParameters.model_fields) | set(FluxPointBinning.model_fields)
    assert fields - expected == {"files", "background", "arf", "rmf"}
    spectrum = BlazarSpectrum(files="a.pha", model="powerlaw", stat="wstat", bins=3)
    assert spectrum.fitting() == SpectrumFitParameters(model="powerlaw", stat="wstat")
    chosen = spectrum.points("Swift/XRT")
    assert (chosen.bins, chosen.instrument, chosen.redshift) == (3, ("Swift/XRT",), None)
    trained = BlazarSpectrum(files="a.pha", model="powerlaw", background_model="pca:x.npz")
    assert trained.fitting(Path("/there/x.npz")).background_model == "pca:/there/x.npz"


def test_the_template_explains_them() -> None:
    text = write_template("blazar", BLAZAR.sections, BLAZAR.example_inputs)
    flat = " ".join(text.replace("#", " ").split())
    for name, field in BlazarSpectrum.model_fields.items():
        said = str(field.description).replace("repeat for several", "a list for several")
        assert f"{name}: {' '.join(said.split())}" in flat


def test_rows_of_files_and_what_there_is_none_of(tmp_path: Path) -> None:
    """A task reads what the configuration says, from the files that are its inputs."""
    for name in ("many.pha", "back.pha", "a.arf", "full.rmf", "trained.npz"):
        (tmp_path / name).write_bytes(b"")
    spectrum = BlazarSpectrum(
        files=("many.pha{1}", "many.pha{2}"), background=("none", "back.pha{3}"), arf="none",
        rmf="full.rmf", model="powerlaw", background_model="pca:trained.npz",
    )  # fmt: skip
    config = load_config(write_config(tmp_path), lambda _: BLAZAR.sections, takes_inputs=lambda _:
                         False)  # fmt: skip
    found = spectrum_inputs(config, "key", spectrum)
    inputs = found.of_task()
    assert inputs == {
        "files": [tmp_path / "many.pha"] * 2, "background": [tmp_path / "back.pha"], "arf": [],
        "rmf": [tmp_path / "full.rmf"], "components": tmp_path / "trained.npz",
    }  # fmt: skip
    context = TaskContext("a b", inputs, {"spectrum": spectrum}, tmp_path, 0)  # type: ignore[arg-type]
    assert files_in(context) == SpectrumFiles(
        [tmp_path / "many.pha{1}", tmp_path / "many.pha{2}"],
        [Path("none"), tmp_path / "back.pha{3}"], [Path("none")], [tmp_path / "full.rmf"],
    )  # fmt: skip
    check_declared(context, [tmp_path / "many.pha{2}", tmp_path / "full.rmf"])
    with pytest.raises(InputError, match=r"other\.rmf: was not there when the run began"):
        check_declared(context, [tmp_path / "other.rmf"])


def test_spectra_that_are_fitted_together(config: Path) -> None:
    """As many points are expected as there are bins, of each."""
    spectrum = BlazarSpectrum(
        files=("source.pha", "source.pha"), model="constant*powerlaw", untie="constant.factor",
        freeze="constant.factor=1", bins=5, energy="0.5-7",
    )  # fmt: skip
    loaded = load_config(config, lambda _: BLAZAR.sections, takes_inputs=lambda _: False)
    files = spectrum_inputs(loaded, "key", spectrum)
    assert {p.name for p in files.named} == {"made.rmf", "made.arf"}  # cstat needs no background
    sed = points_to_come("CCD", files, spectrum, ModelSettings())
    assert (sed.name, sed.instruments) == ("CCD", ("CCD",) * 10)
    keys = sed.frequency / 2.417989242e17
    assert np.all((keys >= 0.5) & (keys <= 7) & (np.diff(keys, prepend=0) >= 0))
    more = points_to_come("CCD", files, spectrum.model_copy(update={"bins": None}), ModelSettings())
    assert len(more) == 2 * 98  # channels of 1/15 keV


def test_the_example_of_the_page(
    tmp_path: Path, run_command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configuration can be read, and 3C 273 has the points that are told of."""
    section = PAGE.partition("### X-ray spectra")[2]
    (example,) = re.findall(r"```yaml\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    places = yaml.safe_load(example)["sources"]["places"]
    sources = BlazarSourcesParameters.read({"places": places}, "sources")
    assert sources.places["3C273"].spectra["NuSTAR"].files == ("fpma.pha", "fpmb.pha")
    dataset = get_dataset("3c273")
    if not is_installed(dataset):
        pytest.skip("3C 273 is not installed (xsurvey data install 3c273)")
    for path in dataset.path.iterdir():
        shutil.copy(path, tmp_path)
    path = write_config(
        tmp_path, RIGHT.replace("field_inclination=60, depolarization=0.2", "width=1")
    )
    values = yaml.safe_load(path.read_text())
    del places["3C273"]["fluxes"], places["3C273"]["spectra"]["NuSTAR"]
    values["sources"]["places"] = places
    values["mcmc"] = values["nested"] = {"enabled": False}
    path.write_text(yaml.safe_dump(values))
    done = run_command("run", path, "--workers", 0, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out/blazars/3C273/all/points.json").read_text())
    (origin,) = record["spectra"]
    statistic = origin["statistic"]
    assert f"a W-stat of {statistic['value']:.1f} for {statistic['dof']} degrees" in section
    assert f"are here the {origin['points']} of its example" in section
    assert set(origin["files"]) == {"3c273.pi", "3c273_bg.pi", "3c273.rmf", "3c273.arf"}
    assert record["object"] == "3C 273"
