"""Which input files of a config make one observation."""

import json
from pathlib import Path

import pytest

from xsurvey.config import Config, load_config
from xsurvey.errors import InputError, ParameterError, XSurveyError
from xsurvey.pipelines import get_pipeline
from xsurvey.pipelines.observations import ObservationInput, observations
from xsurvey.pipelines.sources import plan_sources

from ..mission_files import erosita_columns, write_erosita, write_ixpe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two IXPE observations of three units, a tile and a file that nobody can read."""
    for unit in (1, 2, 3):
        write_ixpe(tmp_path / f"pulsar_du{unit}.fits", unit, OBS_ID="01003199")
        write_ixpe(tmp_path / f"quasar_du{unit}.fits", unit, OBS_ID="02009001")
    write_erosita(tmp_path / "tile.fits")
    (tmp_path / "noise.fits").write_bytes(b"no FITS at all" * 300)
    return tmp_path


def config(folder: Path, *inputs: str, detectors: str | None = None) -> Config:
    selection = f"selection: {{detectors: {json.dumps(detectors)}}}"
    lines = ["schema: 1", "pipeline: sources", "output: out", selection, "inputs:"]
    path = folder / "config.yaml"
    path.write_text("\n".join([*lines, *(f"  - {entry}" for entry in inputs)]) + "\n")
    return load_config(path, lambda name: get_pipeline(name).sections)


def found(folder: Path, *inputs: str) -> list[ObservationInput]:
    return observations(config(folder, *inputs))


def names(observation: ObservationInput) -> list[str]:
    return [p.name for p in observation.events]


PULSAR = [f"pulsar_du{n}.fits" for n in (1, 2, 3)]
QUASAR = [f"quasar_du{n}.fits" for n in (1, 2, 3)]


def test_units_of_one_glob_are_one_observation(folder: Path) -> None:
    (one,) = found(folder, f"{folder}/pulsar_du?.fits")
    assert names(one) == PULSAR
    assert one.name == "01003199"
    assert one.mission is not None
    assert one.mission.name == "ixpe"


def test_units_of_several_entries_are_one_observation(folder: Path) -> None:
    (one,) = found(folder, *(f"{folder}/{name}" for name in PULSAR))
    assert names(one) == PULSAR


def test_units_of_a_glob_over_several_observations_are_told_apart(folder: Path) -> None:
    first, second = found(folder, f"{folder}/*_du?.fits")
    assert (names(first), names(second)) == (PULSAR, QUASAR)
    mixed = found(folder, f"{folder}/*_du1.fits", f"{folder}/*_du2.fits", f"{folder}/*_du3.fits")
    assert [names(o) for o in mixed] == [PULSAR, QUASAR]


def test_other_files_stay_apart(folder: Path) -> None:
    write_erosita(folder / "tile2.fits")
    two = found(folder, f"{folder}/tile*.fits")
    assert [o.name for o in two] == ["tile", "tile2"]
    assert [names(o) for o in two] == [["tile.fits"], ["tile2.fits"]]


def test_a_name_is_kept(folder: Path) -> None:
    (one,) = found(folder, f"{{events: '{folder}/pulsar_du?.fits', name: crab}}")
    assert one.name == "crab"
    assert names(one) == PULSAR


def test_one_name_for_several_observations_is_an_error(folder: Path) -> None:
    with pytest.raises(ParameterError, match=r"inputs\.0.*2 observations one name"):
        found(folder, f"{{events: '{folder}/*_du?.fits', name: crab}}")
    write_erosita(folder / "tile2.fits")
    with pytest.raises(XSurveyError, match="name"):
        found(folder, f"{{events: '{folder}/tile*.fits', name: crab}}")


def test_one_map_for_several_observations_is_an_error(folder: Path) -> None:
    (folder / "map.fits").write_bytes((folder / "tile.fits").read_bytes())
    entry = f"{{events: '{folder}/*_du?.fits', exposure: {folder}/map.fits}}"
    with pytest.raises(ParameterError, match="2 observations one exposure"):
        found(folder, entry)
    (one,) = found(folder, f"{{events: '{folder}/pulsar*.fits', exposure: {folder}/map.fits}}")
    assert one.others == {"exposure": folder / "map.fits"}


def test_entries_of_which_more_is_said_are_not_joined_with_others(folder: Path) -> None:
    first, second = found(
        folder, f"{{events: '{folder}/pulsar_du1.fits', name: one}}", f"{folder}/pulsar_du2.fits"
    )
    assert (first.name, names(first), names(second)) == ("one", PULSAR[:1], PULSAR[1:2])


def test_a_file_that_cannot_be_read_is_a_target_of_its_own(folder: Path) -> None:
    first, second = found(folder, f"{folder}/noise.fits", f"{folder}/pulsar_du?.fits")
    assert (first.name, first.mission) == ("noise", None)
    assert names(second) == PULSAR


def test_names_that_files_and_headers_give_are_ascii(folder: Path) -> None:
    write_erosita(folder / "é ☃.fits")
    write_ixpe(folder / "ü_du1.fits", 1, OBS_ID="03 x")
    tile, unit = found(folder, f"'{folder}/é ☃.fits'", f"{folder}/ü_du1.fits")
    assert (tile.name, names(tile)) == ("_ _", ["é ☃.fits"])
    assert unit.name == "03 x"


def test_names_that_become_alike_are_told_apart_by_the_user(folder: Path) -> None:
    for name, count in (("é", 611), ("ü", 700)):  # at other times
        write_erosita(folder / f"{name}.fits", erosita_columns(count))
    with pytest.raises(InputError, match="inputs of the same name different names"):
        plan_sources(config(folder, f"{folder}/é.fits", f"{folder}/ü.fits"))
    named = f"{{events: {folder}/ü.fits, name: u}}"
    plan = plan_sources(config(folder, f"{folder}/é.fits", named))
    targets = {task.target for task in plan.tasks if task.stage.name == "image"}
    assert targets == {"_", "u"}


def test_detectors_that_no_mission_has_are_refused_in_the_plan(folder: Path) -> None:
    both = [f"{folder}/tile.fits", f"{folder}/pulsar_du?.fits"]
    for inputs, chosen, cause in (
        (both, "TM10", r"selection\.detectors: erosita or ixpe has no 'TM10'; did you mean"),
        (both[:1], "TM8, DU1", r"selection\.detectors: erosita has no 'DU1'"),
    ):
        loaded = config(folder, *inputs, detectors=chosen)
        with pytest.raises(ParameterError, match=cause):
            plan_sources(loaded)
    # those that one of the missions has, in any case, and files that only their task can judge
    assert plan_sources(config(folder, *both, detectors="tm8,DU1")).tasks
    assert plan_sources(config(folder, f"{folder}/noise.fits", detectors="TM10")).tasks


def test_a_file_given_twice_counts_once(folder: Path) -> None:
    (one,) = found(folder, f"{folder}/pulsar_du?.fits", f"{folder}/pulsar_du1.fits")
    assert names(one) == PULSAR
