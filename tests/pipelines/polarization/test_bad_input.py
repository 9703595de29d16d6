"""What the pipeline ``polarization`` refuses before it begins, and what it survives."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ...mission_files import edited, write_ixpe
from ...polarization.conftest import polarized_columns
from .conftest import MARCH_2022, POLARIZATION, write_config, write_units

Run = Callable[..., object]


@pytest.fixture
def folder(observations: Path, tmp_path: Path) -> Path:
    """A folder with links to the first observation."""
    for path in observations.glob("obs01_du?.fits"):
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.fixture
def check(folder: Path, run_command: Run) -> Callable[..., str]:
    """Check a config that is bad; return what is wrong, one line an error."""

    def run(more: str = POLARIZATION, edit: Mapping[str, str] | None = None, **inputs: str) -> str:
        path = write_config(folder, more, **inputs)
        for old, new in (edit or {}).items():
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new))
        done = run_command("check", path, cwd=folder)
        assert done.returncode == 2, done.stdout
        assert not (folder / "out").exists()
        lines = done.stderr.strip().splitlines()
        assert all(line.startswith("xsurvey: ") for line in lines), done.stderr
        return done.stderr

    return run


PLACE = '{position: "150.0,2.2", radius: 60arcsec, background: "120arcsec,240arcsec"}'


@pytest.mark.parametrize(
    ("more", "edit", "cause"),
    [
        (POLARIZATION, {f"  places:\n    pulsar: {PLACE}": "  places: {}"}, "names no source"),
        (POLARIZATION, {'"150.0,2.2"': '"151.0,2.2"'}, "arcmin beyond the edge"),
        (POLARIZATION, {"radius: 60arcsec": "region: no.reg"}, "no.reg does not exist"),
        (POLARIZATION, {PLACE: "{radius: 60arcsec}"}, "position"),
        (POLARIZATION, {"240arcsec": "100arcsec"}, "is no inner radius above 0 and a larger"),
        (POLARIZATION, {"120arcsec,": "30arcsec,"}, "begins inside of the radius"),
        (
            "polarization: {background_scale: 0.1}",
            {', background: "120arcsec,240arcsec"': ""}, "pulsar has no background",
        ),
        ('polarization: {ebins: "2,14"}', {}, "reach from 2 to 14 keV"),
        ("polarization: {irf: nothing}", {}, "nothing"),
        ('polarization: {irf: "ixpe:obssim19990101:v13"}', {}, "obssim19990101"),
        ("polarization: {psf_weights: true}", {}, "psf_weights"),
        ("selection: {detectors: TM1}", {}, "TM1"),
        ("known_angle: {known_angle: 1000}", {}, "known_angle"),
        ("known_angle: {known_angle_error: 5}", {}, "is given without known_angle"),
        (POLARIZATION, {"radius:": "region: a.reg, radius:"}, "radius and region are both given"),
        (POLARIZATION, {"pulsar:": "Companion:"}, "products of the run have it"),
        ("companion: {file: none.ecsv}", {}, "none.ecsv does not exist"),
        ("companion: {file: obs01_du1.fits}", {}, "obs01_du1.fits"),
        ("radial: {model: map, model_map: obs01_du1.fits}", {}, "obs01_du1.fits"),
    ],
    ids=lambda v: str(v)[:40],
)  # fmt: skip
def test_configs(check: Callable[..., str], more: str, edit: dict, cause: str) -> None:
    assert cause in check(more, edit)


def test_no_polarimeter(check: Callable[..., str], survey_pointing: Path) -> None:
    said = check(inputs=f'"obs01_du?.fits", "{survey_pointing}"')
    assert "is of erosita, which measures no polarization" in said


def test_units_of_different_observations(check: Callable[..., str], folder: Path) -> None:
    write_units(folder, "07", 0.0, 70)
    said = check(inputs="{events: [obs01_du1.fits, obs07_du2.fits], name: both}")
    assert "inputs.0: gives 2 observations one name" in said


def test_one_unit_twice(check: Callable[..., str]) -> None:
    assert "is detector unit 1 as well as" in check(
        inputs='obs01_du1.fits, {events: ["./obs01_du1.fits"]}'
    )


def test_an_observation_that_is_called_all(check: Callable[..., str]) -> None:
    assert "stands for all" in check(inputs='{events: ["obs01_du?.fits"], name: all}')


def test_files_of_every_kind_are_told_at_once(check: Callable[..., str], folder: Path) -> None:
    columns = polarized_columns(seed=1)
    del columns["Q"]
    write_ixpe(folder / "flat.fits", 1, columns, OBS_ID="08", **MARCH_2022)
    write_ixpe(folder / "dark.fits", 1, polarized_columns(), gti={"GTI": []}, OBS_ID="09")
    (folder / "empty.fits").touch()
    said = check(inputs='"obs01_du?.fits", flat.fits, dark.fits, empty.fits')
    assert len(said.strip().splitlines()) == 3
    assert "flat.fits: has no columns Q, U" in said
    assert "dark.fits: its GTI table is empty" in said
    assert "empty.fits: is empty" in said


def test_weights_that_are_not_there(check: Callable[..., str], folder: Path) -> None:
    columns = polarized_columns(seed=1)
    del columns["W_MOM"]
    write_ixpe(folder / "plain.fits", 1, columns, OBS_ID="08", **MARCH_2022)
    said = check("polarization: {weighted: true}", inputs="plain.fits")
    assert "has no weights of events; leave `weighted` out, or give other files" in said


def test_a_region_file_that_is_none(check: Callable[..., str], folder: Path) -> None:
    (folder / "my.reg").write_text("no region\n")
    assert "my.reg" in check(POLARIZATION, {"radius: 60arcsec": "region: my.reg"})


# what only a run finds


def ran(folder: Path, run_command: Run, status: int = 0) -> dict[str, dict]:
    """Run the config of a folder; return its tasks."""
    done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    tasks = json.loads((folder / "out" / "run.json").read_text())["tasks"]
    return {f"{t['stage']} {t['target']}": t for t in tasks}


def of_run(folder: Path, name: str) -> dict:
    path = folder / "out" / "polarization" / "pulsar" / name / "polarization.json"
    return dict(json.loads(path.read_text()))


def test_an_observation_without_events_of_the_source_does_not_stop_the_others(
    folder: Path, run_command: Run
) -> None:
    for unit in (1, 2, 3):
        columns = polarized_columns(seed=unit)
        columns["X"] = ("E", columns["X"][1] + 150)
        write_ixpe(folder / f"off_du{unit}.fits", unit, columns, OBS_ID="06", **MARCH_2022)
    write_config(folder, POLARIZATION, '"obs01_du?.fits", "off_du?.fits"')
    tasks = ran(folder, run_command, status=3)
    failed = tasks["stokes pulsar 06"]
    assert failed["status"] == "failed"
    assert "no events" in failed["cause"]
    assert "\n" not in failed["cause"]
    assert tasks["polarization_catalog all"]["status"] == "done"
    found = of_run(folder, "all")
    assert found["observations"] == ["01"]
    assert list(found["missing"]) == ["06"]
    assert found["notes"][0].startswith("06 is missing: stokes: ")


def test_a_background_outside_of_the_field(folder: Path, run_command: Run) -> None:
    path = write_config(folder, POLARIZATION)
    path.write_text(path.read_text().replace("120arcsec,240arcsec", "40arcmin,50arcmin"))
    failed = ran(folder, run_command, status=3)["stokes pulsar 01"]
    assert "never exposed" in failed["cause"]
    assert not (folder / "out" / "catalog").exists()


def test_damaged_events_are_counted(folder: Path, run_command: Run) -> None:
    def without(hdus: fits.HDUList) -> None:
        hdus["EVENTS"].data["Q"][:7] = np.nan
        hdus["EVENTS"].data["U"][5:11] = np.nan

    (folder / "obs01_du1.fits").rename(folder / "good")
    edited(folder / "good", folder / "obs01_du1.fits", without)
    write_config(folder, POLARIZATION)
    ran(folder, run_command)
    assert any(
        "11 events whose time, place, energy, Q or U" in n for n in of_run(folder, "01")["notes"]
    )


def test_responses_of_another_date_are_warned_of(folder: Path, run_command: Run) -> None:
    write_config(folder, 'polarization: {irf: "ixpe:obssim20240101:v13"}\n')
    ran(folder, run_command)
    found = of_run(folder, "01")
    assert found["responses"]["name"] == "ixpe:obssim20240101:v13"
    assert any("20240101" in note for note in found["notes"])
    assert of_run(folder, "all")["notes"] == found["notes"]


def test_all_else_is_tested_where_the_companion_cannot_be_read(
    folder: Path, run_command: Run
) -> None:
    (folder / "one.ecsv").write_text("time,pd\n1,2\n")
    write_config(folder, POLARIZATION + "companion: {file: one.ecsv}\n")
    tasks = ran(folder, run_command, status=3)
    assert tasks["companion companion"]["status"] == "failed"
    assert tasks["behaviour pulsar 01"]["status"] == "done"
    path = folder / "out" / "polarization" / "pulsar" / "01" / "behaviour.json"
    found = json.loads(path.read_text())
    assert found["companion"] is None
    assert any(note.startswith("companion: ") for note in found["notes"])
    figures = folder / "out" / "polarization" / "pulsar" / "all" / "figures"
    assert (figures / "angle_01.png").is_file()


def test_a_field_without_a_source_is_mapped_without_background(
    folder: Path, run_command: Run
) -> None:
    far = {"RA_PNT": 160.0, "RA_OBJ": 160.0}  # the field, by its pointing; not its events
    for unit in (1, 2, 3):
        columns = polarized_columns(seed=unit)
        write_ixpe(folder / f"far_du{unit}.fits", unit, columns, OBS_ID="08", **MARCH_2022, **far)
    more = 'map: {enabled: true, pixel_size: 60arcsec, map_radius: 3arcmin, center: "150,2.2"}\n'
    write_config(folder, POLARIZATION + more, '"far_du?.fits", "obs01_du?.fits"')
    tasks = ran(folder, run_command)
    assert tasks["polarization_map 08"]["status"] == "done"
    record = json.loads((folder / "out" / "fields" / "08" / "map.json").read_text())
    assert record["background"] is None
    assert "stokes pulsar 08" not in tasks
    with_one = json.loads((folder / "out" / "fields" / "01" / "map.json").read_text())
    assert with_one["background"]["region"].startswith("annulus")


def test_observations_named_as_folders_keep_their_spectra(folder: Path, run_command: Run) -> None:
    write_config(folder, POLARIZATION, '{events: ["obs01_du?.fits"], name: "."}')
    ran(folder, run_command)
    (index,) = (folder / "out" / "polarization" / "pulsar").glob("*/spectra/index.json")
    assert len(list(index.parent.glob("*_i.pha"))) == 6  # units, and their backgrounds


def test_a_folder_of_responses_is_found_beside_the_config(folder: Path, run_command: Run) -> None:
    (folder / "responses").mkdir()
    (folder / "elsewhere").mkdir()
    path = write_config(folder, "polarization: {irf: responses}")
    done = run_command("check", path, cwd=folder / "elsewhere")
    assert "is neither a folder nor a set" not in done.stderr
