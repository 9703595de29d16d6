"""Benchmarks of emission: what they compare, and tiny runs without a peer."""

import stat
from pathlib import Path

import numpy as np
import pytest

from benchmarks import sed_agreement, sed_speed
from benchmarks.sed_zones import PEER_NAMES, ZONES, peer_spectra
from xsurvey.sed.models.ssc import Resolution
from xsurvey.sed.particles.distributions import DISTRIBUTIONS


def test_zones_have_all_parameters_within_their_limits() -> None:
    assert set(PEER_NAMES) == set(DISTRIBUTIONS) - {"cooled-power-law"}  # agnpy has none
    for zone in ZONES.values():
        parameters = DISTRIBUTIONS[zone.electrons].parameters
        assert set(zone.values) == {p.name for p in parameters} | {"delta", "log10_B", "t_var"}
        for parameter, value in zip(parameters, zone.theta[0], strict=False):
            assert parameter.minimum <= value <= parameter.maximum


def test_what_the_peer_gets() -> None:
    zone = ZONES["Mrk 421"].for_peer()
    assert zone["distribution"] == "BrokenPowerLaw"
    assert zone["radius"] == pytest.approx(2.99792458e10 * 86400 * 19.75 / 1.0308)
    assert zone["b"] == pytest.approx(10**-1.329)
    assert set(zone["electrons"]) == {"k", "p1", "p2", "gamma_b", "gamma_min", "gamma_max"}
    assert zone["electrons"]["gamma_b"] == pytest.approx(10**4.991)


def test_differences_are_of_the_bulk_and_the_end_is_apart() -> None:
    zone = ZONES["Mrk 421"]
    flux = np.where(sed_agreement.FREQUENCIES > 1e20, 1.0, 1e-5)
    other = flux * np.where(sed_agreement.FREQUENCIES > 1.25e27, 1.3, 1.02)
    found = sed_agreement.difference(other, flux, zone, "compton")
    assert found["largest"] == pytest.approx(0.02)
    assert found["median"] == pytest.approx(0.02)
    assert found["largest_at_the_end"] == pytest.approx(0.3)
    assert sed_agreement.difference(other, flux, zone, "synchrotron")["largest"] > 0.29


def test_agreement_of_two_resolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sed_agreement, "ZONES", {"Mrk 421": ZONES["Mrk 421"]})
    resolutions = {"default": Resolution(12, 6), "twice": Resolution(16, 8)}
    monkeypatch.setattr(sed_agreement, "OURS", resolutions)
    monkeypatch.setattr(sed_agreement, "DRAWS", 3)
    result = sed_agreement.run(0, 1.0)
    assert all(len(result["draws"][name]["compton"]) == 4 for name in DISTRIBUTIONS)
    found = result["zones"]["Mrk 421"]["differences"]
    assert list(found) == ["xsurvey, default from xsurvey, twice"]
    for component in found["xsurvey, default from xsurvey, twice"].values():
        assert 0 < component["largest"] < 0.05


def test_speed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sed_speed, "BATCHES", (1, 4))
    monkeypatch.setattr(sed_speed, "_own", lambda which, seed: "0.25")
    found = sed_speed.run(1, 0.01)
    assert set(found["ms_per_spectrum"]) == {"1", "4"}
    assert found["first_call_s"] == 0.25
    assert "agnpy" not in found
    sed_speed.first(1)
    assert float(capsys.readouterr().out) > 0


def test_a_peer_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'ImportError: no agnpy' >&2\nexit 1\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(SystemExit, match="no agnpy"):
        peer_spectra(str(python), [ZONES["Mrk 421"]], np.array([1e10]))
