"""``xsurvey spectrum fit``: every option, the keys of its JSON, what it says beside the numbers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xsurvey.io.ogip.write_pha import write_pha_two
from xsurvey.io.ogip.write_responses import write_rmf
from xsurvey.spectra.models import python_models
from xsurvey.spectra.models.python_models import PythonModel, register_model

from .conftest import FAINT, drawn, make_rmf

Call = Callable[..., tuple[int, str, str]]
Files = Callable[..., Path]
RECORD = {"value", "lower", "upper", "confidence", "unit", "frozen"}


@pytest.fixture
def fit(call: Call, files: Files, tmp_path: Path) -> Callable[..., tuple[dict[str, Any], str, str]]:
    """Return a function that fits the source and gives JSON, output and error text."""
    source = files()

    def run(*arguments: object, model: str = "powerlaw", spectra: tuple[Path, ...] = ()
            ) -> tuple[dict[str, Any], str, str]:  # fmt: skip
        out = tmp_path / "out.json"
        status, text, errors = call(
            "spectrum", "fit", *(spectra or (source,)), "--model", model, "--json", out, *arguments
        )
        assert status == 0, errors
        assert "NaN" not in out.read_text()
        return json.loads(out.read_text()), text, errors

    return run


def test_result(fit: Callable) -> None:
    result, text, errors = fit("--energy", "0.5-7")
    assert set(result) >= {"statistic", "parameters", "flux", "goodness"}
    assert set(result["statistic"]) == {"name", "value", "dof"}
    assert result["statistic"]["name"] == "cstat"
    assert set(result["parameters"]) == {"powerlaw.PhoIndex", "powerlaw.norm"}
    for record in result["parameters"].values():
        assert set(record) == RECORD
        assert record["lower"] < record["value"] < record["upper"]
        assert record["confidence"] == 0.6827
        assert not record["frozen"]
    assert {"value", "lower", "upper", "confidence", "unit", "energy_min", "energy_max",
            "unabsorbed"} <= set(result["flux"])  # fmt: skip
    assert (result["flux"]["energy_min"], result["flux"]["energy_max"]) == (0.5, 7)
    assert result["flux"]["unit"] == "erg / (s cm2)"
    assert result["goodness"]["p_value"] is not None
    assert result["converged"] is True
    assert result["data"][0]["files"] == ["source.pha", "made.rmf", "made.arf"]
    first, *rows = text.splitlines()
    assert first.startswith(f"powerlaw: cstat = {result['statistic']['value']:.4f} for ")
    assert rows[0].startswith("powerlaw.PhoIndex  ")
    # cstat says that there is a background that it does not use
    assert "its background back.pha is not used by cstat" in errors
    assert errors.startswith("xsurvey: note: ")


def test_wstat_finds_the_source_under_its_background(fit: Callable) -> None:
    alone, _, _ = fit("--group", "bmin5", "--stat", "wstat", "--confidence", "0.95")
    for name, truth in zip(("PhoIndex", "norm"), FAINT, strict=True):
        found = alone["parameters"][f"powerlaw.{name}"]
        assert found["lower"] < truth < found["upper"]
    assert alone["statistic"]["name"] == "wstat"
    assert alone["goodness"] is None
    assert alone["data"][0]["background_scale"] == pytest.approx(0.25)
    modelled, _, _ = fit("--background-model", "powerlaw", "--confidence", "0.95")
    assert {"background.powerlaw_index", "background.powerlaw_norm"} < set(modelled["parameters"])
    found = modelled["parameters"]["powerlaw.norm"]
    assert found["lower"] < FAINT[1] < found["upper"]
    chi2, _, _ = fit("--stat", "chi2", "--subtract", "--group", "min20", "--confidence", "0.95")
    assert chi2["parameters"]["powerlaw.norm"]["value"] == pytest.approx(
        alone["parameters"]["powerlaw.norm"]["value"], rel=0.05
    )


def test_wstat_tells_of_empty_background_bins(fit: Callable) -> None:
    _, _, errors = fit("--stat", "wstat")
    assert "bins have no background counts" in errors
    assert "--group bmin1" in errors


def test_chi2_tells_of_empty_bins(fit: Callable) -> None:
    _, _, errors = fit("--stat", "chi2")
    assert "bins have no counts, where chi2 has no right variance" in errors
    assert "its background back.pha is not used by chi2" in errors


@pytest.mark.parametrize("variance", ["data", "gehrels", "model"])
def test_variances_differ(fit: Callable, variance: str) -> None:
    result, _, _ = fit("--stat", "chi2", "--chi2-variance", variance, "--group", "min20")
    value = result["parameters"]["powerlaw.PhoIndex"]["value"]
    assert value == pytest.approx(1.7, abs=0.15)  # the background is in it


@pytest.mark.parametrize("rule", ["none", "min5", "bmin2", "opt"])
def test_groups(fit: Callable, rule: str) -> None:
    result, _, _ = fit("--group", rule)
    groups = result["data"][0]["groups"]
    assert result["statistic"]["dof"] == groups - 2
    assert (groups == 120) == (rule == "none")


def test_parameters_as_the_user_says(fit: Callable) -> None:
    result, text, _ = fit(
        "--set", "tbabs.nH=0.1", "--freeze", "tbabs.nH", "--freeze", "bbody.norm=0",
        "--link", "powerlaw.PhoIndex=2*bbody.kT", "--limits", "bbody.kT=0.3,2",
        "--prior", "bbody.kT=normal:0.9,0.1", "--abund", "wilm", "--xsect", "bcmc",
        model="tbabs*(bbody+powerlaw)",
    )  # fmt: skip
    parameters = result["parameters"]
    assert parameters["tbabs.nH"] == {
        "value": 0.1, "lower": None, "upper": None, "confidence": None, "unit": "10^22",
        "frozen": True,
    }  # fmt: skip
    assert parameters["powerlaw.PhoIndex"]["link"] == "2*bbody.kT"
    assert parameters["powerlaw.PhoIndex"]["value"] == 2 * parameters["bbody.kT"]["value"]
    assert 0.3 < parameters["bbody.kT"]["value"] < 2
    assert "prior" in parameters["bbody.kT"]
    assert result["model"]["abund"] == "wilm"
    assert "frozen" in text


def test_nothing_free(fit: Callable) -> None:
    result, _, _ = fit("--freeze", "powerlaw.PhoIndex=1.8", "--freeze", "powerlaw.norm=0.004")
    assert result["parameters"]["powerlaw.norm"]["frozen"] is True
    assert result["flux"]["value"] > 0
    # nothing was measured: an interval of no width would claim otherwise
    assert result["flux"]["lower"] is result["flux"]["upper"] is None


def test_without_intervals(fit: Callable) -> None:
    result, text, _ = fit("--no-intervals", "--starts", "1")
    assert result["parameters"]["powerlaw.norm"]["lower"] is None
    assert result["flux"]["lower"] is None
    assert " to " not in text.split("flux")[1].replace("unabsorbed", "")


def test_fluxes_and_luminosities(fit: Callable) -> None:
    result, text, _ = fit("--flux-band", "0.5-2", "--flux-band", "2-10",
                          "--luminosity-redshift", "0.158")  # fmt: skip
    soft, hard = result["fluxes"]
    assert result["flux"] == soft
    assert (hard["energy_min"], hard["energy_max"]) == (2, 10)
    assert 1e43 < soft["luminosity"]["value"] < 1e47
    assert "luminosity (z = " in text
    nearer, _, _ = fit("--flux-band", "0.5-2", "--distance", "10")
    assert nearer["flux"]["luminosity"]["value"] < 1e-2 * soft["luminosity"]["value"]


def test_bands_from_zero_are_those_of_the_channels(fit: Callable) -> None:
    result, _, _ = fit("--energy", "0-2")
    assert (result["flux"]["energy_min"], result["flux"]["energy_max"]) == (0.3, 2)


def test_luminosities_of_fitted_redshifts_say_so(fit: Callable) -> None:
    options = ("--freeze", "zbbody.norm=0", "--freeze", "zbbody.kT", "--set", "zbbody.Redshift=0.1")
    held, _, errors = fit(*options, "--freeze", "zbbody.Redshift", model="powerlaw+zbbody")
    assert "luminosity" in held["flux"]
    assert "best redshift" not in errors
    free, _, errors = fit(
        "--set", "zbbody.Redshift=0.1", "--thaw", "zbbody.Redshift", "--no-intervals", "--limits",
        "zbbody.Redshift=0.05,0.2", "--freeze", "zbbody.kT", model="powerlaw+zbbody",
    )  # fmt: skip
    assert "luminosity" in free["flux"]
    assert "luminosities are for the best redshift" in errors


def test_several_spectra(fit: Callable, files: Files, tmp_path: Path) -> None:
    one = files("one.pha", header={"TELESCOP": "A"})
    other = files("two.pha", counts=drawn("powerlaw", (1.8, 0.04), 8).counts,
                  header={"TELESCOP": "B"})  # fmt: skip
    result, _, errors = fit("--untie", "powerlaw.norm", spectra=(one, other))
    names = ["powerlaw.PhoIndex", "powerlaw.norm", "2:powerlaw.norm"]
    assert list(result["parameters"]) == names
    assert result["parameters"]["2:powerlaw.norm"]["value"] == pytest.approx(0.04, rel=0.1)
    assert "fluxes are those of the first spectrum" in errors
    assert [d["spectrum"] for d in result["data"]] == ["one.pha", "two.pha"]
    result, _, errors = fit("--cross-calibration", "--area-sigma", "0.3", spectra=(one, other))
    assert "2:area.smooth_2" in result["parameters"]
    assert "cross-calibration" in errors


def test_type_two_rows(fit: Callable, tmp_path: Path) -> None:
    spectra = [drawn("powerlaw", (1.8, norm), 3) for norm in (0.01, 0.03)]
    write_pha_two(tmp_path / "two.pha", spectra)
    companions = ("--rmf", tmp_path / "made.rmf", "--arf", tmp_path / "made.arf")
    result, _, _ = fit(*companions, spectra=(Path(f"{tmp_path / 'two.pha'}{{2}}"),))
    assert result["data"][0]["spectrum"] == "two.pha{2}"
    assert result["parameters"]["powerlaw.norm"]["value"] == pytest.approx(0.03, rel=0.1)


def test_companions_in_place_of_keywords(fit: Callable, files: Files, tmp_path: Path) -> None:
    bare = files("bare.pha", background_file=None, response_file=None, ancillary_file=None)
    given = ("--rmf", tmp_path / "made.rmf", "--arf", tmp_path / "made.arf",
             "--background", tmp_path / "back.pha", "--stat", "wstat")  # fmt: skip
    assert fit(*given, spectra=(bare,))[0]["statistic"] == fit("--stat", "wstat")[0]["statistic"]
    _, _, errors = fit("--background", "none")
    assert "not used" not in errors


def test_plot(fit: Callable, files: Files, tmp_path: Path) -> None:
    fit("--plot", tmp_path / "a.png", "--stat", "wstat")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    empty = files("empty.pha", counts=np.zeros(120))
    fit("--plot", tmp_path / "b.png", spectra=(empty,))
    assert (tmp_path / "b.png").stat().st_size > 1000


def test_chain(fit: Callable, tmp_path: Path) -> None:
    settings = ("--mcmc", "--seed", "4", "--max-steps", "400", "--min-steps", "200",
                "--walkers", "16", "--flux-band", "2-7")  # fmt: skip
    files = ("--chain", tmp_path / "c.h5", "--corner", tmp_path / "c.png")
    result, text, _ = fit(*settings, *files)
    best, _, _ = fit("--flux-band", "2-7")
    for name, record in result["parameters"].items():
        assert set(record) == RECORD | {"best_fit"}
        assert record["best_fit"] == pytest.approx(best["parameters"][name]["value"], rel=1e-5)
        width = best["parameters"][name]["upper"] - best["parameters"][name]["lower"]
        assert record["upper"] - record["lower"] == pytest.approx(width, rel=0.3)
    assert result["flux"]["method"] == "posterior"
    assert result["diagnostics"]["seed"] == 4
    assert 0 <= result["posterior_predictive"]["p_value"] <= 1
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    # a finished chain is read again; another seed makes another
    again, _, _ = fit(*settings, *files)
    assert again["parameters"] == result["parameters"]
    wider, _, _ = fit(*settings, *files, "--confidence", "0.95")
    assert wider["diagnostics"] == result["diagnostics"]
    assert wider["parameters"]["powerlaw.norm"]["upper"] > record["upper"]
    fresh, _, _ = fit(*settings)
    assert fresh["parameters"] == result["parameters"]
    assert "posterior predictive" in text


def test_bands_without_channels_are_told(fit: Callable) -> None:
    one, _, quiet = fit("--energy", "0.5-7")
    both, _, errors = fit("--energy", "0.5-7", "--energy", "500-7000")
    assert both["statistic"] == one["statistic"]
    assert "source.pha: has no good channel in 500-7000 keV" in errors
    assert "has no good channel" not in quiet


def test_files_of_another_telescope_are_told(fit: Callable, files: Files, tmp_path: Path) -> None:
    source = files("other.pha", header={"TELESCOP": "XMM", "INSTRUME": "EMOS1"})
    write_rmf(
        tmp_path / "moved.rmf", replace(make_rmf(), header={"TELESCOP": "XMM", "INSTRUME": "EMOS2"})
    )
    _, _, errors = fit("--rmf", tmp_path / "moved.rmf", spectra=(source,))
    assert "other.pha: moved.rmf is of EMOS2, the spectrum of EMOS1" in errors


def test_a_spectrum_given_twice_is_told(fit: Callable, files: Files) -> None:
    one, two = files("one.pha"), files("two.pha")
    told = "one.pha is given twice"
    assert told in fit("--no-intervals", spectra=(one, one))[2]
    assert told not in fit("--no-intervals", spectra=(one, two))[2]


def test_slow_absorbers_are_told_before_a_chain(fit: Callable) -> None:
    short = ("--mcmc", "--max-steps", "20", "--min-steps", "20", "--check-every", "10")
    hint = "phabs is evaluated by XSPEC's library, which takes minutes here; --smooth-phabs"
    assert fit(*short, model="phabs*powerlaw")[2].startswith(f"xsurvey: note: {hint}")
    for given in (("--smooth-phabs",), ("--freeze", "phabs.nH")):
        assert hint not in fit(*short, *given, model="phabs*powerlaw")[2]
    assert hint not in fit("--no-intervals", model="phabs*powerlaw")[2]


def test_chains_of_other_problems_are_refused(
    fit: Callable, call: Call, files: Files, tmp_path: Path
) -> None:
    settings = ("--mcmc", "--max-steps", "100", "--min-steps", "50", "--chain", tmp_path / "c.h5")
    fit(*settings)
    before = (tmp_path / "c.h5").read_bytes()
    for other in (
        ("--energy", "1-7"),
        ("--group", "min3"),
        ("--prior", "powerlaw.norm=uniform:0,1"),
    ):
        status, _, errors = call(
            "spectrum", "fit", files(), "--model", "powerlaw", *settings, *other
        )
        assert status == 2
        assert "c.h5" in errors.splitlines()[-1]
    assert (tmp_path / "c.h5").read_bytes() == before


def test_evidence(fit: Callable, call: Call, files: Files, tmp_path: Path) -> None:
    priors = ("--prior", "powerlaw.PhoIndex=uniform:1,3", "--prior",
              "powerlaw.norm=loguniform:1e-4,1e-1")  # fmt: skip
    result, text, _ = fit("--nested", "--mcmc", "--max-steps", "100", "--min-steps", "50", *priors)
    evidence = result["evidence"]
    assert "ln(evidence)" in text
    # Laplace's approximation: the best likelihood times the posterior's share of the prior
    low, high = (result["parameters"]["powerlaw.norm"][end] for end in ("lower", "upper"))
    width = result["parameters"]["powerlaw.PhoIndex"]
    sigmas = (width["upper"] - width["lower"]) / 2 / 2 * np.log(high / low) / 2 / np.log(1e3)
    laplace = -result["statistic"]["value"] / 2 + np.log(2 * np.pi * sigmas)
    assert evidence["log_evidence"] == pytest.approx(laplace, abs=1)  # but for the correlation
    # what has no prior is refused before anything is sampled or written
    status, _, errors = call("spectrum", "fit", files(), "--model", "powerlaw", "--nested",
                             "--mcmc", "--corner", tmp_path / "c.png")  # fmt: skip
    assert status == 2
    assert "has no prior" in errors
    assert not (tmp_path / "c.png").exists()


def test_python_models(fit: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_models, "_REGISTERED", {})
    register_model(PythonModel("flat", (), lambda e, rows: np.tile(np.diff(e), (len(rows), 1))))
    result, _, _ = fit("--flux-band", "1-2", model="tbabs*(flat+powerlaw)")
    assert "flat.norm" in result["parameters"]
    assert result["model"]["evaluated_by"]["flat"].startswith("Python, ")


def test_the_same_numbers_every_time(fit: Callable) -> None:
    assert fit("--stat", "wstat")[0] == fit("--stat", "wstat")[0]
