"""``xsurvey sed fit``: options, keys of the JSON, files, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.sed.conftest import SHORT, Call, write
from tests.sed.toy_model import TRUTH, TwoHumps, drawn
from xsurvey.engine.provenance import versions
from xsurvey.inference.priors import Uniform
from xsurvey.pipelines.sed.fit_files import fit_sed_file
from xsurvey.pipelines.sed.posterior import problem_key
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution

RECORD = {"value", "lower", "upper", "confidence", "unit", "frozen"}


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the toy model in the place of all others."""
    monkeypatch.setattr(
        "xsurvey.pipelines.sed.fit_files.radiative_model", lambda *_, **__: TwoHumps()
    )


def test_result(fit: Callable, table: Path) -> None:
    result, text, errors = fit()
    assert set(result["statistic"]) == {"name", "value", "dof"}
    assert result["statistic"]["name"] == "chi2"
    assert result["statistic"]["dof"] == 35
    assert list(result["parameters"]) == [p.name for p in TwoHumps.parameters]
    for name, record in result["parameters"].items():
        assert set(record) == RECORD
        assert record["frozen"] == (name == "width")
        if not record["frozen"]:
            assert record["lower"] < record["value"] < record["upper"]
            assert record["confidence"] == 0.6827
    assert result["parameters"]["log10_peak"]["unit"] == "Hz"
    assert result["parameters"]["width"]["lower"] is None
    assert result["diagnostics"] == {"r_hat": None, "ess": None, "acceptance": None}
    peak = result["derived"]["second_peak"]
    assert peak["lower"] < peak["value"] < peak["upper"]
    assert peak["method"] == "linear"
    assert result["data"] == {
        "file": "toy.ecsv", "source": "Toy", "points": 40, "limits": 2, "left_out": 0,
        "frequency_min": pytest.approx(1e11), "frequency_max": pytest.approx(1e27),
        "instruments": {"Optical": {"points": 21, "systematic": 0.0},
                        "Gamma": {"points": 21, "systematic": 0.0}},
    }  # fmt: skip
    assert result["model"]["redshift"] == 0.1
    assert result["converged"] is True
    provenance = result["provenance"]
    assert provenance["inputs"] == {"toy.ecsv": hashlib.sha256(table.read_bytes()).hexdigest()}
    assert provenance["seed"] == 0
    assert "numpy" in provenance["versions"]
    first, *rows = text.splitlines()
    assert first.startswith(f"ssc, broken-power-law, z = 0.1: chi2 = "
                            f"{result['statistic']['value']:.4f} for 35")  # fmt: skip
    assert first.endswith("(40 points and 2 upper limits)")
    assert rows[0].startswith("log10_height")
    assert "the confidence of 2 upper limits: 0.95 is taken" in errors
    assert "degrees of freedom are of measured points alone" in errors
    assert "a double for tests" in errors
    assert "contradict" not in errors


def test_what_the_user_says_of_parameters(fit: Callable) -> None:
    result, text, _ = fit(
        "--set", "log10_height=-11", "--freeze", "log10_ratio=0.3", "--thaw", "width",
        "--limits", "log10_peak=16,17", "--prior", "width=normal:1,0.1",
        "--link", "curvature=0.16*width", "--confidence", "0.9",
    )  # fmt: skip
    parameters = result["parameters"]
    assert parameters["log10_ratio"]["value"] == 0.3
    assert parameters["log10_ratio"]["frozen"]
    assert parameters["curvature"]["link"] == "0.16*width"
    assert parameters["curvature"]["value"] == pytest.approx(0.16 * parameters["width"]["value"])
    assert parameters["width"]["prior"].startswith("normal:1,0.1")
    assert parameters["log10_peak"]["confidence"] == 0.9
    assert result["statistic"]["dof"] == 40 - 4
    assert "log10_ratio   0.3 frozen" in text


