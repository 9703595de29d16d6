"""Stages of Stokes spectra and of their joint fit over several observations."""

import json
from pathlib import Path

import pytest

from xsurvey.engine import Plan, Store, Task, TaskContext, run_plan
from xsurvey.engine.fingerprint import undeclared_helpers
from xsurvey.errors import InputError, ParameterError
from xsurvey.missions.selection import SelectionParameters
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.pipelines.polarization.spectra_parameters import (
    PosteriorSection,
    SpectropolarimetrySection,
    StokesSpectraSection,
)
from xsurvey.pipelines.polarization.spectra_plan import fit_versions, joint_fit_task, steps_of
from xsurvey.pipelines.polarization.spectropolarimetry_stage import (
    SPECTROPOLARIMETRY,
    run_spectropolarimetry,
    spectropolarimetry_columns,
)
from xsurvey.pipelines.polarization.stokes_spectra_stage import STOKES_SPECTRA, run_stokes_spectra
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.spectra.stokes_spectra_parameters import StokesSpectraParameters
from xsurvey.spectra.fit_parameters import FluxParameters
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import SkyPosition

from ..conftest import needs_responses
from ..drawn_observations import draw_observation

pytestmark = needs_responses
DEGREE, ANGLE, INDEX = 0.4, -70.0, 1.8
SOURCE = PolarizedSource.model_validate(
    {"position": "150.0,2.2", "radius": "60arcsec", "background": "120arcsec,220arcsec"}
)


