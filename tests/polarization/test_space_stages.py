"""Stages of polarization maps and profiles: the numbers of the commands, of a source's position."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.engine import Stage, TaskContext
from xsurvey.engine.fingerprint import undeclared_helpers
from xsurvey.errors import ParameterError
from xsurvey.missions.selection import SelectionParameters
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.good_times_file import write_good_times
from xsurvey.pipelines.polarization.map_stage import MAP
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.pipelines.polarization.radial_stage import RADIAL
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.space.map_parameters import MapSection, RadialSection
from xsurvey.units import SkyPosition

from .made_fields import direction, disk, write_field, write_responses

Call = Callable[..., object]
PLACE = SkyPosition(150.0, 2.2)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    folder = tmp_path_factory.mktemp("field")
    x, y = disk(40_000, 120, np.random.default_rng(51))
    paths = write_field(folder, x, y, 0.5, direction(x, y), seed=52)
    return paths, write_responses(folder / "caldb")


def context_of(
    stage: Stage, field: tuple[list[Path], Path], folder: Path, target: str,
    section: StepParameters, *, inputs: dict[str, Path] | None = None,
    source: PolarizedSource | None = None, **given: object,
) -> TaskContext:  # fmt: skip
    """Return what a task of a stage is given."""
    folder.mkdir()
    good_times = folder.with_suffix(".json")
    write_good_times(good_times, "obs", None, {})
    parameters = {
        "selection": SelectionParameters(), "source": source or PolarizedSource(position=PLACE),
        "polarization": PolarizationParameters(irf=str(field[1]), **given),
        "map" if stage is MAP else "radial": section,
    }  # fmt: skip
    assert set(parameters) == set(stage.parameters)
    files = {"events": field[0], "good_times": good_times, **(inputs or {})}
    return TaskContext(target, files, parameters, folder, 3)


def record_of(context: TaskContext, stage: Stage) -> dict:
    stage.run(context)
    for name in stage.outputs:
        assert (context.folder / name).stat().st_size > 100
    return json.loads(next(context.folder.glob("*.json")).read_text())


def test_map_is_that_of_the_command(
    field: tuple[list[Path], Path], run_command: Call, tmp_path: Path
) -> None:
    section = MapSection(pixel_size="26arcsec", enabled=True)
    record = record_of(context_of(MAP, field, tmp_path / "s", "01", section), MAP)
    done = run_command(
        "polarization", "map", *field[0], "-o", tmp_path / "c.fits", "--irf", field[1],
        "--pixel-size", "26arcsec", "--json", tmp_path / "c.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    command = json.loads((tmp_path / "c.json").read_text())
    assert record.pop("observation") == "01"
    assert record.pop("files") == [Path(name).name for name in command.pop("files")]
    assert record == command
    with fits.open(tmp_path / "s/map.fits") as ours, fits.open(tmp_path / "c.fits") as theirs:
        np.testing.assert_array_equal(ours["PD"].data, theirs["PD"].data)
        assert "sha256" in str(ours[0].header["HISTORY"])


def test_background_of_a_source_is_subtracted_and_named(
    field: tuple[list[Path], Path], tmp_path: Path
) -> None:
    source = PolarizedSource(position=PLACE, background="100arcsec,115arcsec")
    section = MapSection(pixel_size="26arcsec", center=PLACE, map_radius="60arcsec")
    context = context_of(
        MAP, field, tmp_path / "s", "01", section, source=source, background_scale=0.3,
        estimator="likelihood",
    )  # fmt: skip
    record = record_of(context, MAP)
    assert record["background"]["region"].startswith("annulus 100arcsec,115arcsec about 150.0")
    # a pixel of 26 arcsec over the annulus, not the scale of the source
    assert record["background"]["scale"] == pytest.approx(
        26**2 / (np.pi * (115**2 - 100**2)), rel=0.05
    )
    assert record["estimator"] == "empirical"
    assert "scaled by areas" in record["notes"][0] and "'empirical'" in record["notes"][1]


def test_profile_is_about_the_source(field: tuple[list[Path], Path], tmp_path: Path) -> None:
    section = RadialSection(edges="0,60,120arcsec")
    record = record_of(context_of(RADIAL, field, tmp_path / "s", "a-source 01", section), RADIAL)
    assert (record["source"], record["observation"]) == ("a-source", "01")
    assert record["center"] == [150.0, 2.2]
    assert record["total_aligned"][0]["q_norm"] == pytest.approx(0.5, abs=0.08)
    away = PolarizedSource(position=SkyPosition(150.0, 2.2 + 60 / 3600))
    record = record_of(
        context_of(RADIAL, field, tmp_path / "t", "b 01", section, source=away), RADIAL
    )
    assert record["center"][1] == pytest.approx(2.2 + 60 / 3600)
    assert record["total_aligned"][0]["q_norm"] < 0.4


def test_map_of_angles_is_an_input(field: tuple[list[Path], Path], tmp_path: Path) -> None:
    header = fits.Header({
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.2, "CRPIX1": 10.5,
        "CRPIX2": 10.5, "CDELT1": -15 / 3600, "CDELT2": 15 / 3600, "BUNIT": "deg",
    })  # fmt: skip
    file = tmp_path / "found.fits"
    fits.writeto(file, np.full((20, 20), 25.0), header)
    section = RadialSection(edges="0,80arcsec", model="map", model_map=Path("as_written.fits"))
    context = context_of(RADIAL, field, tmp_path / "s", "a 01", section, inputs={"model_map": file})
    assert record_of(context, RADIAL)["model"] == "map"


def test_sections_have_their_defaults_and_limits() -> None:
    assert not MapSection().enabled and not RadialSection().enabled
    about = RadialSection(edges="0,1arcmin", model="constant", model_angle="30deg").about(PLACE)
    assert (about.center, about.model_angle) == (PLACE, 30 * 3600)
    assert about.radii.tolist() == [0, 60]
    with pytest.raises(ParameterError, match="rising radii"):
        RadialSection.read({"edges": "2,1arcmin"}, "radial")
    with pytest.raises(ParameterError, match="unknown key"):
        RadialSection.read({"center": "1,2"}, "radial")


@pytest.mark.parametrize("stage", [MAP, RADIAL])
def test_helpers_are_declared(stage: Stage) -> None:
    assert undeclared_helpers(stage) == []
