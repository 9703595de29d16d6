"""Commands over files of several units, and the simulator's command for every mission."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from xsurvey.missions import open_events

from ..mission_files import edited, write_ixpe

Call = Callable[..., tuple[int, str, str]]


def result_of(call: Call, folder: Path, *arguments: object) -> tuple[dict[str, Any], str, str]:
    """Run a command that ends well; return its JSON, output and notes."""
    status, out, error = call(*arguments, "--json", folder / "result.json")
    assert status == 0, error
    return json.loads((folder / "result.json").read_text()), out, error


def test_units_are_described_and_imaged_together(tmp_path: Path, call: Call) -> None:
    units = [write_ixpe(tmp_path / f"du{n}.fits", n) for n in (1, 2, 3)]
    whole, out, _ = result_of(call, tmp_path, "info", *units)
    assert "GPD DU1+DU2+DU3" in out
    assert "mean of 3 detectors" in out
    assert (whole["rows"], whole["events"]) == (900, 900)
    assert whole["livetime"] == pytest.approx(900)
    assert sorted(whole["gti"]) == ["1", "2", "3"]
    band = ["--band", "0-100"]
    image, _, _ = result_of(call, tmp_path, "image", *units, "-o", tmp_path / "i.fits", *band)
    assert image["counts"] == 900
    one, _, _ = result_of(
        call, tmp_path, "image", *units, "-o", tmp_path / "o.fits", *band, "--detectors", "DU2"
    )
    assert one["counts"] == 300
    assert one["livetime_s"] == pytest.approx(image["livetime_s"])
    with fits.open(tmp_path / "i.fits") as hdus:
        assert hdus[0].data.sum() == 900
        assert hdus[0].header["INSTRUME"] == "GPD DU1+DU2+DU3"


def test_a_survey_is_simulated_and_described(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "tile.fits"
    made, out, _ = result_of(
        call, tmp_path, "simulate", "-o", path, "--mission", "erosita", "--scans", "8",
        "--field-size", "30arcmin", "--energy", "0.2-5", "--background-rate", "1",
        "--source", "150,2.2,200", "--seed", "3",
    )  # fmt: skip
    assert out.startswith(f"{path}: {made['events']} events, 1 sources")
    assert made["files"] == [str(path)]
    assert open_events(path).count() == made["events"]
    told, out, _ = result_of(call, tmp_path, "info", path)
    assert told["scanning"] is True
    assert told["attitude"] is True
    assert told["warnings"] == []
    assert "survey scan" in out
    image, _, error = result_of(call, tmp_path, "image", path, "-o", tmp_path / "i.fits")
    assert image["livetime_s"] is None  # no place is seen for as long as the scans last
    assert error == ""


def test_images_of_a_scan_without_attitude_say_what_they_lack(
    survey_tile: Path, tmp_path: Path, call: Call
) -> None:
    def drop(hdus: fits.HDUList) -> None:
        for hdu in [h for h in hdus[1:] if h.name.startswith("CORRATT")]:
            hdus.remove(hdu)

    path = edited(survey_tile, tmp_path / "blind.fits", drop)
    exposure = tmp_path / "e.fits"
    _, _, error = result_of(
        call, tmp_path, "image", path, "-o", tmp_path / "i.fits", "--exposure-output", exposure
    )
    assert "without attitude" in error
    header = fits.getheader(exposure)
    assert header["BUNIT"] == ""
    assert header["EXPMAP"] == "APPROX"
    assert "relative" in str(header["COMMENT"])
    _, _, error = result_of(call, tmp_path, "detect", path, "-o", tmp_path / "d.fits")
    assert "the exposure is not known in seconds" in error


def test_an_exposure_map_for_a_spectrum_says_so(
    survey_pointing: Path, survey_tile: Path, tmp_path: Path, call: Call
) -> None:
    image, plain, weighted = (tmp_path / f"{n}.fits" for n in ("i", "plain", "weighted"))
    result_of(call, tmp_path, "image", survey_pointing, "-o", image, "--band", "2.3-5",
              "--exposure-output", plain)  # fmt: skip
    _, _, error = result_of(
        call, tmp_path, "image", survey_pointing, "-o", image, "--band", "2.3-5",
        "--exposure-output", weighted, "--exposure-spectrum", "powerlaw:2,0.03",
    )  # fmt: skip
    assert error == ""
    before, after = fits.getheader(plain), fits.getheader(weighted)
    assert "VIGNSPEC" not in before and before["VIGNKEV"] == pytest.approx(3.3912)
    assert after["VIGNSPEC"] == "powerlaw:2,0.03" and after["VIGNKEV"] < 3.3
    ratio = fits.getdata(weighted).sum() / fits.getdata(plain).sum()
    assert ratio == pytest.approx(1.023, abs=0.003)
    # a map that is given stays as it is, and that is told
    _, _, error = result_of(
        call, tmp_path, "image", survey_pointing, "-o", image, "--exposure", weighted,
        "--exposure-spectrum", "powerlaw:1",
    )  # fmt: skip
    assert "not for a spectrum: it was given" in error
    status, _, error = call("image", survey_pointing, "-o", image, "--exposure-spectrum", "apec:3")
    assert status == 2 and "'apec:3' is not powerlaw:INDEX,NH" in error


def test_simulated_units_go_beside_each_other(ixpe_units: list[Path]) -> None:
    events = open_events(ixpe_units)
    assert [p.name for p in ixpe_units] == [f"pulsar_du{n}.fits" for n in (1, 2, 3)]
    assert events.observation.instrument == "GPD DU1+DU2+DU3"
    assert sorted(events.gti) == [1, 2, 3]