def test_systematics_and_range(fit: Callable) -> None:
    plain, _, _ = fit("--no-intervals")
    wide, _, _ = fit(
        "--no-intervals", "--systematic", "gamma=0.3", "--systematic-default", "0.1",
        "--min-frequency", "1e12", "--max-frequency", "1e26",
    )  # fmt: skip
    assert wide["statistic"]["value"] < plain["statistic"]["value"]
    assert plain["parameters"]["log10_peak"]["lower"] is None
    assert plain["derived"]["second_peak"]["method"] is None
    systematics = {k: v["systematic"] for k, v in wide["data"]["instruments"].items()}
    assert systematics == {"Optical": 0.1, "Gamma": 0.3}
    assert wide["data"]["frequency_min"] >= 1e12
    assert wide["data"]["left_out"] == 42 - wide["data"]["points"] - wide["data"]["limits"] > 0


def test_points_that_contradict_the_model_are_told_of(
    call: Call, tmp_path: Path, toy: None
) -> None:
    sed = drawn()
    sed.flux[::2] *= 1.5
    status, _, errors = call("sed", "fit", write(tmp_path / "a.ecsv", sed, redshift=0.1))
    assert status == 0
    assert "the points contradict the model, or each other" in errors
    assert "--systematic" in errors


def test_fewer_points_than_parameters(call: Call, table: Path, toy: None) -> None:
    status, _, errors = call(
        "sed", "fit", table, "--max-frequency", "2e12", "--no-intervals", "--starts", "2"
    )
    assert status == 2
    last = errors.rstrip("\n").splitlines()[-1]
    assert last.startswith("xsurvey: error: --freeze: 4 points, limits not counted, ")
    assert "do not determine 5 free parameters: log10_height, log10_peak, " in last
    assert "; freeze some (--freeze NAME=VALUE), or give priors" in last
    status, _, errors = call(
        "sed", "fit", table, "--max-frequency", "2e12", "--no-intervals", "--starts", "2",
        "--prior", "log10_shift=normal:8.7,0.1",
    )  # fmt: skip
    assert status == 0
    assert "4 points do not determine 5 free parameters" in errors


def test_redshift(fit: Callable, call: Call, tmp_path: Path) -> None:
    result, _, errors = fit("--redshift", "0.2", "--no-intervals")
    assert result["model"]["redshift"] == 0.2
    assert "the redshift is 0.2, and not that of the table, 0.1" in errors
    without = write(tmp_path / "without.ecsv", drawn())
    status, _, errors = call("sed", "fit", without)
    assert status == 2
    assert "xsurvey: error: --redshift: is needed, and without.ecsv does not tell it" in errors


def test_posterior_with_figures_and_chain(fit: Callable, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("chain.h5", "sed.png", "corner.png")]
    result, text, _ = fit(
        "--mcmc", "--seed", "3", "--chain", files[0], "--plot", files[1], "--corner", files[2],
        *SHORT,
    )  # fmt: skip
    found = result["diagnostics"]
    assert {"r_hat", "ess", "acceptance"} < set(found)
    assert 1 <= found["r_hat"] < 1.3
    assert found["ess"] > 10
    assert 0.1 < found["acceptance"] < 0.9
    assert (found["steps"], found["ensembles"], found["walkers"]) == (200, 4, 20)
    assert found["r_hat"] == max(p["r_hat"] for p in found["parameters"].values())
    for name, truth in zip(result["parameters"], TRUTH, strict=False):
        record = result["parameters"][name]
        assert record["lower"] < record["value"] < record["upper"]
        assert record["value"] == pytest.approx(truth, abs=4 * (record["upper"] - record["lower"]))
        assert record["best_fit"] == pytest.approx(record["value"], rel=0.05)
    assert result["derived"]["second_peak"]["method"] == "posterior"
    assert result["provenance"]["seed"] == 3
    assert "posterior: 200 steps of 4 x 20 walkers, R-hat" in text
    assert all(f.stat().st_size > 1000 for f in files)
    assert files[1].read_bytes().startswith(b"\x89PNG")
    again, _, _ = fit("--mcmc", "--seed", "3", "--chain", files[0], *SHORT)
    assert again["parameters"] == result["parameters"]
    _check_other_problem(fit, files[0])


