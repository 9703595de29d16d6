"""Configs of clusters that cannot be done are refused before any work, in one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

from xsurvey.config import Config, load_config
from xsurvey.engine import Plan
from xsurvey.errors import XSurveyError
from xsurvey.pipelines import get_pipeline

Call = Callable[..., tuple[int, str, str]]

TARGET = {"name": "a cluster", "center": "150.0,2.2", "redshift": 0.05}
BRIGHTNESS = {"bin_size": "1arcmin", "max_radius": "10arcmin", "band": "0.5-2"}
ANNULI = {"edges": ["0arcmin", "3arcmin"], "sky_inner": "8arcmin", "sky_outer": "12arcmin"}


def plan(folder: Path, events: Path, **sections: object) -> tuple[Config, Plan]:
    """Return the config of one tile with some sections, and its plan."""
    values = {
        "schema": 1, "pipeline": "cluster", "inputs": [str(events)], "output": str(folder / "out"),
        "target": TARGET, "surface_brightness": BRIGHTNESS, **sections,
    }  # fmt: skip
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    pipeline = get_pipeline("cluster")
    config = load_config(path, lambda _: pipeline.sections)
    return config, pipeline.plan(config)


def stages(made: Plan) -> list[str]:
    return [task.stage.name for task in made.tasks]


def test_brightness_alone_needs_no_spectra(survey_tile: Path, tmp_path: Path) -> None:
    _, made = plan(tmp_path, survey_tile, target={"center": "150.0,2.2"})
    assert stages(made) == [
        "flares", "image", "detect", "mosaic", "surface_brightness", "cluster_catalog",
    ]  # fmt: skip


def test_without_sources_there_is_no_search(survey_tile: Path, tmp_path: Path) -> None:
    _, made = plan(tmp_path, survey_tile, mask={"sources": False}, annuli=ANNULI)
    assert "detect" not in stages(made)
    assert stages(made)[-4:] == ["deprojection", "mass", "cluster_catalog", "absorption"]


def test_ellipses_are_compared_as_shapes(survey_tile: Path, tmp_path: Path) -> None:
    _, made = plan(
        tmp_path, survey_tile, annuli={**ANNULI, "ellipse": "1.25,40"},
        surface_brightness={**BRIGHTNESS, "ellipse": "0.8,220"},
    )  # fmt: skip
    assert "mass" in stages(made)


def test_files_that_sections_name_are_inputs(survey_tile: Path, tmp_path: Path) -> None:
    (tmp_path / "closed.fits").write_bytes(b"particles")
    (tmp_path / "mask.reg").write_text("icrs\ncircle(150.0,2.3,10)\n")
    config, made = plan(
        tmp_path, survey_tile, particles={"templates": ["TM8=closed.fits", "TM9=closed.fits"]},
        mask={"regions": "mask.reg"}, annuli=ANNULI,
    )  # fmt: skip
    named = {path.name for path in made.input_files()}
    assert {"closed.fits", "mask.reg", survey_tile.name} == named
    assert config.sections["particles"].templates == ("TM8=closed.fits", "TM9=closed.fits")
    spectra = next(task for task in made.tasks if task.stage.name == "annulus_spectra")
    assert [path.name for path in spectra.inputs["closed"]] == ["closed.fits"]


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"target": {"redshift": 0.05}}, "target.center: is required"),
        ({"target": {"center": "150,2.2"}, "annuli": ANNULI}, "target.redshift: is required"),
        ({"surface_brightness": {"max_radius": "9arcmin"}}, "bin_size: is required"),
        ({"annuli": {"edges": ["0arcmin", "3arcmin"]}}, "annuli.sky_inner: is required"),
        ({"particles": {"templates": ["TM8=none.fits"]}}, "none.fits does not exist"),
        ({"mask": {"regions": "none.reg"}}, "none.reg does not exist"),
        ({"comparison": {"references": ["none.ecsv"]}}, "none.ecsv does not exist"),
        ({"surface_brightness": {**BRIGHTNESS, "psf": "none.fits"}}, "none.fits does not exist"),
        ({"target": {**TARGET, "redshift": -1}}, "target.redshift"),
        ({"target": {**TARGET, "name": "ein Haufen \u00e4"}}, "printable ASCII"),
        ({"spectra": {"psf": "wide"}}, "spectra.psf"),
        ({"absorption": {"nh_map": "none.fits"}, "annuli": ANNULI}, "none.fits does not exist"),
        ({"absorption": {"nh_map": __file__}}, "needs the responses of spectra"),
        ({"annuli": {**ANNULI, "ellipse": "1.3,40"}}, "annuli.ellipse: is not that of surface"),
        ({"absorption": {"kt": 0}}, "absorption.kt"),
        ({"annulus": {}}, "unknown key"),
    ],
)
def test_refused_before_any_work(
    sections: dict[str, object], said: str, survey_tile: Path, tmp_path: Path
) -> None:
    with pytest.raises(XSurveyError) as caught:
        plan(tmp_path, survey_tile, **sections)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_and_several_missions_are_refused(
    survey_tile: Path, event_file: Path, tmp_path: Path
) -> None:
    image = tmp_path / "image.txt"
    image.write_text("no events")
    with pytest.raises(XSurveyError, match="no event file of a known mission"):
        plan(tmp_path, image)
    # that of a mission is one all the same
    path = tmp_path / "counts.fits"
    hdu = fits.PrimaryHDU(np.ones((8, 8)))
    hdu.header["TELESCOP"] = "eROSITA"
    hdu.writeto(path)
    with pytest.raises(XSurveyError, match=r"is an image.*`xsurvey profile`"):
        plan(tmp_path, path)
    with pytest.raises(XSurveyError, match="their counts cannot be added"):
        plan(tmp_path, survey_tile, inputs=[str(survey_tile), str(event_file)])


def test_template_is_read_back_and_checked(call: Call, tmp_path: Path) -> None:
    status, text, _ = call("init", "cluster")
    assert status == 0
    path = tmp_path / "c.yaml"
    path.write_text(text.replace("tile.fits", str(path)))
    sections = get_pipeline("cluster").sections
    config = load_config(path, lambda _: sections)
    assert config.sections == {name: model() for name, model in sections.items()}
