"""Spectra of a stack of observations: extracted from each, fitted together."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits

from xsurvey.cli import main as cli
from xsurvey.config import Config, load_config
from xsurvey.detection.photometry import SourceFlag
from xsurvey.engine import Stage, Task, TaskContext
from xsurvey.engine.parts import PARTS_FILE, read_parts
from xsurvey.errors import InputError, MissingDataError
from xsurvey.inference.chain_file import read_chains
from xsurvey.inference.intervals import equal_tailed
from xsurvey.io.ogip.types import AncillaryResponse
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.missions import get_mission
from xsurvey.pipelines.observations import ObservationInput
from xsurvey.pipelines.sources import SOURCES
from xsurvey.pipelines.spectra.columns import with_spectra
from xsurvey.pipelines.spectra.extraction_stage import run_spectra
from xsurvey.pipelines.spectra.fits_stage import run_spectral_fits
from xsurvey.pipelines.spectra.joined_entries import JoinedEntry, read_entries
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.parts_stage import expected_seconds, run_spectral_parts
from xsurvey.pipelines.spectra.plan import spectral_fit_task
from xsurvey.pipelines.spectra.results_stage import run_spectral_results
from xsurvey.spectra.extraction import extract
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix

INDEX = 1.9
_MEASURING = Stage("photometry", "1", run_spectra, ("measured.json",))
BRIGHT, ONCE, FAINT = (150.05, 2.22), (150.0, 2.15), (150.02, 2.13)
NAMES = ("early", "late")
SECTIONS: dict[str, Any] = {
    "spectra": {
        "sources": True, "min_counts": 100, "area_includes": "all", "exclude_sources": False,
        "regions": {"blob": {"position": f"{BRIGHT[0]},{BRIGHT[1]}", "radius": "20arcsec",
                             "background_inner": "40arcsec", "background_outer": "90arcsec"}},
    },
    "spectral_fits": {"model": "powerlaw", "alternatives": ["bbody"], "goodness_trials": 4,
                      "energy": "0.5-7", "mcmc_counts": 500},
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_pictures(stack: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the spectra of the first run only: pictures take longer than fits."""
    monkeypatch.setattr("xsurvey.pipelines.spectra.fits_stage.fit_figure", lambda *_: None)
    monkeypatch.setattr("xsurvey.pipelines.spectra.fits_stage.png_bytes", lambda _: b"")


def source_row(place: tuple[float, float], **more: Any) -> dict[str, Any]:
    return {"ra": place[0], "dec": place[1], "psf_radius": 4.0, "flag": 0, **more}