def _check_other_problem(fit: Callable, chain: Path) -> None:
    """A chain is of its data and settings: of others it is refused."""
    with pytest.raises(AssertionError, match="holds chains of something else"):
        fit("--mcmc", "--seed", "3", "--chain", chain, "--systematic-default", "0.1", *SHORT)


def test_evidence(fit: Callable) -> None:
    priors = [
        word for name, low, high in (
            ("log10_height", -10.4, -10.0), ("log10_peak", 16.5, 17.1), ("curvature", 0.15, 0.17),
            ("log10_ratio", 0, 0.6), ("log10_shift", 8.4, 9.0),
        ) for word in ("--prior", f"{name}=uniform:{low},{high}")
    ]  # fmt: skip
    result, text, _ = fit("--nested", "--live-points", "60", "--no-intervals", *priors)
    assert np.isfinite(result["evidence"]["log_evidence"])
    assert -0.5 * result["statistic"]["value"] > result["evidence"]["log_evidence"]
    assert "ln(evidence) = " in text
    recorded = result["provenance"]["parameters"]
    assert recorded["NestedParameters"]["live_points"] == 60
    assert "SedFitParameters" in recorded


def test_a_chain_is_of_a_version_and_of_priors(
    table: Path, toy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that models bring along, too; start values do not decide a posterior."""

    def key(*, parameters: tuple | None = None, **said: object) -> str:
        rows = TwoHumps.parameters if parameters is None else parameters
        monkeypatch.setattr(TwoHumps, "parameters", rows)
        chosen = SedFitParameters(starts=1, intervals=False, **said)
        return problem_key(fit_sed_file(table, chosen))

    first, *rest = plain = TwoHumps.parameters
    of = key()
    assert of == key() == key(parameters=(replace(first, value=-10.3), *rest))
    others = [
        (replace(first, minimum=-15.0), *rest), (replace(first, maximum=-7.0), *rest),
        (replace(first, prior=Uniform(-16, -6)), *rest),
        (*plain[:-1], replace(plain[-1], value=1.1)),
    ]  # fmt: skip
    keys = {key(parameters=rows) for rows in others}
    assert len(keys | {of}) == 5
    newer = {**versions(), "xsurvey": "99"}
    monkeypatch.setattr("xsurvey.pipelines.sed.posterior.versions", lambda: newer)
    assert key(parameters=plain) != of


PROTONS = ("--model", "hadronic", "--freeze", "log10_proton_gamma_max=5")
REFUSED = [
    (("--model", "scc"), "no radiative model 'scc'; did you mean 'ssc'"),
    (("--model", "external-compton"), "--target: what electrons scatter is missing"),
    (("--model", "external-compton", "--target", "dust"), "--target: there is no target 'dust'"),
    (("--target", "torus"), "--target: changes nothing of the model 'ssc'"),
    (("--model", "external-compton", "--target", "blr", "--line", "Ly"), "there is no line 'Ly'"),
    (("--line", "Lyalpha"), "--line: changes nothing of the model 'ssc'; leave it out"),
    (("--black-body",), "--black-body: changes nothing of the model 'ssc'"),
    (("--model", "external-compton", "--target", "torus", "--line", "CIV"), "of the target blr"),
    (("--model", "external-compton", "--target", "blr", "--black-body"), "of the target torus"),
    (("--electrons", "broken-powerlaw"), "did you mean 'broken-power-law'"),
    (("--freeze", "log10_C=1"), "log10_C: no parameter"),
    (("--set", "delta=1e9"), "delta: 1e+09 is not within its limits"),
    (
        ("--freeze", "gamma_min=1e6", "--freeze", "gamma_max=1e5"),
        "gamma_min: 1e+06 is not below gamma_max, 100000",
    ),
    (
        ("--model", "external-compton", "--target", "disk", "--freeze", "R_in=300"),
        "R_in: 300 is not below R_out, 200",
    ),
    (
        (*PROTONS, "--freeze", "proton_gamma_min=1e5"),
        "proton_gamma_min: 100000 is not below 10^log10_proton_gamma_max, 10^5",
    ),
    (("--systematic", "Gama=0.1"), "--systematic: toy.ecsv has no instrument 'Gama'"),
    (("--systematic", "Gamma"), "--systematic: 'Gamma' is not INSTRUMENT=FRACTION"),
    (("--min-frequency", "1e30"), "toy.ecsv: has no points"),
    (("--min-frequency", "-1"), "--min-frequency: "),
    (("--redshift", "-0.1"), "--redshift: "),
    (("--limit-confidence", "95"), "--limit-confidence: "),
    (("--chain", "c.h5"), "--chain: needs a chain"),
    (("--corner", "c.png"), "--corner: needs a chain"),
    (("--plot", "c.pdf"), "--plot: draws PNG files"),
    (("--confidence", "68"), "--confidence: "),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_refused(
    call: Call, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    status, text, errors = call("sed", "fit", table, *arguments)
    assert status == 2
    last = errors.rstrip("\n").splitlines()[-1]
    assert last.startswith("xsurvey: error: ")
    assert message in last
    assert "; " in last
    assert "Traceback" not in errors
    assert text == ""
    assert sorted(tmp_path.iterdir()) == before


def test_evidence_needs_priors(call: Call, table: Path, toy: None) -> None:
    status, _, errors = call("sed", "fit", table, "--nested")
    assert status == 2
    assert "log10_height: has no prior" in errors


def test_the_table_is_not_overwritten(call: Call, table: Path) -> None:
    before = table.read_bytes()
    status, _, errors = call("sed", "fit", table, "--json", table)
    assert status == 2
    assert "is an input of this command" in errors
    assert table.read_bytes() == before


def test_a_missing_table(call: Call, tmp_path: Path) -> None:
    status, _, errors = call("sed", "fit", tmp_path / "none.ecsv")
    assert status == 2
    assert "none.ecsv: does not exist; check the path" in errors


def test_synchrotron_self_compton_end_to_end(call: Call, tmp_path: Path) -> None:
    """Points of the model itself are fitted by it, from other start values."""
    model = radiative_model("ssc", redshift=0.05)
    truth = np.array([p.value for p in model.parameters])
    names = [p.name for p in model.parameters]
    truth[names.index("delta")], truth[names.index("log10_B")] = 25.0, -1.2
    frequency = np.concatenate((np.geomspace(1e13, 1e18, 15), np.geomspace(1e22, 1e26, 10)))
    flux = sum(model.components(truth[None, :], frequency).values())[0]
    sed = SpectralEnergyDistribution(
        "s", frequency, flux, 0.05 * flux, 0.05 * flux, np.zeros(25, bool), np.full(25, np.nan),
        ("A",) * 25,
    )  # fmt: skip
    out = tmp_path / "out.json"
    status, _, errors = call(
        "sed", "fit", write(tmp_path / "ssc.ecsv", sed, redshift=0.05), "--json", out,
        "--no-intervals", "--starts", "1",
    )  # fmt: skip
    assert status == 0, errors
    result = json.loads(out.read_text())
    assert result["statistic"]["value"] < 1e-2
    for name, value in zip(names, truth, strict=True):
        assert result["parameters"][name]["value"] == pytest.approx(value, abs=0.02 * abs(value))
    assert set(result["derived"]) >= {"radius", "magnetic_field", "energy_ratio"}
