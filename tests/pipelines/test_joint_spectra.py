"""Spectra of a stack of observations: extracted from each, fitted together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits

from xsurvey.cli import main as cli
from xsurvey.detection.photometry import SourceFlag
from xsurvey.engine import TaskContext
from xsurvey.errors import InputError, MissingDataError
from xsurvey.inference.chain_file import read_chains
from xsurvey.inference.intervals import equal_tailed
from xsurvey.pipelines.spectra.columns import with_spectra
from xsurvey.pipelines.spectra.joined_entries import JoinedEntry, read_entries
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.parts_stage import expected_seconds
from xsurvey.pipelines.spectra.results_stage import run_spectral_results
from xsurvey.spectra.extraction import extract

from .joint_spectra import (
    INDEX,
    MASTERS,
    MEASURED,
    NAMES,
    SECTIONS,
    bright_alone,
    config_of,
    entries,
    extracted,
    fit_of,
    fitted,
    make_files,
    planned,
)


@pytest.fixture(scope="module")
def files(
    make_events: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Events of two observations, and responses."""
    return make_files(make_events, tmp_path_factory.mktemp("responses"))


@pytest.fixture(autouse=True)
def no_pictures(stack: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the spectra of the first run only: pictures take longer than fits."""
    monkeypatch.setattr("xsurvey.pipelines.spectra.fits_stage.fit_figure", lambda *_: None)
    monkeypatch.setattr("xsurvey.pipelines.spectra.fits_stage.png_bytes", lambda _: b"")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> dict[str, Path]:
    """Folders of the extractions, and of the fits under ``fits``."""
    folder = tmp_path_factory.mktemp("stack")
    task = planned(config_of(folder, files), files)
    folders = extracted(task, folder, MEASURED)
    return {**folders, "fits": fitted(task, list(folders.values()), folder / "fitted")}


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
