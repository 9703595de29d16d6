"""``xsurvey simulate`` through the responses: what comes out again, and what goes wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.missions import get_mission
from xsurvey.simulate.write import truth_path

from .tools import flat_area, shifting_matrix, source_list

Call = Callable[..., tuple[int, str, str]]
EROSITA = ("--mission", "erosita", "--exposure", "5ks", "--energy", "0.2-8")


@pytest.mark.parametrize("kind", ["pointing", "scan"])
def test_a_fit_finds_what_was_put_in(kind: str, tmp_path: Path, call: Call) -> None:
    """Simulated, extracted and fitted, vignetting, PSF and exposure taken account of."""
    events, spectrum, result = tmp_path / "e.fits", tmp_path / "s.pha", tmp_path / "fit.json"
    flux = 5e-12 if kind == "pointing" else 5e-11
    names = source_list(
        tmp_path / "s.ecsv", ra=[150.05], dec=[2.3], flux=[flux],
        set=["tbabs.nH=0.3 powerlaw.PhoIndex=1.8"],
    )  # fmt: skip
    how = EROSITA if kind == "pointing" else (
        "--mission", "erosita", "--scans", 12, "--field-size", "40arcmin", "--energy", "0.2-8"
    )  # fmt: skip
    status, out, error = call(
        "simulate", "-o", events, *how, "--sources", names, "--background-rate", "0.3",
        "--seed", "5",
    )  # fmt: skip
    assert status == 0, error
    assert "1 sources" in out
    status, _, error = call(
        "spectrum", "extract", events, "-o", spectrum, "--position", "150.05,2.3",
        "--source-type", "point", "--radius", "60arcsec",
    )  # fmt: skip
    assert status == 0, error
    status, _, error = call(
        "spectrum", "fit", spectrum, "--model", "tbabs*powerlaw", "--stat", "wstat", "--energy",
        "0.3-7", "--group", "min1", "--flux-band", "0.5-2", "--json", result,
    )  # fmt: skip
    assert status == 0, error
    fit = json.loads(result.read_text())
    for name, true in (("tbabs.nH", 0.3), ("powerlaw.PhoIndex", 1.8)):
        found = fit["parameters"][name]
        sigma = (found["upper"] - found["lower"]) / 2
        assert abs(found["value"] - true) < 4 * sigma, name
    truth = Table.read(truth_path(events))
    counts = truth["counts_recorded"][0]
    assert counts > 1500
    # of scans the exposure is that of a map with pixels, true to a per cent
    assert fit["flux"]["value"] == pytest.approx(flux, rel=5 / np.sqrt(counts) + 0.02)


def test_options_stand_below_titles(call: Call) -> None:
    status, out, _ = call("simulate", "--help")
    assert status == 0
    for title in ("Observation", "Sources by flux", "Backgrounds, through", "What is written"):
        assert f"\n{title}" in out


def test_errors_are_one_line(tmp_path: Path, call: Call) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    output = folder / "e.fits"
    arf = flat_area(tmp_path / "a.arf")
    coarse = flat_area(tmp_path / "c.arf", edges=np.arange(0.3, 10, 0.5))
    rmf = shifting_matrix(tmp_path / "r.rmf", get_mission("erosita").channels)
    unknown = source_list(tmp_path / "s.ecsv", ra=[1.0], dec=[2.0], flus=[1e-14])
    for options, words in (
        (["--sources", tmp_path / "none.fits"], ["none.fits"]),
        (["--sources", arf], ["a.arf"]),
        (["--sources", unknown], ["s.ecsv", "did you mean 'flux'"]),
        (["--log-n-log-s", "1e-14,3"], ["--log-n-log-s", "LIMIT"]),
        (["--model", "powerlw"], ["powerlw", "did you mean"]),
        (["--set", "powerlaw.Gamma=2"], ["powerlaw.Gamma"]),
        (["--diffuse", "powerlaw+"], ["model 'powerlaw+'"]),
        (["--start", "tomorrow", "--model", "powerlaw"], ["--start", "date"]),
        (["--arf", rmf], ["r.rmf", "effective area"]),
        (["--arf", coarse, "--rmf", rmf], ["c.arf", "energy bins"]),
        (["--arf", "none"], ["--arf", "effective area"]),
        (["--rmf", tmp_path / "no.rmf"], ["no.rmf"]),
        (["--mission", "chandra", "--arf", arf, "--rmf", rmf], ["r.rmf", "channels 1 to 1190"]),
        (["--mission", "ixpe", "--model", "powerlaw"], ["--model", "cannot be chosen"]),
        (["--mission", "ixpe", "--arf", arf], ["--arf", "cannot be chosen"]),
        (["--polarization", "0.1,20"], ["--polarization", "cannot be simulated for erosita"]),
        (["--polarization", "10,20"], ["--polarization", "between 0 and 1"]),
        (["--rotation-rate", "3"], ["--rotation-rate", "polarization"]),
        (["--mission", "ixpe", "--polarization", "0.1,20"], ["--polarization", "0 sources"]),
    ):
        status, out, error = call("simulate", "-o", output, *EROSITA, *options)
        assert status == 2, (options, error)
        lines = error.strip().splitlines()
        assert lines[-1].startswith("xsurvey: error: ")
        assert "Traceback" not in error
        for word in words:
            assert word in lines[-1], (word, lines[-1])
        assert out == ""
    assert list(folder.iterdir()) == []


def test_an_input_is_not_overwritten(tmp_path: Path, call: Call) -> None:
    name = tmp_path / "s.fits"
    Table({"ra": [150.0], "dec": [2.2], "flux": [1e-14]}).write(name)
    before = name.read_bytes()
    status, _, error = call("simulate", "-o", name, *EROSITA, "--sources", name)
    assert status == 2
    assert "input" in error
    assert name.read_bytes() == before


def test_without_an_area_the_remedy_is_named(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path / "nothing"))
    status, _, error = call("simulate", "-o", tmp_path / "e.fits", "--model", "powerlaw")
    assert status == 2
    assert "xsurvey data install" in error
    assert "--arf" in error


def test_an_area_that_is_given_is_not_stamped(tmp_path: Path, call: Call) -> None:
    arf = flat_area(tmp_path / "a.arf")
    status, _, error = call(
        "simulate", "-o", tmp_path / "e.fits", "--exposure", "1ks", "--arf", arf, "--source",
        "150.05,2.15,100",
    )  # fmt: skip
    assert status == 0, error
    header = fits.getheader(tmp_path / "e.fits", "EVENTS")
    assert header["SIMLEVEL"] == "RESPONSE"
    assert "ARFAPPR" not in header
    assert header["RMFAPPR"] == "APPROX"


def test_dates_beyond_the_known_leap_seconds_are_no_matter(
    tmp_path: Path, call: Call, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "e.fits"
    how = ("--exposure", "1ks", "--start", "2150-01-01T00:00:00", "--seed", "1")
    assert call("simulate", "-o", path, *how)[0] == 0
    status, out, _ = call("info", path)
    assert status == 0
    assert "2150-01-01T00:00" in out
    assert not [w for w in recwarn if "dubious year" in str(w.message)]