def spectra_of(paths: list[Path], folder: Path, observation: str, **fields: object) -> Path:
    folder.mkdir()
    good = folder / "good.json"
    good.write_text(json.dumps({"observation": observation, "kept": None}))
    sections: dict[str, StepParameters] = {
        "selection": SelectionParameters(), "source": SOURCE.model_copy(update=fields),
        "stokes_spectra": StokesSpectraSection().as_step(PolarizationParameters()),
    }  # fmt: skip
    inputs = {"events": paths, "good_times": good}
    run_stokes_spectra(TaskContext(f"blob {observation}", inputs, sections, folder, 1))
    return folder / "spectra"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two observations, two years apart, of another flux and other responses."""
    place = tmp_path_factory.mktemp("observations")
    source = {"degree": DEGREE, "angle": ANGLE, "index": INDEX}
    first = draw_observation(place, seed=1, norm=0.6, name="first", OBS_ID="01", **source)
    second = draw_observation(
        place, seed=2, norm=0.3, name="second", OBS_ID="02", date="2024-02-05",
        MJDREFI=51544 + 700, **source,
    )  # fmt: skip
    return [
        spectra_of(first, place / "a", "first"), spectra_of(second, place / "b", "second")
    ]  # fmt: skip


def fitted(
    folders: list[Path], folder: Path, sampling: PosteriorSection | None = None, **fields: object
) -> tuple[dict, dict]:
    folder.mkdir()
    missing = fields.pop("missing", {})
    section = SpectropolarimetrySection(model="polconst*powerlaw", **fields)
    sections: dict[str, StepParameters] = {
        "spectropolarimetry": section.as_step(), "spectral_models": ModelSettings(),
        "flux": FluxParameters(), "mcmc": sampling or PosteriorSection(),
    }  # fmt: skip
    facts = run_spectropolarimetry(
        TaskContext("blob", {"spectra": folders}, sections, folder, 1, missing)  # type: ignore[arg-type]
    )
    return json.loads((folder / "spectropolarimetry.json").read_text()), facts


def test_the_index_tells_the_files(folders: list[Path]) -> None:
    index = json.loads((folders[1] / "index.json").read_text())
    assert (index["source"], index["observation"], index["mission"]) == ("blob", "second", "ixpe")
    assert index["band"] == [2.0, 8.0]
    assert index["responses"]["name"] == "ixpe:obssim20240101:v13"
    names = {name for unit in index["units"] for name in unit["files"].values()}
    assert names | {"index.json"} == {path.name for path in folders[1].iterdir()}
    assert {unit["unit"] for unit in index["units"]} == {"DU1", "DU2", "DU3"}


def test_observations_of_other_responses_are_fitted_together(
    folders: list[Path], tmp_path: Path
) -> None:
    found, facts = fitted(folders, tmp_path / "fit", ebins="2,8")
    names = [f"unit.0{o}_DU{u}" for o in (1, 2) for u in (1, 2, 3)]
    assert [name for name in found["parameters"] if name.startswith("unit.")] == names
    expected = {"polconst.A": DEGREE, "polconst.psi": ANGLE, "powerlaw.PhoIndex": INDEX,
                "powerlaw.norm": 0.6, "unit.02_DU1": 0.5}  # fmt: skip
    for name, truth in expected.items():
        record = found["parameters"][name]
        assert abs(record["value"] - truth) < 1.5 * (record["upper"] - record["lower"]), name
    assert found["goodness"]["p_value"] > 1e-3
    assert all(row["energy_min"] >= 1.9 for row in found["data"])
    assert any("2 observations have one model" in note for note in found["notes"])
    assert found["observations"] == ["first", "second"]
    assert len(found["provenance"]["inputs"]) == 2 * 3 * 9
    assert found["figures"] == ["spectra.png", "contours.png"]
    pictures = [tmp_path / "fit" / "figures" / name for name in found["figures"]]
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)
    assert not list((tmp_path / "fit" / "chains").iterdir())
    columns = spectropolarimetry_columns(found)
    record = found["parameters"]["polconst.A"]
    assert columns["fit_pd"] == facts["fit_pd"] == record["value"]
    assert (columns["fit_pd_lower"], columns["fit_pd_upper"]) == (record["lower"], record["upper"])
    assert columns["fit_photon_index"] == found["parameters"]["powerlaw.PhoIndex"]["value"]
    assert columns["fit_nh"] is None
    assert columns["fit_significance"] > 7
    assert columns["fit_band"] == "2-8 keV"
    # the second observation alone is less certain, and agrees
    missing = {"blob first": "gone"}
    alone, _ = fitted(folders[1:], tmp_path / "alone", contours=False, missing=missing)
    own = alone["parameters"]["polconst.A"]
    assert own["upper"] - own["lower"] > 1.2 * (record["upper"] - record["lower"])
    assert abs(own["value"] - record["value"]) < 2 * (own["upper"] - own["lower"])
    assert "blob first is left out: gone" in alone["notes"]


def test_posteriors_and_models_without_a_degree(folders: list[Path], tmp_path: Path) -> None:
    sampling = PosteriorSection(
        enabled=True, max_steps=60, min_steps=20, check_every=20, walkers=16
    )
    found, _ = fitted(folders[:1], tmp_path / "fit", sampling, unit_norms="one", contours=False)
    assert found["method"] == "posterior" and found["diagnostics"]["steps"] == 60
    assert (tmp_path / "fit" / "chains" / "chain.h5").stat().st_size > 0
    assert found["figures"] == ["spectra.png", "corner.png"]
    columns = spectropolarimetry_columns(found | {"polarization": [], "no_polarization": None})
    assert columns["fit_pd"] is columns["fit_pa_deg_lower"] is columns["fit_significance"] is None
    assert set(columns) == set(spectropolarimetry_columns(found))


def test_what_cannot_be_fitted_is_left_out_or_told(folders: list[Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty" / "spectra"
    empty.mkdir(parents=True)
    for path in folders[1].iterdir():
        (empty / path.name).write_bytes(path.read_bytes())
    (empty / "second_du2_q.pha").unlink()
    found, _ = fitted([folders[0], empty], tmp_path / "fit", unit_norms="one", contours=False)
    assert any("second DU2 is left out: second_du2_q.pha" in note for note in found["notes"])
    with pytest.raises(InputError, match="makes no group by 'min1000000'"):
        fitted(folders, tmp_path / "none", group="min1000000")


def test_a_source_without_events_fails(tmp_path: Path) -> None:
    paths = draw_observation(tmp_path, norm=0.01, background=100)
    with pytest.raises(InputError):
        spectra_of(paths, tmp_path / "a", "first", position=SkyPosition(150.5, 2.2))


def test_sections_become_steps() -> None:
    section = StokesSpectraSection(source_type="extended")
    made = section.as_step(PolarizationParameters(weighted=True, background_scale=0.2, ebins="2,3"))
    assert made == StokesSpectraParameters(
        weighted=True, background_scale=0.2, source_type="extended"
    )
    assert SpectropolarimetrySection().as_step().group == "min30"
    assert SpectropolarimetrySection().model is None
    for stage in (STOKES_SPECTRA, SPECTROPOLARIMETRY):
        assert undeclared_helpers(stage) == []


def test_tasks_run_and_fail_with_one_line(tmp_path: Path) -> None:
    """By the engine: a source that one observation does not have, and a fit of what is there."""
    sections = steps_of({
        "selection": SelectionParameters(), "source": SOURCE,
        "polarization": PolarizationParameters(), "stokes_spectra": StokesSpectraSection(),
        "spectropolarimetry": SpectropolarimetrySection(
            model="polconst*powerlaw", contours=False, unit_norms="one", group="min20"
        ),
        "spectral_models": ModelSettings(), "flux": FluxParameters(), "mcmc": PosteriorSection(),
    })  # fmt: skip
    good = tmp_path / "good.json"
    good.write_text(json.dumps({"observation": "any", "kept": None}))
    elsewhere = SOURCE.model_copy(update={"position": SkyPosition(150.5, 2.2)})
    tasks = []
    for name, source in (("here", SOURCE), ("gone", elsewhere)):
        files = draw_observation(tmp_path, norm=0.1, name=name, OBS_ID=name)
        inputs = {"events": files, "good_times": good}
        own = {**sections, "source": source}
        tasks.append(Task(STOKES_SPECTRA, f"blob {name}", inputs, own))
    versions = fit_versions(
        SpectropolarimetrySection(model="polconst*powerlaw"), ModelSettings(), "here"
    )
    assert versions is not None and "models" in versions
    fit = joint_fit_task("blob", tasks, sections, versions)
    result = run_plan(Plan([*tasks, fit]), Store(tmp_path / "out"), workers=0)
    outcomes = {str(key.target): outcome for key, outcome in result.outcomes.items()}
    assert [outcomes[name].status for name in ("blob here", "blob gone", "blob")] == [
        "done", "failed", "done",
    ]  # fmt: skip
    cause = outcomes["blob gone"].cause
    assert cause and "\n" not in cause and "gone_du1.fits" in cause
    (record,) = (tmp_path / "out").rglob("spectropolarimetry.json")
    found = json.loads(record.read_text())
    assert found["observations"] == ["here"]
    assert any(note.startswith("blob gone is left out") for note in found["notes"])


def test_models_are_looked_at_before_any_work() -> None:
    settings = ModelSettings()
    assert fit_versions(SpectropolarimetrySection(), settings, "c.yaml: s") is None
    with pytest.raises(ParameterError, match=r"c.yaml: s.model"):
        fit_versions(SpectropolarimetrySection(model="nothing"), settings, "c.yaml: s")
