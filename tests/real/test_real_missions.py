"""Real event files through the commands: numbers that are known of them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.attitude import separations, unit_vectors
from xsurvey.missions import open_events
from xsurvey.timing.files import read_light_curve

Call = Callable[..., tuple[int, str, str]]
ALL = ["--light-curve-band", "0-100"]


@pytest.fixture(scope="module")
def excerpt(shared_data: Path) -> Path:
    path = shared_data / "erosita" / "edr_300003_events_excerpt.fits"
    if not path.is_file():
        pytest.skip("no excerpt of an eROSITA event file in shared/data")
    return path


@pytest.fixture(scope="module")
def m82(shared_data: Path) -> Path:
    return shared_data / "chandra" / "m82_obs10027_chandra_test.fits"


@pytest.fixture(scope="module")
def cen_a(shared_data: Path) -> Path:
    return shared_data / "chandra" / "cena_obs18461_evt2.fits"


def test_the_excerpt_is_described(excerpt: Path, tmp_path: Path, call: Call) -> None:
    status, out, _ = call("info", excerpt, "--json", tmp_path / "info.json")
    assert status == 0
    result = json.loads((tmp_path / "info.json").read_text())
    assert (result["mission"], result["instrument"]) == ("erosita", "merged")
    assert (result["target"], result["obs_id"]) == ("1H0707", "300003")
    assert (result["rows"], result["events"]) == (1244, 1219)
    assert sorted(result["gti"]) == ["5", "6", "7"]
    # TUNIT of PI says deg: by name it is eV
    assert 0.2 <= result["energy_min"] < result["energy_max"] < 0.5
    assert result["date_start"].startswith("2019-10-11T")
    assert (result["ra_pointing"], result["dec_pointing"]) == pytest.approx(
        (107.1704, -49.5517), abs=1e-3
    )
    assert result["scanning"] is False
    assert "approximate" in out
    assert any("no GTI tables" in w for w in result["warnings"])


def test_the_excerpt_has_positions_in_agreement_with_its_pixels(excerpt: Path) -> None:
    events = open_events(excerpt)
    data = events.columns(["x", "y", "ra", "dec"])
    ra, dec = events.wcs.all_pix2world(data["x"], data["y"], 1)
    distance = separations(unit_vectors(ra, dec), unit_vectors(data["ra"], data["dec"])) * 60
    assert distance.max() < 0.1


def test_the_image_of_the_excerpt_keeps_every_event(
    excerpt: Path, tmp_path: Path, call: Call
) -> None:
    image, summary = tmp_path / "i.fits", tmp_path / "i.json"
    for options, counts in (([], 1219), (["TM9"], None), (["TM6"], None)):
        chosen = [f"--detectors={name}" for name in options]
        status, out, error = call("image", excerpt, "-o", image, *chosen, "--json", summary)
        assert status == 0, error
        assert "approximate" in error
        result = json.loads(summary.read_text())
        assert result["exposure_map"] == "APPROX"
        if counts:
            assert result["counts"] == counts
            assert f"{counts} counts" in out
        else:
            assert 0 < result["counts"] < 1219
    status, _, error = call("image", excerpt, "-o", tmp_path / "n.fits", "--detectors", "TM1")
    assert status == 2
    assert "has no events of detectors TM1" in error


def test_the_target_of_the_excerpt_is_detected(excerpt: Path, tmp_path: Path, call: Call) -> None:
    status, _, error = call("detect", excerpt, "-o", tmp_path / "s.fits")
    assert status == 0, error
    table = Table.read(tmp_path / "s.fits")
    best = table[np.argmax(table["detection_likelihood"])]
    # 1H 0707-495 (NED: 107.17290, -49.55190)
    distance = separations(unit_vectors(best["ra"], best["dec"]), unit_vectors(107.1729, -49.5519))
    assert distance * 60 < 5
    assert best["detection_likelihood"] > 300
    assert len(table) < 10


def test_light_curves_of_the_excerpt(excerpt: Path, tmp_path: Path, call: Call) -> None:
    output = tmp_path / "lc.fits"
    status, _, error = call("lightcurve", excerpt, "-o", output, "--light-curve-band", "0.2-0.5")
    assert status == 0, error
    whole = read_light_curve(output)
    assert whole.counts.sum() == 1219
    assert whole.exposure.sum() == pytest.approx(631.6, abs=0.1)
    status, _, error = call("lightcurve", excerpt, "-o", output, "--light-curve-band", "0.2-0.5",
                            "--position", "107.1729,-49.5519", "--bin-size", "60s")  # fmt: skip
    assert status == 0, error
    target = read_light_curve(output)
    assert len(target) == 11
    # three quarters of some 120 counts
    assert 60 < target.counts.sum() < 120
    assert "no GTI tables" in error


def test_the_wrong_exposure_of_m82_is_told_by_every_command(
    m82: Path, tmp_path: Path, call: Call
) -> None:
    for command in ("info", "image", "detect", "lightcurve"):
        output = [] if command == "info" else ["-o", tmp_path / f"{command}.fits"]
        status, out, error = call(command, m82, *output)
        assert status == 0, error
        words = out if command == "info" else error
        assert "header EXPOSURE is 18279.3 s" in words, command
        assert "GTIs are used" in words, command
    curve = read_light_curve(tmp_path / "lightcurve.fits")
    assert curve.exposure[:, 0].sum() == pytest.approx(857.4, abs=0.1)
    status, _, _ = call(
        "lightcurve", m82, "-o", tmp_path / "all.fits", "--light-curve-band", "0-100"
    )
    assert status == 0
    assert read_light_curve(tmp_path / "all.fits").counts.sum() == 4612


def test_cen_a_keeps_every_event(cen_a: Path, tmp_path: Path, call: Call) -> None:
    status, out, _ = call("info", cen_a)
    assert status == 0
    assert "23094 after standard filtering, of 23094 rows" in out
    assert "warning" not in out
    status, out, error = call("image", cen_a, "-o", tmp_path / "i.fits", "--band", "0-100")
    assert status == 0
    assert "23094 counts" in out
    assert error == ""
    status, _, error = call(
        "lightcurve", cen_a, "-o", tmp_path / "l.fits", "--light-curve-band", "0-100"
    )
    assert status == 0
    assert error == ""
    curve = read_light_curve(tmp_path / "l.fits")
    assert curve.counts.sum() == 23_094
    assert curve.exposure.sum() == pytest.approx(5124.656, abs=0.1)