MASTERS = [
    source_row(BRIGHT, net_counts_b=900.0), source_row(ONCE, net_counts_b=260.0),
    source_row(FAINT, net_counts_b=30.0), source_row((150.1, 2.3), net_counts_b=300.0),
]  # fmt: skip
MEASURED = {
    "target": "field", "rows": MASTERS, "bands": {"b": "0.5-7 keV"}, "hardness": {},
    "observations": [
        {"number": 1, "observation": "early", **source_row(BRIGHT)},
        {"number": 2, "observation": "early", **source_row(ONCE)},
        {"number": 3, "observation": "early", **source_row(FAINT)},
        {"number": 1, "observation": "late", **source_row(BRIGHT, psf_radius=6.0)},
        # in the other observation too bright
        {"number": 2, "observation": "late", **source_row(ONCE, flag=int(SourceFlag.PILED_UP))},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def files(
    make_events: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Events of two observations of the same power laws, and responses that change nothing."""
    folder = tmp_path_factory.mktemp("responses")
    edges = np.linspace(0.3, 9, 300)
    low, high = edges[:-1], edges[1:]
    channels = get_mission("chandra").channels
    assert channels is not None
    write_arf(folder / "flat.arf", AncillaryResponse(Path(), low, high, np.full(len(low), 100.0)))
    write_rmf(folder / "sharp.rmf", gaussian_matrix(low, high, channels, np.full(len(low), 1e-3)))
    events = {
        name: make_events(
            seed=seed, exposure=exposure, background_rate=0.2, photon_index=INDEX, energy="0.5-7",
            source=(f"{BRIGHT[0]},{BRIGHT[1]},{counts}", f"{ONCE[0]},{ONCE[1]},300"),
        )
        for name, seed, exposure, counts in (("early", 5, "20ks", 700), ("late", 6, "10ks", 350))
    }  # fmt: skip
    return {**events, "arf": folder / "flat.arf", "rmf": folder / "sharp.rmf"}


def config_of(folder: Path, files: dict[str, Path], **sections: Any) -> Config:
    text = {
        "schema": 1, "pipeline": "sources", "inputs": [str(files["early"]), str(files["late"])],
        "output": "out", **SECTIONS, **sections,
    }  # fmt: skip
    path = folder / "config.yaml"
    path.write_text(json.dumps(text))
    return load_config(path, lambda name: SOURCES.sections)


def planned(config: Config, files: dict[str, Path], stack: str = "field") -> Task:
    """Return the task of the fits of both observations."""
    mission = get_mission("chandra")
    others = {"arf": files["arf"], "rmf": files["rmf"]}
    observations = [ObservationInput(name, (files[name],), others, mission) for name in NAMES]
    photometry = Task(_MEASURING, stack)
    return spectral_fit_task(config, stack, observations, photometry.output("measured.json"), {})


def extracted(task: Task, folder: Path, measured: dict[str, Any]) -> dict[str, Path]:
    """Run the extractions that a task needs; return their folders by observation."""
    made = {}
    (folder / "measured.json").write_text(json.dumps(measured))
    for reference in task.inputs["spectra"]:
        own = reference.task
        inputs = {**own.inputs, "measured": folder / "measured.json"}
        place = folder / own.target.replace("/", "_")
        place.mkdir()
        run_spectra(TaskContext(own.target, inputs, own.parameters, place, 1))
        made[own.target.rpartition("/")[2]] = place / "spectra"
    return made


def fitted(task: Task, folders: list[Path], folder: Path, size: int = 100, **missing: str) -> Path:
    """Fit all spectra in parts of some size; return the folder of the fits and their list."""
    family = task.inputs["lines"].task
    divided, made = family.over.task, folder / "fits"
    made.mkdir(parents=True)
    run_spectral_parts(
        TaskContext(task.target, {"spectra": folders}, divided.parameters, folder, 1, missing)
    )
    names = [name for part in read_parts(folder / PARTS_FILE) for name in part]
    lines = []
    for number in range(0, len(names), size):
        own = folder / f"part{number}"
        own.mkdir()
        run_spectral_fits(TaskContext(
            task.target, {"spectra": folders}, family.parameters, own, 1, missing,
            tuple(names[number : number + size]),
        ))  # fmt: skip
        shutil.copytree(own / "fits", made, dirs_exist_ok=True)
        lines.append(own / "lines.json")
    inputs = {"spectra": folders, "lines": lines}
    run_spectral_results(TaskContext(task.target, inputs, task.parameters, made, 1, missing))
    return made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> dict[str, Path]:
    """Folders of the extractions, and of the fits under ``fits``."""
    folder = tmp_path_factory.mktemp("stack")
    task = planned(config_of(folder, files), files)
    folders = extracted(task, folder, MEASURED)
    return {**folders, "fits": fitted(task, list(folders.values()), folder / "fitted")}


def bright_alone(stack: dict[str, Path], folder: Path) -> list[Path]:
    """Return copies of the extractions that hold the first source only."""
    made = []
    for name in NAMES:
        index = json.loads((stack[name] / "index.json").read_text())
        (entry,) = (e for e in index["spectra"] if e["name"] == "source_0001")
        copy = folder / name
        shutil.copytree(stack[name] / entry["folder"], copy / entry["folder"])
        (copy / "index.json").write_text(json.dumps({**index, "spectra": [entry]}))
        made.append(copy)
    return made


def entries(fits_folder: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((fits_folder / "fits.json").read_text())["fits"]
    return {entry["name"]: entry for entry in found}


def fit_of(fits_folder: Path, name: str) -> dict[str, Any]:
    (path,) = fits_folder.rglob(f"{name}/fit.json")
    return json.loads(path.read_text())


def test_tasks_of_a_stack(tmp_path: Path, files: dict[str, Path]) -> None:
    task = planned(config_of(tmp_path, files), files)
    family = task.inputs["lines"].task
    assert [str(t.id) for t in (family.over.task, family, task)] == [
        "spectral_parts field", "spectral_fits field", "spectral_results field"
    ]  # fmt: skip
    own = [reference.task for reference in task.inputs["spectra"]]
    assert [str(t.id) for t in own] == ["spectra field/early", "spectra field/late"]
    assert [t.inputs["events"] for t in own] == [[files["early"]], [files["late"]]]
    assert {t.inputs["arf"] for t in own} == {files["arf"]}
    assert not task.stage.needs_all


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_how_fits_are_grouped_changes_no_byte(
    stack: dict[str, Path], tmp_path: Path, files: dict[str, Path]
) -> None:
    fitting = {**SECTIONS["spectral_fits"], "mcmc_counts": None}
    task = planned(config_of(tmp_path, files, spectral_fits=fitting), files)
    folders = [stack[name] for name in NAMES]
    whole, single = (fitted(task, folders, tmp_path / f"by{n}", n) for n in (100, 1))
    assert files_of(whole) == files_of(single)
    assert len(list(single.rglob("fit.json"))) == 3


def test_a_fit_whose_worker_died_is_listed_with_the_cause(
    stack: dict[str, Path], tmp_path: Path, files: dict[str, Path]
) -> None:
    task = planned(config_of(tmp_path, files), files)
    inputs = {"spectra": [stack[name] for name in NAMES], "lines": []}
    missing = {"source_0001": "its worker died", "field/other": "cannot be read"}
    run_spectral_results(TaskContext("field", inputs, task.parameters, tmp_path, 1, missing))
    lines = entries(tmp_path)
    assert list(lines) == list(entries(stack["fits"]))
    lost = lines["source_0001"]
    assert (lost["status"], lost["cause"]) == ("failed", "its worker died")
    assert lost["notes"][-1] == "field/other is left out: cannot be read"
    assert "source_0001" not in lines["blob"]["notes"][-1]
    assert all(line["status"] == "failed" and line["model"] for line in lines.values())


def test_parts_are_seconds_of_work_and_chains_weigh_more(stack: dict[str, Path]) -> None:
    entry = next(
        e for e in read_entries([stack[n] for n in NAMES], {}) if e.line["name"] == "source_0001"
    )

    def seconds(**changes: Any) -> float:
        return expected_seconds(entry, SpectralFitParameters(**changes))

    sampled = seconds(mcmc_counts=entry.line["net_counts"])
    assert sampled > seconds(mcmc_counts=None) == seconds(mcmc_counts=1e9)
    assert seconds(alternatives=(), goodness_trials=0, mcmc_counts=None) < sampled / 3
    alone = JoinedEntry(entry.line, entry.paths[:1])
    assert expected_seconds(alone, SpectralFitParameters()) < seconds()


def test_a_joint_fit_is_that_of_the_command(stack: dict[str, Path], tmp_path: Path) -> None:
    spectra = [
        stack[name] / "sources_0000" / "source_0001" / f"source_0001_{name}.pha" for name in NAMES
    ]
    told = tmp_path / "fit.json"
    with pytest.raises(SystemExit) as ended:
        cli.main(["spectrum", "fit", *map(str, spectra), "--model", "powerlaw", "--stat", "wstat",
                  "--energy", "0.5-7", "--group", "none", "--json", str(told)])  # fmt: skip
    assert not ended.value.code
    command, own = json.loads(told.read_text()), fit_of(stack["fits"], "source_0001")
    assert own["profile"]["parameters"] == command["parameters"]
    assert own["statistic"] == command["statistic"]
    assert own["data"] == command["data"]
    assert len(own["data"]) == 2
    found = command["parameters"]["powerlaw.PhoIndex"]
    sigma = (found["upper"] - found["lower"]) / 2
    assert 0.02 < sigma < 0.1
    assert abs(found["value"] - INDEX) < 3 * sigma


def test_regions_are_fitted_jointly_too(stack: dict[str, Path]) -> None:
    blob = entries(stack["fits"])["blob"]
    assert blob["status"] == "fitted"
    assert [one["observation"] for one in blob["observations"]] == list(NAMES)
    assert len(blob["fit"]["data"]) == 2
    assert blob["fit"]["method"] == "profile"
    assert "choice" not in blob["fit"]  # alternatives are for sources
    assert blob["counts"] == sum(one["counts"] for one in blob["observations"])


def test_the_apertures_are_those_of_each_observation(stack: dict[str, Path]) -> None:
    areas = [
        next(e for e in json.loads((stack[name] / "index.json").read_text())["spectra"]
             if e["name"] == "source_0001")["exposed_area_deg2"]
        for name in NAMES
    ]  # fmt: skip
    assert areas[1] / areas[0] == pytest.approx((6 / 4) ** 2, rel=0.02)


def test_an_observation_with_pile_up_is_left_out(stack: dict[str, Path]) -> None:
    once = entries(stack["fits"])["source_0002"]
    assert once["status"] == "fitted"
    assert len(once["fit"]["data"]) == 1
    assert any("late is left out: too many photons" in note for note in once["notes"])


def test_the_counts_of_all_observations_decide(stack: dict[str, Path]) -> None:
    found = entries(stack["fits"])
    assert list(found) == ["blob", "source_0001", "source_0002"]


def test_columns_are_those_of_the_posterior(stack: dict[str, Path]) -> None:
    fit = fit_of(stack["fits"], "source_0001")
    assert fit["method"] == "mcmc"
    assert fit["diagnostics"]["converged"]
    assert max(fit["diagnostics"]["r_hat"]) < 1.02
    folder = stack["fits"] / "sources_0000" / "source_0001"
    chains = read_chains(folder / "chain.h5")
    index = chains.samples[:, chains.names.index("powerlaw.PhoIndex")]
    assert chains.converged
    result = with_spectra(
        MEASURED, json.loads((stack["fits"] / "fits.json").read_text()),
        SpectraParameters(sources=True),
    )["rows"]  # fmt: skip
    bright, once, faint, unseen = result
    assert bright["spectral_method"] == "mcmc"
    assert bright["photon_index"] == pytest.approx(float(np.median(index)))
    ends = (bright["photon_index_lo"], bright["photon_index_hi"])
    assert ends == pytest.approx(equal_tailed(index, 0.6827))
    with fits.open(folder / "flux_posterior.fits") as file:
        draws, header = file[1].data, file[1].header
        assert (header["MODEL"], header["E_MIN"], header["E_MAX"]) == ("powerlaw", 0.5, 7)
        assert bright["flux_unabsorbed"] == pytest.approx(np.median(draws["flux_unabsorbed"]))
        assert len(draws) >= 1000
        # a model without absorption
        assert np.array_equal(draws["flux"], draws["flux_unabsorbed"])
    assert once["spectral_method"] == "profile"  # too few counts
    assert not list(stack["fits"].rglob("source_0002/chain.h5"))
    assert "spectral_method" not in faint
    # no observation of the stack sees it, though it has counts enough
    assert unseen["flag"] == SourceFlag.SPECTRUM_FAILED


def test_both_models_are_kept_and_the_right_one_wins(stack: dict[str, Path]) -> None:
    fit = fit_of(stack["fits"], "source_0001")
    assert fit["model"]["expression"] == "powerlaw"
    (other,) = fit["alternatives"]
    assert other["model"]["expression"] == "bbody"
    assert "bbody.kT" in other["parameters"]
    preference = fit["statistic"]["value"] - other["statistic"]["value"]
    assert fit["choice"]["preference"] == pytest.approx(preference)
    assert preference < -20
    row = with_spectra(
        MEASURED, json.loads((stack["fits"] / "fits.json").read_text()),
        SpectraParameters(sources=True),
    )["rows"][0]  # fmt: skip
    assert row["spectral_model_preference"] == pytest.approx(preference)
    assert "temperature" not in row
    assert not row["flag"] & SourceFlag.MODEL_THERMAL


def test_the_alternative_wins_where_it_is_better(
    stack: dict[str, Path], files: dict[str, Path], tmp_path: Path
) -> None:
    config = config_of(tmp_path, files, spectral_fits={
        "model": "bbody", "alternatives": ["powerlaw", "tbabs*bbody"], "goodness_trials": 0,
        "energy": "0.5-7", "mcmc_counts": None, "freeze": ["tbabs.nH=1"],
    })  # fmt: skip
    task = planned(config, files)
    found = fitted(task, bright_alone(stack, tmp_path), tmp_path / "fitted")
    entry, fit = entries(found)["source_0001"], fit_of(found, "source_0001")
    assert entry["model"] == "powerlaw"
    assert {o["model"]["expression"] for o in fit["alternatives"]} == {"bbody", "tbabs*bbody"}
    assert fit["choice"]["preference"] > 20
    assert not list(found.rglob("chain.h5"))
    # what is frozen is of the one model that has it
    other = next(o for o in fit["alternatives"] if o["model"]["expression"] == "tbabs*bbody")
    assert other["parameters"]["tbabs.nH"]["frozen"]


def test_a_chain_that_has_not_converged_leaves_the_profile(
    stack: dict[str, Path], files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting = {**SECTIONS["spectral_fits"], "goodness_trials": 0, "alternatives": []}
    task = planned(config_of(tmp_path, files, spectral_fits=fitting), files)
    # fewer steps than the configuration allows
    monkeypatch.setattr("xsurvey.pipelines.spectra.fits_stage.sampling_for", _short)
    found = fitted(task, bright_alone(stack, tmp_path), tmp_path / "fitted")
    fit = fit_of(found, "source_0001")
    assert fit["method"] == "profile"
    assert not fit["diagnostics"]["converged"]
    assert any("not converged" in note for note in fit["notes"])
    assert "profile" not in fit
    assert fit["parameters"] == fit_of(stack["fits"], "source_0001")["profile"]["parameters"]
    assert list(found.rglob("source_0001/chain.h5"))


def _short(fitting: SpectralFitParameters) -> Any:
    from xsurvey.pipelines.spectra.settings_of import sampling_for

    whole = sampling_for(fitting)
    return whole.model_copy(update={"min_steps": 20, "max_steps": 20, "check_every": 10})


def test_a_failed_observation_is_told(
    stack: dict[str, Path], files: dict[str, Path], tmp_path: Path
) -> None:
    fitting = {**SECTIONS["spectral_fits"], "mcmc_counts": None, "goodness_trials": 0}
    task = planned(config_of(tmp_path, files, spectral_fits=fitting), files)
    missing = {"field/late": "spectra: no response"}
    found = fitted(task, bright_alone(stack, tmp_path)[:1], tmp_path / "fitted", **missing)
    entry = entries(found)["source_0001"]
    assert "field/late is left out: spectra: no response" in entry["notes"]
    assert len(entry["fit"]["data"]) == 1


def test_a_missing_response_fails_the_sources_that_need_it(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = planned(config_of(tmp_path, files), files)
    real, calls = extract._Extraction._responses_of, []

    def second_is_missing(work: Any, detectors: list[int]) -> Any:
        calls.append(detectors)
        if len(calls) == 2:
            raise MissingDataError("dataset x", "is not installed", "run y; or give --arf")
        return real(work, detectors)

    monkeypatch.setattr(extract._Extraction, "_responses_of", second_is_missing)
    folder = extracted(task, tmp_path, MEASURED)["early"]
    index = {e["name"]: e for e in json.loads((folder / "index.json").read_text())["spectra"]}
    assert {name: e["status"] for name, e in index.items()} == {
        "blob": "extracted", "source_0001": "failed", "source_0002": "extracted",
    }  # fmt: skip
    cause = index["source_0001"]["cause"]
    assert "dataset x is not installed" in cause
    assert "or give arf in the entry under inputs" in cause
    assert not list(folder.rglob("source_0001*"))


def test_responses_that_are_missing_for_all_fail_the_task(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise MissingDataError("dataset x", "is not installed", "run y; or give --arf")

    monkeypatch.setattr(extract._Extraction, "_responses_of", missing)
    with pytest.raises(MissingDataError, match="arf in the entry under inputs"):
        extracted(planned(config_of(tmp_path, files), files), tmp_path, MEASURED)


def test_spectra_do_not_depend_on_what_else_is_extracted(
    stack: dict[str, Path], files: dict[str, Path], tmp_path: Path
) -> None:
    alone = {**MEASURED, "rows": [MASTERS[0]], "observations": [MEASURED["observations"][0]]}
    spectra = {**SECTIONS["spectra"], "regions": {}}
    task = planned(config_of(tmp_path, files, spectra=spectra), files)
    folder = extracted(task, tmp_path, alone)["early"]
    for ending in ("_early.pha", "_early_bkg.pha", "_early.arf", "_early.rmf"):
        name = Path("sources_0000") / "source_0001" / f"source_0001{ending}"
        assert (folder / name).read_bytes() == (stack["early"] / name).read_bytes()


def test_an_observation_whose_channels_are_of_no_use_is_left_out(
    stack: dict[str, Path], files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xsurvey.pipelines.spectra import fits_stage

    real = fits_stage.datasets_of

    def refused(spectra: Any, *arguments: Any) -> Any:
        if "late" in spectra[0].spectrum.path.name:
            raise InputError(spectra[0].spectrum.path, "has no group", "x")
        return real(spectra, *arguments)

    monkeypatch.setattr(fits_stage, "datasets_of", refused)
    fitting = {**SECTIONS["spectral_fits"], "mcmc_counts": None, "goodness_trials": 0}
    task = planned(config_of(tmp_path, files, spectral_fits=fitting), files)
    found = fitted(task, bright_alone(stack, tmp_path), tmp_path / "fitted")
    entry = entries(found)["source_0001"]
    assert "source_0001_late.pha is left out: it has no group" in entry["notes"]
    assert len(entry["fit"]["data"]) == 1


def test_chains_can_be_read_without_us(stack: dict[str, Path]) -> None:
    with h5py.File(stack["fits"] / "sources_0000" / "source_0001" / "chain.h5") as file:
        assert file["chain"].shape[1:] == (4, 32, 2)
