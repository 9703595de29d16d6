"""The stage ``stokes`` gives what the command gives, and limits along a known angle."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.engine import TaskContext
from xsurvey.io.json_values import finite
from xsurvey.missions.selection import SelectionParameters
from xsurvey.pipelines.good_times_file import write_good_times
from xsurvey.pipelines.polarization.cube_files import polarization_of_files
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.pipelines.polarization.stokes_files import JSON, SUMS, TABLE, read_sums
from xsurvey.pipelines.polarization.stokes_stage import run_stokes
from xsurvey.polarization.contours import delta_chi2
from xsurvey.polarization.known_angle import known_angle
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.uncertain_angle import uncertain_angle
from xsurvey.polarization.variation.behaviour_parameters import KnownAngleParameters

OWN = {"background_counts", "known_angle", "ellipses"}


def measured(
    folder: Path, observations: Path, known: dict | None = None, source: dict | None = None,
    obs: str = "02", **parameters: object,
) -> dict:  # fmt: skip
    """Run the stage; return its record."""
    folder.mkdir(exist_ok=True)
    write_good_times(folder / "good_times.json", obs, None, {})
    context = TaskContext(
        f"pulsar {obs}",
        {
            "events": sorted(observations.glob(f"obs{obs}_du?.fits")),
            "good_times": folder / "good_times.json",
        },
        {
            "selection": SelectionParameters(),
            "source": PolarizedSource(**{
                "position": "150.0,2.2", "radius": "60arcsec",
                "background": "120arcsec,240arcsec", **(source or {}),
            }),
            "polarization": PolarizationParameters(**{"ebins": "2,4,8", **parameters}),
            "known_angle": KnownAngleParameters(**(known or {})),
        },
        folder, 1,
    )  # fmt: skip
    run_stokes(context)
    return json.loads((folder / JSON).read_text())


def of_command(observations: Path, ebins: str = "2,4,8", **parameters: object) -> dict:
    regions = {n: observations / f"{n}.reg" for n in ("source", "background")}
    return finite(
        polarization_of_files(
            sorted(observations.glob("obs02_du?.fits")),
            PolarizationParameters(**{"ebins": ebins, **parameters}), SelectionParameters(),
            region=regions["source"], background_region=regions["background"],
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    "parameters",
    [
        {"estimator": "empirical"}, {"estimator": "pcube", "acceptance_correction": False},
        {"estimator": "likelihood"}, {"estimator": "empirical", "weighted": True},
        {"estimator": "likelihood", "psf_weights": True}, {"background_scale": 0.2},
    ],
    ids=str,
)  # fmt: skip
def test_numbers_are_those_of_the_command(
    observations: Path, tmp_path: Path, parameters: dict
) -> None:
    found = measured(tmp_path / "stage", observations, **parameters)
    expected = of_command(observations, **parameters)
    for own, one in zip(found["bins"], expected["bins"], strict=True):
        assert {k: v for k, v in own.items() if k not in OWN - {"background_counts"}} == one
    (whole,) = of_command(observations, "2,8", **parameters)["bins"]
    assert {k: v for k, v in found["whole"].items() if k in whole} == whole
    for key in ("estimator", "weighted", "unit", "responses", "livetime_s", "obs_id"):
        assert found[key] == expected[key], key
    assert found["background"]["scale"] == expected["background"]["scale"]
    assert found["background"]["counts"] == expected["background"]["counts"] > 0
    assert set(expected["notes"]) <= set(found["notes"])


def test_one_bin_is_the_whole_and_the_table_has_the_same(
    observations: Path, tmp_path: Path
) -> None:
    found = measured(tmp_path, observations, ebins="2,8")
    assert found["bins"] == [found["whole"]]
    with fits.open(tmp_path / TABLE) as hdus:
        row, header = hdus["POLARIZATION"].data[0], hdus["POLARIZATION"].header
    for name in ("I", "Q", "U", "pd", "mdp99", "significance"):
        assert row[name] == found["whole"][name], name
    assert (header["SRCNAME"], header["OBSNAME"]) == ("pulsar", "02")
    assert header["BKGSCALE"] == found["background"]["scale"]
    assert any("obs02_du1.fits sha256" in line for line in header["HISTORY"])


def test_sums_are_read_back_as_they_were(observations: Path, tmp_path: Path) -> None:
    found = measured(tmp_path, observations)
    result = read_sums(tmp_path / SUMS)
    assert result.bins.bins.estimator == "empirical"
    assert result.whole.sums.i[0] == found["whole"]["I"]
    assert list(result.bins.bins.u) == [one["U"] for one in found["bins"]]
    for one in fields(result.bins.sums):
        assert getattr(result.bins.sums, one.name).shape == (2,), one.name


def test_a_known_angle(observations: Path, tmp_path: Path) -> None:
    found = measured(tmp_path, observations, {"known_angle": 10.0})
    assert found["known_angle"] == {"angle_deg": 10.0, "error_deg": 0.0}
    one = found["whole"]
    q, u, covariance = of_record(one)
    expected = known_angle(np.array([q]), np.array([u]), covariance[None], 10.0)
    along = one["known_angle"]
    assert along["pd"] == pytest.approx(
        q * np.cos(np.radians(20)) + u * np.sin(np.radians(20)), rel=1e-12
    )
    for name, values in (
        ("pd_err", expected.error), ("pd_upper_99", expected.upper_limit(0.99)),
        ("significance", expected.significance), ("consistency", expected.consistency),
        ("pd_lower", expected.interval(along["confidence"])[0]),
    ):  # fmt: skip
        assert along[name] == pytest.approx(float(values[0]), rel=1e-12), name


def test_a_known_angle_with_an_error(observations: Path, tmp_path: Path) -> None:
    found = measured(tmp_path, observations, {"known_angle": 10.0, "known_angle_error": 30.0})
    one = found["whole"]
    along, expected = one["known_angle"], uncertain_angle(*of_record(one), 10.0, 30.0)
    assert along["pd_upper_9973"] == pytest.approx(expected.upper_limit(0.9973002039367398))
    assert along["pd_lower"] == pytest.approx(expected.interval(along["confidence"])[0])
    sharp = measured(tmp_path / "sharp", observations, {"known_angle": 10.0})["whole"]
    assert along["pd"] == sharp["known_angle"]["pd"]
    assert along["pd_upper_99"] != sharp["known_angle"]["pd_upper_99"]


def test_without_an_angle_there_is_none(observations: Path, tmp_path: Path) -> None:
    found = measured(tmp_path, observations)
    assert found["known_angle"] is None
    assert [one["known_angle"] for one in found["bins"]] == [None, None]


def test_ellipses_have_the_area_of_their_level(observations: Path, tmp_path: Path) -> None:
    one = measured(tmp_path, observations)["whole"]
    _, _, covariance = of_record(one)
    assert [e["level"] for e in one["ellipses"]] == [0.5, 0.683, 0.9, 0.99]
    for ellipse in one["ellipses"]:
        assert (ellipse["q"], ellipse["u"]) == (one["q_norm"], one["u_norm"])
        area = ellipse["semi_major"] * ellipse["semi_minor"]
        scale = float(delta_chi2(ellipse["level"]))
        assert area == pytest.approx(scale * np.linalg.det(covariance) ** 0.5, rel=1e-9)


def test_without_a_background(observations: Path, tmp_path: Path) -> None:
    found = measured(tmp_path, observations, source={"radius": "30arcsec", "background": None})
    assert found["background"] is None
    assert found["region"] == "circle 30arcsec"
    assert found["whole"]["background_counts"] is None
    assert 0 < found["whole"]["counts"] < of_command(observations, "2,8")["bins"][0]["counts"]


def of_record(one: dict) -> tuple[float, float, np.ndarray]:
    shared = one["qu_norm_covariance"]
    covariance = np.array([[one["q_norm_variance"], shared], [shared, one["u_norm_variance"]]])
    return one["q_norm"], one["u_norm"], covariance
