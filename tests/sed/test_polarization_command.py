"""``xsurvey sed fit --polarization``: records, lines, figures, results of ours, what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from tests.report.polarization_records import polarization, unmeasured
from tests.sed.conftest import SHORT, Call, write
from tests.sed.toy_model import PolarizedHumps, TwoHumps
from xsurvey.errors import InputError
from xsurvey.pipelines.sed.measured_polarization import measured_polarization
from xsurvey.sed.models.polarized import polarized_source
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution

from .fitting.test_joint_fit import LIGHT, measured


@pytest.fixture
def light(tmp_path: Path) -> Path:
    """Three Q/I and U/I of the toy model at `LIGHT`."""
    values = measured()
    table = Table({"frequency": values.frequency * u.Hz, "q": values.q, "u": values.u})
    table["q_err"] = table["u_err"] = 0.01
    table["instrument"] = ["optical", "optical", "IXPE"]
    table.write(tmp_path / "light.ecsv", format="ascii.ecsv")
    return tmp_path / "light.ecsv"


@pytest.fixture
def degrees(tmp_path: Path) -> Path:
    """A degree without an angle, and a limit."""
    table = Table(meta={"confidence": 0.9973, "limit_kind": "limit"})
    table["frequency"] = [1e14, 1e24] * u.Hz
    table["degree"], table["degree_err"] = [20.0, np.nan] * u.percent, [1.0, np.nan] * u.percent
    table["degree_ul"] = [np.nan, 30.0] * u.percent
    table.write(tmp_path / "degrees.ecsv", format="ascii.ecsv")
    return tmp_path / "degrees.ecsv"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "xsurvey.pipelines.sed.fit_files.radiative_model", lambda *_, **__: PolarizedHumps()
    )


def test_result(fit: Callable, table: Path, light: Path) -> None:
    result, text, errors = fit("--polarization", light)
    statistic, record = result["statistic"], result["polarization"]
    assert statistic["name"] == "chi2 + polarization"
    assert statistic["dof"] == 40 + 6 - 8
    assert sum(statistic["parts"].values()) == pytest.approx(statistic["value"])
    assert record["statistic"]["value"] == pytest.approx(statistic["parts"]["polarization"])
    assert record["statistic"]["numbers"] == 6
    assert record["files"] == ["light.ecsv"]
    assert record["counts"] == {"stokes": 3, "degree": 0, "limit": 0, "undetected": 0}
    assert record["cells"] is None
    assert sum(row["statistic"] for row in record["data"]) == pytest.approx(
        statistic["parts"]["polarization"]
    )
    first = record["data"][0]
    assert (first["kind"], first["instrument"], first["frequency"]) == ("stokes", "optical", 1e13)
    assert {"q", "u", "q_err", "u_err", "qu_cov"} < set(first)
    assert first["model_degree"]["value"] == pytest.approx(0.7 * LIGHT[2], abs=0.03)
    assert first["model_angle"]["value"] == pytest.approx(LIGHT[1], abs=3)
    assert first["model_degree"]["lower"] is None
    for name, truth in zip(
        ("field_inclination", "polarization_angle", "depolarization"), LIGHT, strict=True
    ):
        parameter = result["parameters"][name]
        assert parameter["lower"] - 3 < truth < parameter["upper"] + 3
    assert result["derived"]["equivalent_cells"]["method"] == "linear"
    assert result["provenance"]["inputs"] == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (table, light)
    }
    assert "(40 points and 2 upper limits; 3 measurements of polarization)" in text
    assert "1e+13 Hz: Q/I " in text
    assert "chi2 of fluxes " in text
    assert "fluxes are of a tangled field" in errors


def test_degrees_limits_and_cells(fit: Callable, degrees: Path) -> None:
    result, text, _ = fit("--polarization", degrees, "--cells", "9")
    record = result["polarization"]
    assert record["counts"] == {"stokes": 0, "degree": 1, "limit": 1, "undetected": 0}
    assert record["cells"] == 9
    assert [row["model_angle"] for row in record["data"]] == [None, None]
    assert record["data"][1]["degree_ul"] == pytest.approx(0.3)
    assert record["data"][1]["limit_confidence"] == pytest.approx(0.9973)
    assert result["parameters"]["polarization_angle"]["frozen"]
    factor = result["parameters"]["depolarization"]
    assert factor["prior"].startswith("random-cells:9")
    assert factor["value"] == pytest.approx(0.2 / 0.7, abs=0.03)
    assert "1e+14 Hz: 20.00 +- 1.00 %; model " in text
    assert "1e+24 Hz: below 30.00 % (99.73 %); model " in text
    uniform, _, _ = fit("--polarization", degrees, "--cells", "1", "--no-intervals")
    assert uniform["parameters"]["depolarization"]["frozen"]
    assert uniform["parameters"]["depolarization"]["value"] == 1
    assert uniform["statistic"]["value"] > result["statistic"]["value"] + 100


def test_without_polarization_nothing_is_added(fit: Callable) -> None:
    result, text, _ = fit("--no-intervals")
    assert "polarization" not in result
    assert result["statistic"]["name"] == "chi2"
    assert list(result["parameters"]) == [p.name for p in TwoHumps.parameters]
    assert "polarization" not in text


def test_posterior_with_figure(fit: Callable, light: Path, degrees: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("sed.png", "chain.h5")]
    both = ("--polarization", light, "--polarization", degrees)
    result, text, _ = fit(
        *both, "--mcmc", "--seed", "3", "--plot", files[0], "--chain", files[1], *SHORT,
    )  # fmt: skip
    assert [row["frequency"] for row in result["polarization"]["data"]] == [
        1e13, 1e14, 1e15, 1e24, 1e24
    ]  # fmt: skip
    for row in result["polarization"]["data"]:
        for name in ("model_degree", "model_angle"):
            assert row[name]["lower"] < row[name]["value"] < row[name]["upper"]
            assert row[name]["confidence"] == 0.6827
        assert row["model_angle"]["upper"] - row["model_angle"]["lower"] < 10
    assert " %, 68.27 %)" not in text
    assert ", 68.27 %) % at " in text
    assert files[0].read_bytes().startswith(b"\x89PNG")
    with pytest.raises(AssertionError, match="holds chains of something else"):
        fit(*both[:2], "--mcmc", "--seed", "3", "--chain", files[1], *SHORT)


def cube(**changed: object) -> dict[str, Any]:
    row = {
        "energy": 3.0, "q_norm": 0.1, "u_norm": -0.05, "q_norm_variance": 0.0004,
        "u_norm_variance": 0.0009, "qu_norm_covariance": 0.0001,
    }  # fmt: skip
    return {"bins": [row | changed, dict.fromkeys(row)], "notes": []}


def test_results_of_ours(tmp_path: Path) -> None:
    """Bins of ``polarization pcube`` and ``polarization fit``; those without numbers are left."""
    path = tmp_path / "result.json"
    path.write_text(json.dumps(cube()))
    found = measured_polarization(path)
    assert found.frequency == pytest.approx(u.Quantity(3, u.keV).to_value(u.Hz, u.spectral()))
    np.testing.assert_allclose(found.covariance[0], [[0.0004, 0.0001], [0.0001, 0.0009]])
    assert (found.q[0], found.u[0]) == (0.1, -0.05)
    assert "1 bins without a measurement are left out" in found.notes
    row = {"energy_min": 2.0, "energy_max": 8.0, "q": 0.1, "u": 0.2, "q_err": 0.01, "u_err": 0.02}
    path.write_text(json.dumps({"energy_bins": [row]}))
    found = measured_polarization(path)
    assert found.frequency == pytest.approx(u.Quantity(4, u.keV).to_value(u.Hz, u.spectral()))
    np.testing.assert_allclose(found.covariance[0], [[0.0001, 0], [0, 0.0004]])
    assert any("middles in the logarithm" in note for note in found.notes)


def test_records_of_a_measurement_are_read(tmp_path: Path) -> None:
    """As they are made, with what flags say of errors."""
    record = polarization(q=(0.05, -0.06), u=(0.03, 0.05), error=(0.01, 0.02))
    record["bins"][1]["flags"] = ["few_events"]
    path = tmp_path / "bins.json"
    path.write_text(json.dumps(record, default=float))
    found = measured_polarization(path)
    np.testing.assert_allclose(np.sort(found.q), [-0.06, 0.05])
    np.testing.assert_allclose(found.covariance[found.q > 0, 0, 0], 0.01**2)
    assert found.notes == ("bins with the flags few_events are taken for Gaussian",)
    path.write_text(json.dumps(unmeasured(record), default=float))
    with pytest.raises(InputError, match="has no rows"):
        measured_polarization(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "damaged JSON"),
        ("[1, 2]", "no bins of polarization"),
        ('{"bins": 3}', "no bins of polarization"),
        ('{"bins": [1]}', "no bins of polarization"),
        ('{"bins": [{"energy": 3}]}', "no bins of polarization"),
        ('{"bins": []}', "has no rows"),
        ('{"energy_bins": null}', "no bins of polarization"),
        (json.dumps(cube(energy="3")), "no bins of polarization"),
        (json.dumps(cube(energy=-3)), "no positive spectral axis"),
        (json.dumps(cube(q_norm=3)), "a value above 1"),
        (json.dumps(cube(qu_norm_covariance=0.1)), "a covariance above its errors"),
    ],
)
def test_results_that_cannot_be_used(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        measured_polarization(path)


REFUSED = [
    (("--polarization", "none.ecsv"), "none.ecsv: does not exist"),
    (("--polarization", "toy.ecsv"), "toy.ecsv: has neither q and u"),
    (("--polarization", "light.ecsv", "--polarization", "light.ecsv"), "a file is given twice"),
    (("--cells", "3"), "--cells: is of polarization, and there is none"),
    (("--polarization", "light.ecsv", "--cells", "0"), "--cells: "),
    (("--polarization", "light.ecsv", "--set", "polarization_angle=300"), "polarization_angle: "),
    (("--freeze", "depolarization=1"), "depolarization: no parameter"),
    (("--polarization", "light.ecsv", "--json", "light.ecsv"), "is an input of this command"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_refused(
    call: Call, table: Path, light: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    toy: None, arguments: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = light.read_bytes()
    status, text, errors = call("sed", "fit", table, *arguments)
    assert status == 2
    last = errors.rstrip("\n").splitlines()[-1]
    assert last.startswith("xsurvey: error: ")
    assert message in last
    assert "Traceback" not in errors
    assert text == ""
    assert light.read_bytes() == before


def test_a_model_without_polarization(
    call: Call, table: Path, light: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "xsurvey.pipelines.sed.fit_files.radiative_model", lambda *_, **__: TwoHumps()
    )
    status, _, errors = call("sed", "fit", table, "--polarization", light)
    assert status == 2
    assert "--polarization: two-humps has no degrees of polarization" in errors


def test_synchrotron_self_compton_end_to_end(call: Call, tmp_path: Path) -> None:
    """Light of the model itself, optical and X-rays: inclination and depolarization are found."""
    source = polarized_source(radiative_model("ssc", redshift=0.05), angle_deg=20.0)
    names = [p.name for p in source.parameters]
    truth = {"log10_k": -2.5, "log10_gamma_b": 3.3, "p2": 4.2, "log10_B": -0.8, "delta": 25.0}
    truth |= {"field_inclination": 40.0, "polarization_angle": 17.0, "depolarization": 0.3}
    row = np.array([[truth.get(p.name, p.value) for p in source.parameters]])
    frequency = np.concatenate((np.geomspace(1e12, 1e18, 15), np.geomspace(1e19, 1e25, 10)))
    flux = sum(source.components(row, frequency).values())[0]
    sed = SpectralEnergyDistribution(
        "s", frequency, flux, 0.05 * flux, 0.05 * flux, np.zeros(25, bool), np.full(25, np.nan),
        ("A",) * 25,
    )  # fmt: skip
    where = np.array([5e14, 1e20])
    q, u_ = (x[0] for x in source.stokes(row, where).normalised)
    light = Table({"frequency": where * u.Hz, "q": q, "u": u_})
    light["q_err"] = light["u_err"] = 0.005
    light.write(tmp_path / "light.ecsv", format="ascii.ecsv")
    out = tmp_path / "out.json"
    status, _, errors = call(
        "sed", "fit", write(tmp_path / "ssc.ecsv", sed, redshift=0.05), "--polarization",
        tmp_path / "light.ecsv", "--json", out, "--no-intervals", "--starts", "1",
        *(w for n in ("log10_k", "log10_gamma_b", "p2") for w in ("--freeze", f"{n}={truth[n]}")),
    )  # fmt: skip
    assert status == 0, errors
    result = json.loads(out.read_text())
    assert result["statistic"]["value"] < 0.1
    assert names == list(result["parameters"])
    for name, value in truth.items():
        assert result["parameters"][name]["value"] == pytest.approx(value, rel=0.05)
