"""``xsurvey sed fit`` with background light, dust and a host galaxy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from tests.sed.toy_model import TRUTH, TwoHumps, drawn
from xsurvey.sed.constants import TEV
from xsurvey.sed.on_the_way.background_tables import read_background_light
from xsurvey.sed.on_the_way.extinction import GalacticDust
from xsurvey.sed.on_the_way.seen_through import SeenThrough, WithHost
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.tables.table import read_template

Call = Callable[..., tuple[int, str, str]]
OPTIONS = ("--ebl", "tau.ecsv", "--ebv", "0.3", "--host", "host.csv")
FLUX = u.erg / (u.cm**2 * u.s)


def write(sed: SpectralEnergyDistribution) -> None:
    """Write a table as sed.ecsv in the working directory."""
    Table({
        "nu": sed.frequency * u.Hz, "nufnu": sed.flux * FLUX, "nufnu_err": sed.error_low * FLUX,
    }, meta={"redshift": 0.1}).write("sed.ecsv", format="ascii.ecsv")  # fmt: skip


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points of the toy model seen through tau.ecsv and dust, with a host galaxy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "xsurvey.pipelines.sed.fit_files.radiative_model", lambda *_, **__: TwoHumps()
    )
    energy = np.geomspace(0.01, 50, 20)
    Table({"energy": energy * u.TeV, "tau": energy}, meta={"redshift": 0.1}).write("tau.ecsv")
    nu = np.geomspace(3e13, 2e15, 20)
    template = np.exp(-((np.log10(nu / 3e14) / 0.3) ** 2)) * 3e-11
    rows = "".join(f"{x:.6e},{y:.6e}\n" for x, y in zip(nu, template, strict=True))
    Path("host.csv").write_text("nu [Hz],nufnu [erg / (cm2 s)]\n" + rows)
    model = SeenThrough(
        WithHost(TwoHumps(), *read_template("host.csv")),
        [read_background_light("tau.ecsv").towards(0.1), GalacticDust(0.3)],
    )
    sed = drawn(points=120)
    theta = np.concatenate([TRUTH, [1.0, 0.3]])[None, :]
    flux = sum(model.components(theta, sed.frequency).values())[0]
    noise = sed.flux / drawn(points=120, error=1e-9).flux  # 1 +- 5 %
    write(replace(sed, flux=noise * flux, error_low=0.05 * flux))


def test_what_is_around_is_fitted_and_told(call: Call, files: None) -> None:
    status, _, errors = call("sed", "fit", "sed.ecsv", *OPTIONS, "--json", "fit.json")
    assert status == 0, errors
    result = json.loads(Path("fit.json").read_text())
    assert result["statistic"]["value"] < result["statistic"]["dof"] + 50
    for name, truth in zip((*TwoHumps.parameters[:5], "host"), (*TRUTH, 0.3), strict=True):
        record = result["parameters"]["log10_host" if name == "host" else name.name]
        assert record["value"] == pytest.approx(truth, abs=4 * (record["upper"] - record["value"]))
    assert result["derived"]["second_peak"]["lower"] is not None
    model = result["model"]
    assert model["extinction"] == {"law": "Fitzpatrick 1999", "reddening": 0.3, "r_v": 3.1}
    assert model["host"] == {"template": "host.csv"}
    highest = 1e27 / TEV
    assert model["background_light"] == {
        "name": "tau.ecsv", "reference": "tau.ecsv",
        "largest_optical_depth": pytest.approx(highest),
    }  # fmt: skip
    assert "absorbed on the way, as by tau.ecsv, with an optical depth of 4.14" in errors
    assert "E(B-V) = 0.3 and R_V = 3.1" in errors
    assert result["provenance"]["inputs"] == {
        name: hashlib.sha256(Path(name).read_bytes()).hexdigest()
        for name in ("sed.ecsv", "tau.ecsv", "host.csv")
    }


def test_what_is_not_taken_is_told(call: Call, files: None) -> None:
    arguments = ("sed", "fit", "sed.ecsv", "--no-intervals", "--starts", "1", "--json")
    status, _, errors = call(*arguments, "a.json")
    assert status == 0
    assert "gamma rays are not absorbed on the way (--ebl)" in errors
    model = json.loads(Path("a.json").read_text())["model"]
    assert [model[k] for k in ("background_light", "extinction", "host")] == [None] * 3
    status, _, errors = call(*arguments, "b.json", "--max-frequency", "1e24")
    assert status == 0
    assert "absorbed" not in errors


REFUSED = [
    (("--ebl", "dominguez"), "--ebl: 'dominguez' is neither a model of the background light nor a"),
    (("--ebl", "finke-2010"), "run `xsurvey data install ebl`"),
    (("--ebl", "host.csv"), "host.csv: has no column of tau"),
    (("--ebl", "tau.ecsv", "--redshift", "0.2"), "--ebl: tau.ecsv is of the redshift 0.1 alone"),
    (("--ebv", "-1"), "--ebv: "),
    (("--r-v", "1"), "--r-v: "),
    (("--host", "none.csv"), "none.csv: does not exist"),
    (("--host", "far.csv"), "--host: far.csv has no light at the frequencies of the points"),
    (("--host", "host.csv", "--json", "host.csv"), "host.csv: is an input of this command"),
    (("--ebl", "tau.ecsv", "--json", "tau.ecsv"), "tau.ecsv: is an input of this command"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_refused(
    call: Call, files: None, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
    message: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("XSURVEY_DATA", "nothing")
    monkeypatch.setattr(
        "xsurvey.pipelines.sed.fit_files.radiative_model", lambda *_, redshift, **__: _at(redshift)
    )
    Path("far.csv").write_text("nu [Hz],nufnu [erg / (cm2 s)]\n1e5,1\n1e6,1\n")
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    status, text, errors = call("sed", "fit", "sed.ecsv", *arguments)
    assert (status, text) == (2, "")
    last = errors.rstrip("\n").splitlines()[-1]
    assert last.startswith("xsurvey: error: ")
    assert message in last
    assert "; " in last
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def _at(redshift: float) -> TwoHumps:
    model = TwoHumps()
    model.redshift = redshift
    return model


def test_a_chain_is_of_its_files(call: Call, files: None) -> None:
    """With other optical depths in a file of the same name it is refused."""
    arguments = (
        "sed", "fit", "sed.ecsv", *OPTIONS, "--starts", "1", "--mcmc", "--chain", "chain.h5",
        "--max-steps", "20", "--min-steps", "20", "--check-every", "10", "--min-ess", "10",
    )  # fmt: skip
    status, _, errors = call(*arguments)
    assert status == 0, errors
    table = Table.read("tau.ecsv")
    table["tau"] *= 1.1
    table.write("tau.ecsv", overwrite=True)
    status, _, errors = call(*arguments)
    assert status == 2
    assert "holds chains of something else" in errors
